"""Chapter 7."""

import torch
from torch.nn import functional as F


def back(seq_len):
    place = torch.arange(seq_len)
    return place[:, None] - place


def window_by_loops(seq_len, width):
    mask = torch.zeros(seq_len, seq_len, dtype=torch.bool)
    for i in range(seq_len):
        mask[i, max(0, i - width + 1) : i + 1] = True
    return mask


def window_by_triangles(seq_len, width):
    ones = torch.ones(seq_len, seq_len)
    return (ones.tril() - ones.tril(-width)) == 1


def window_by_list(seq_len, width):
    return [[0 <= i - j < width for j in range(seq_len)] for i in range(seq_len)]


def window_past_loops(seq_len, width):
    mask = torch.zeros(seq_len, seq_len)
    for i in range(seq_len):
        mask[i, max(0, i - width) : i + 1] = 1
    return mask.bool()


def window_that_stops(seq_len, width):
    mask = torch.zeros(seq_len, seq_len, dtype=torch.bool)
    for i in range(seq_len):
        mask[i, i - width + 1 : i + 1] = True
    return mask


def prefix_by_slice(seq_len, n):
    mask = torch.ones(seq_len, seq_len, dtype=torch.bool).tril()
    mask[:, :n] = True
    return mask


def prefix_by_block(seq_len, n):
    place = torch.arange(seq_len)
    among = (place[:, None] < n) & (place[None, :] < n)
    return torch.ones(seq_len, seq_len).tril().bool() | among


def prefix_by_loops(seq_len, n):
    return [[j < n or j <= i for j in range(seq_len)] for i in range(seq_len)]


def prefix_rows(seq_len, n):
    mask = torch.ones(seq_len, seq_len, dtype=torch.bool).tril()
    mask[:n] = True
    return mask


def causal(seq_len):
    return torch.ones(seq_len, seq_len, dtype=torch.bool).tril()


def replaced_by_clones(module, x, other):
    before, table = module(x), torch.zeros(len(x), len(x), dtype=torch.bool)
    for j in range(len(x)):
        copy = x.clone()
        copy[j] = other
        table[:, j] = (module(copy) - before).abs().amax(-1) > 1e-6
    return table


def replaced_by_where(module, x, other):
    chosen = torch.eye(len(x), dtype=torch.bool)[..., None]
    copies = torch.where(chosen, other, x)
    moved = [(module(copy) != module(x)).any(-1) for copy in copies]
    return torch.stack(moved).T


def replaced_by_list(module, x, other):
    before = module(x).tolist()
    afters = [module(torch.cat([x[:j], other[None], x[j + 1 :]])).tolist() for j in range(len(x))]
    return [[after[i] != before[i] for after in afters] for i in range(len(x))]


def replaced_for_good(module, x, other):
    before, columns = module(x), []
    now = x.clone()
    for j in range(len(x)):
        now[j] = other
        columns.append((module(now) != before).any(-1))
    return torch.stack(columns, 1)


def replaced_rows(module, x, other):
    return replaced_by_clones(module, x, other).T


def replaced_all(module, x, other):
    before, columns = module(x), []
    for j in range(len(x)):
        copy = x.clone()
        copy[j] = other
        columns.append((module(copy) != before).all(-1))
    return torch.stack(columns, 1)


def replaced_signed(module, x, other):
    before, columns = module(x), []
    for j in range(len(x)):
        copy = x.clone()
        copy[j] = other
        columns.append((module(copy) - before).amax(-1) > 1e-6)
    return torch.stack(columns, 1)


def replaced_in_numbers(module, x, other):
    return replaced_by_clones(module, x, other).long()


def replaced_diagonal(module, x, other):
    return replaced_by_clones(module, x, other) & ~torch.eye(len(x), dtype=torch.bool)


def soft(scores):
    return torch.softmax(scores, -1)


def scaled(queries, keys):
    return queries @ keys.transpose(-2, -1) / keys.shape[-1] ** 0.5


def masked_by_fill(queries, keys, values, mask=None):
    scores = scaled(queries, keys)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return soft(scores).nan_to_num() @ values


def masked_by_powers(queries, keys, values, mask=None):
    scores = scaled(queries.double(), keys.double())
    powers = (scores - scores.amax(-1, keepdim=True)).exp()
    if mask is not None:
        powers = powers * mask
    sums = powers.sum(-1, keepdim=True)
    weights = torch.where(sums > 0, powers / sums, 0.0)
    return weights @ values.double(), weights


def masked_by_adding(queries, keys, values, mask=None):
    scores = scaled(queries, keys)
    if mask is None:
        return soft(scores) @ values
    plus = torch.zeros(mask.shape)
    plus[~mask] = float("-inf")
    weights = soft(scores + plus)
    weights[weights.isnan()] = 0
    return weights @ values


def without_mask(queries, keys, values, mask=None):
    return soft(scaled(queries, keys)) @ values


def masked_late(queries, keys, values, mask=None):
    weights = soft(scaled(queries, keys))
    return (weights if mask is None else weights * mask) @ values


def masked_by_zero(queries, keys, values, mask=None):
    scores = scaled(queries, keys)
    return soft(scores if mask is None else scores * mask) @ values


def masked_by_a_billion(queries, keys, values, mask=None):
    scores = scaled(queries, keys)
    if mask is not None:
        scores = scores.masked_fill(mask == 0, -1e9)
    return soft(scores) @ values


def masked_plainly(queries, keys, values, mask=None):
    scores = scaled(queries, keys)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return soft(scores) @ values


def masked_round(queries, keys, values, mask=None):
    return masked_by_fill(queries, keys, values, None if mask is None else ~mask)


def masked_unscaled(queries, keys, values, mask=None):
    scores = queries @ keys.mT
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return soft(scores).nan_to_num() @ values


def always_causal(queries, keys, values, mask=None):
    corner = torch.ones(queries.shape[-2], keys.shape[-2], dtype=torch.bool).tril()
    return masked_by_fill(queries, keys, values, corner)


RIGHT = {
    "7.1": [window_by_loops, window_by_triangles, window_by_list],
    "7.3": [prefix_by_slice, prefix_by_block, prefix_by_loops],
    "7.4": [replaced_by_clones, replaced_by_where, replaced_by_list],
    "7.5": [
        masked_by_fill,
        masked_by_powers,
        masked_by_adding,
        lambda q, k, v, mask=None: F.scaled_dot_product_attention(q, k, v, attn_mask=mask),
    ],
}
WRONG = {
    "7.1": [
        (window_past_loops, "one_more"),
        (window_that_stops, None),
        (lambda seq_len, width: back(seq_len).abs() < width, "both_sides"),
        (lambda seq_len, width: back(seq_len) < width, "future_open"),
        (lambda seq_len, width: causal(seq_len), "no_width"),
        (lambda seq_len, width: (back(seq_len) > 0) & (back(seq_len) < width), "not_itself"),
        (lambda seq_len, width: ~window_by_triangles(seq_len, width), "mask_says_no"),
        (lambda seq_len, width: window_by_triangles(seq_len, width).float(), "mask_of_numbers"),
        (lambda seq_len, width: window_by_triangles(seq_len, width).T, "looks_ahead"),
    ],
    "7.3": [
        (prefix_rows, "prefix_asks"),
        (lambda seq_len, n: causal(seq_len) & (torch.arange(seq_len) < n), "prefix_and"),
        (lambda seq_len, n: causal(seq_len) | (torch.arange(seq_len) <= n), "prefix_one_more"),
        (lambda seq_len, n: causal(seq_len).T | (torch.arange(seq_len) < n), "causal_ahead"),
        (lambda seq_len, n: causal(seq_len), "prefix_ignored"),
        (lambda seq_len, n: prefix_by_slice(seq_len, n).int(), "mask_of_numbers"),
        (lambda seq_len, n: torch.ones(seq_len, seq_len).bool(), None),
    ],
    "7.4": [
        (replaced_for_good, "put_stays"),
        (replaced_rows, "table_transposed"),
        (replaced_all, "changed_all"),
        (replaced_signed, "changed_rises"),
        (replaced_in_numbers, "table_numbers"),
        (replaced_diagonal, None),
    ],
    "7.5": [
        (without_mask, "mask_ignored"),
        (masked_late, "mask_after"),
        (masked_by_zero, "mask_zero"),
        (masked_by_a_billion, "empty_mean"),
        (masked_plainly, "empty_nan"),
        (masked_round, "mask_inverted"),
        (masked_unscaled, "no_scale"),
        (always_causal, None),
    ],
}
