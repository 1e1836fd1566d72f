"""Chapter 15."""

import copy
import io
import math
from fractions import Fraction

import torch
from scipy.stats import binomtest, chi2
from torch import nn


def saved_and_loaded(model):
    stream = io.BytesIO()
    torch.save(model, stream)
    stream.seek(0)
    return torch.load(stream, weights_only=False)


def copied_and_loaded(model):
    made = copy.deepcopy(model)
    made.load_state_dict(model.state_dict())
    return made


def drawn_anew(model):
    made = copy.deepcopy(model)
    for part in made.modules():
        if hasattr(part, "reset_parameters"):
            part.reset_parameters()
    return made


def in_a_row(model):
    return nn.Sequential(model)


def parameters_alone(model):
    made = copy.deepcopy(model)
    for part in made.modules():
        if isinstance(part, nn.BatchNorm1d):
            part.reset_running_stats()
    return made


def detached(model):
    made = copy.deepcopy(model)
    for parameter in made.parameters():
        parameter.requires_grad = False
    return made


def by_fractions(one, other):
    n = one + other
    ways = [math.comb(n, k) for k in range(n + 1)]
    as_lopsided = [w for k, w in enumerate(ways) if abs(2 * k - n) >= abs(one - other)]
    return float(Fraction(sum(as_lopsided), 2**n))


def by_scipy(one, other):
    return binomtest(one, one + other).pvalue


def by_pascal(one, other):
    row = torch.ones(1, dtype=torch.float64)
    for _ in range(one + other):
        row = (nn.functional.pad(row, (1, 0)) + nn.functional.pad(row, (0, 1))) / 2
    few = min(one, other)
    return 1.0 if one == other else row[: few + 1].sum() + row[-few - 1 :].sum()


def one_sided(one, other):
    return binomtest(min(one, other), one + other, alternative="less").pvalue


def uncapped(one, other):
    n = one + other
    return 2 * sum(math.comb(n, k) for k in range(min(one, other) + 1)) / 2**n


def off_by_one(one, other):
    n = one + other
    return min(1, 2 * sum(math.comb(n, k) for k in range(min(one, other))) / 2**n)


def mcnemar(one, other):
    return chi2.sf((one - other) ** 2 / (one + other), 1)


def mcnemar_corrected(one, other):
    return chi2.sf(max(abs(one - other) - 1, 0) ** 2 / (one + other), 1)


def this_count(one, other):
    return 2 * math.comb(one + other, one) / 2 ** (one + other)


def up_to_one(one, other):
    n = one + other
    return min(1, 2 * sum(math.comb(n, k) for k in range(one + 1)) / 2**n)


def share_of_one(one, other):
    return one / (one + other)


def with_masks(one, other, labels):
    return ((one == labels) & (other != labels)).sum(), ((one != labels) & (other == labels)).sum()


def with_a_loop(one, other, labels):
    first = second = 0
    for a, b, label in zip(one.tolist(), other.tolist(), labels.tolist(), strict=True):
        first += a == label != b
        second += b == label != a
    return first, second


def by_subtraction(one, other, labels):
    good, fine = one.eq(labels), other.eq(labels)
    both = int((good & fine).sum())
    return [int(good.sum()) - both, int(fine.sum()) - both]


def hits(one, other, labels):
    return (one == labels).sum(), (other == labels).sum()


def misses(one, other, labels):
    return (one != labels).sum(), (other != labels).sum()


def differences(one, other, labels):
    return (one != other).sum().item(), (other != one).sum().item()


def means(one, other, labels):
    a, b = with_masks(one, other, labels)
    return a / len(labels), b / len(labels)


def mistaken(one, other, labels):
    """Whose mistake it is."""
    return ((one != labels) & (one != other)).sum(), ((other != labels) & (one != other)).sum()


def uniform_by_scores(queries, keys, values, mask=None):
    scores = torch.zeros(queries.shape[-2], keys.shape[-2])
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = scores.softmax(-1).nan_to_num()
    return weights @ values, weights


def uniform_by_loop(queries, keys, values, mask=None):
    rows = []
    for i in range(queries.shape[-2]):
        seen = values if mask is None else values[..., mask[i], :]
        rows.append(seen.sum(-2) / max(seen.shape[-2], 1))
    return torch.stack(rows, dim=-2)


def uniform_by_einsum(queries, keys, values, mask=None):
    if mask is None:
        mask = torch.ones(queries.shape[-2], keys.shape[-2], dtype=bool)
    counts = mask.sum(-1, keepdim=True).clamp(min=1)
    return torch.einsum("qk,...kv->...qv", mask / counts, values), None


def mean_of_values(queries, keys, values, mask=None):
    mean = values.mean(dim=-2, keepdim=True)
    return mean.expand(*values.shape[:-2], queries.shape[-2], values.shape[-1]), None


def one_mean(queries, keys, values, mask=None):
    if mask is None:
        return values.mean(-2, keepdim=True), None
    return uniform_by_einsum(queries, keys, values, mask)[0][..., :1, :], None


def as_values(queries, keys, values, mask=None):
    return values.mean(-2, keepdim=True).expand_as(values), None


def divided_by_all(queries, keys, values, mask=None):
    if mask is None:
        mask = torch.ones(queries.shape[-2], keys.shape[-2])
    return mask.float() @ values / keys.shape[-2]


def empty_is_nan(queries, keys, values, mask=None):
    if mask is None:
        mask = torch.ones(queries.shape[-2], keys.shape[-2])
    return mask.float() @ values / mask.sum(-1, keepdim=True)


def summed(queries, keys, values, mask=None):
    if mask is None:
        mask = torch.ones(queries.shape[-2], keys.shape[-2])
    return mask.float() @ values


def identity(queries, keys, values, mask=None):
    return values, None


def a_fraction(one, other):
    n, fewer = one + other, min(one, other)
    return min(Fraction(1), Fraction(2 * sum(math.comb(n, i) for i in range(fewer + 1)), 2**n))


RIGHT = {
    "15.2": [copy.deepcopy, saved_and_loaded, copied_and_loaded],
    "15.4": [a_fraction, by_fractions, by_scipy, by_pascal],
    "15.5": [with_masks, with_a_loop, by_subtraction],
    "15.6": [uniform_by_scores, uniform_by_loop, uniform_by_einsum],
}
WRONG = {
    "15.2": [
        (lambda model: model, "itself"),
        (copy.copy, "shallow"),
        (drawn_anew, {"fresh", "buffers"}),
        (parameters_alone, "buffers"),
        (detached, "frozen"),
        (lambda model: copy.deepcopy(model).eval(), "evaluates"),
        (in_a_row, {"shallow", "trains"}),
        (lambda model: model.state_dict(), None),
    ],
    "15.4": [
        (one_sided, "one_sided"),
        (uncapped, "beyond_one"),
        (off_by_one, "more_only"),
        (mcnemar, "bell"),
        (mcnemar_corrected, "bell_corrected"),
        (this_count, "exactly"),
        (up_to_one, "first_side"),
        (share_of_one, None),
    ],
    "15.5": [
        (hits, "all_right"),
        (misses, "all_wrong"),
        (differences, "disagree"),
        (means, "share"),
        (mistaken, {"exchanged", "both_wrong"}),
        (lambda *three: with_masks(*three)[0] - with_masks(*three)[1], "net"),
        (lambda one, other, labels: (one == labels, other == labels), {"all_right", "not_counted"}),
        (lambda one, other, labels: (len(one), len(other)), None),
    ],
    "15.6": [
        (mean_of_values, "mask_ignored"),
        (one_mean, "one_row"),
        (as_values, {"mask_ignored", "rows_of_values"}),
        (divided_by_all, "divided_by_all"),
        (empty_is_nan, "empty_nan"),
        (summed, "summed"),
        (identity, None),
    ],
}
