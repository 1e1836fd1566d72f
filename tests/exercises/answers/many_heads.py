"""Chapter 9."""

import torch
from torch.nn import functional as F


def attend(queries, keys, values, mask=None, scale=None):
    scores = queries @ keys.mT * (scale or queries.shape[-1] ** -0.5)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-1) @ values


def split(x, n_heads):
    return x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)


def join(y):
    return y.transpose(-3, -2).flatten(-2)


def grouped_by_repeating(queries, keys, values, mask=None):
    keys, values = keys.repeat_interleave(4, -3), values.repeat_interleave(4, -3)
    return attend(queries, keys, values, mask)


def grouped_by_library(queries, keys, values, mask=None):
    return F.scaled_dot_product_attention(queries, keys, values, mask, enable_gqa=True)


def grouped_by_axes(queries, keys, values, mask=None):
    queries = queries.unflatten(-3, (2, 4))
    return attend(queries, keys.unsqueeze(-3), values.unsqueeze(-3), mask).flatten(-4, -3)


def grouped_by_loop(queries, keys, values, mask=None):
    heads = [
        attend(queries[..., h, :, :], keys[..., h // 4, :, :], values[..., h // 4, :, :], mask)
        for h in range(8)
    ]
    return torch.stack(heads, dim=-3)


def of_groups(own_keys, own_values, **how):
    def made(queries, keys, values, mask=None):
        keys, values = keys[..., own_keys, :, :], values[..., own_values, :, :]
        return attend(queries, keys, values, mask, **how)

    return made


NEAR, DEALT = [0, 0, 0, 0, 1, 1, 1, 1], [0, 1, 0, 1, 0, 1, 0, 1]


def grouped_unmasked(queries, keys, values, mask=None):
    return grouped_by_repeating(queries, keys, values)


def several(x, W_query, W_key, W_value, W_output, n_heads, mask=None):
    three = (split(x @ W, n_heads) for W in (W_query, W_key, W_value))
    return join(attend(*three, mask)) @ W_output


def several_by_sum(x, W_query, W_key, W_value, W_output, n_heads, mask=None):
    width, total = x.shape[-1] // n_heads, 0
    for h in range(n_heads):
        own = slice(h * width, (h + 1) * width)
        q, k, v = x @ W_query[:, own], x @ W_key[:, own], x @ W_value[:, own]
        total = total + attend(q, k, v, mask) @ W_output[own]
    return total


def several_by_einsum(x, W_query, W_key, W_value, W_output, n_heads, mask=None):
    q, k, v = ((x @ W).unflatten(-1, (n_heads, -1)) for W in (W_query, W_key, W_value))
    scores = torch.einsum("...qhc,...khc->...hqk", q, k) / q.shape[-1] ** 0.5
    if mask is not None:
        scores = scores + torch.zeros(mask.shape).masked_fill(~mask, -torch.inf)
    mixed = torch.einsum("...hqk,...khc->...qhc", scores.softmax(-1), v)
    return mixed.flatten(-2) @ W_output, scores.softmax(-1)


def several_by_library(x, W_query, W_key, W_value, W_output, n_heads, mask=None):
    three = (split(x @ W, n_heads) for W in (W_query, W_key, W_value))
    return join(F.scaled_dot_product_attention(*three, attn_mask=mask)) @ W_output


def of_heads(cut=split, lay=join, look=attend, write=lambda y, W: y @ W):
    def made(x, W_query, W_key, W_value, W_output, n_heads, mask=None):
        three = (cut(x @ W, n_heads) for W in (W_query, W_key, W_value))
        return write(lay(look(*three, mask)), W_output)

    return made


def cut_by_view(x, n_heads):
    *batch, seq_len, d_model = x.shape
    return x.reshape(*batch, n_heads, seq_len, d_model // n_heads)


def laid_by_view(y):
    *batch, n_heads, seq_len, width = y.shape
    return y.reshape(*batch, seq_len, n_heads * width)


def laid_by_first_axes(y):
    *batch, n_heads, seq_len, width = y.shape
    return y.transpose(1, 2).reshape(*batch, seq_len, n_heads * width)


def dealt(x, n_heads):
    return x.unflatten(-1, (-1, n_heads)).movedim(-1, -3)


def by_d_model(queries, keys, values, mask=None):
    d_model = queries.shape[-1] * queries.shape[-3]
    return attend(queries, keys, values, mask, scale=d_model**-0.5)


def over_heads(queries, keys, values, mask=None):
    scores = queries @ keys.mT / queries.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    return scores.softmax(-3).nan_to_num() @ values


def linear_style(x, W_query, W_key, W_value, W_output, n_heads, mask=None):
    return several(x, W_query.T, W_key.T, W_value.T, W_output, n_heads, mask)


def slices(x, W_query, W_key, W_value, W_output, n_heads, mask=None):
    width, heads = x.shape[-1] // n_heads, []
    for h in range(n_heads):
        own = slice(h * width, (h + 1) * width)
        three = [x[..., own] @ W[own, own] for W in (W_query, W_key, W_value)]
        heads.append(attend(*three, mask))
    return torch.cat(heads, -1) @ W_output


def one_head(x, W_query, W_key, W_value, W_output, n_heads, mask=None):
    return several(x, W_query, W_key, W_value, W_output, 1, mask)


def split_by_chunks(x, n_heads):
    return torch.stack(x.chunk(n_heads, dim=-1), dim=-3)


def split_by_loop(x, n_heads):
    width = x.shape[-1] // n_heads
    heads = [x[..., h * width : (h + 1) * width] for h in range(n_heads)]
    return torch.stack(heads, dim=-3).double()


def split_by_permute(x, n_heads):
    *batch, seq_len, d_model = x.shape
    flat = x.reshape(-1, seq_len, n_heads, d_model // n_heads).permute(0, 2, 1, 3)
    return flat.reshape(*batch, n_heads, seq_len, d_model // n_heads)


RIGHT = {
    "9.1": [grouped_by_repeating, grouped_by_library, grouped_by_axes, grouped_by_loop],
    "9.2": [several, several_by_sum, several_by_einsum, several_by_library],
    "9.5": [split, split_by_chunks, split_by_loop, split_by_permute],
}
WRONG = {
    "9.1": [
        (of_groups(DEALT, DEALT), "groups_dealt"),
        (of_groups(NEAR, DEALT), "values_dealt"),
        (of_groups([0] * 8, [0] * 8), "groups_first"),
        (of_groups(NEAR, NEAR, scale=1.0), "no_scale"),
        (grouped_unmasked, "mask_ignored"),
        (of_groups(NEAR[::-1], NEAR[::-1]), "groups_reversed"),
        (of_groups(NEAR, NEAR[::-1]), None),
    ],
    "9.2": [
        (of_heads(lay=laid_by_first_axes), "join_first_axes"),
        (of_heads(lay=laid_by_view), "join_view"),
        (of_heads(cut=cut_by_view, lay=laid_by_view), {"split_view", "join_view"}),
        (of_heads(look=by_d_model), "scale_d_model"),
        (of_heads(look=over_heads), "over_heads"),
        (of_heads(write=lambda y, W: y), "no_output"),
        (of_heads(write=lambda y, W: y @ W.T), "output_transposed"),
        (of_heads(lay=lambda y: y, write=lambda y, W: y), "heads_apart"),
        (of_heads(cut=dealt), "split_dealt"),
        (linear_style, "matrices_transposed"),
        (slices, "slices"),
        (one_head, "one_head"),
    ],
    "9.5": [
        (cut_by_view, "split_view"),
        (dealt, "split_dealt"),
        (lambda x, n_heads: x.unflatten(-1, (n_heads, -1)), "heads_behind"),
        (lambda x, n_heads: x.unflatten(-1, (-1, n_heads)).transpose(-3, -2), "split_width"),
        (lambda x, n_heads: x.unflatten(-1, (n_heads, -1)).transpose(0, 1), "first_axes"),
        (lambda x, n_heads: split(x, n_heads).flip(-3), None),
    ],
}
