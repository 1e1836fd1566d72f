"""Chapter 5."""

import math

import numpy as np
import torch
from torch.nn import functional as F


def with_loops(scores):
    flat = scores.reshape(-1, scores.shape[-1])
    rows = []
    for row in flat:
        largest = max(row.tolist())
        powers = [math.exp(score - largest) for score in row.tolist()]
        rows.append([power / sum(powers) for power in powers])
    return torch.tensor(rows).view(scores.shape)


def by_logsumexp(scores):
    return (scores - scores.logsumexp(-1, keepdim=True)).exp()


def in_doubles(scores):
    powers = (scores.double() - scores.double().amax(-1, keepdim=True)).exp()
    return powers / powers.sum(-1)[..., None]


def over_queries(scores):
    return F.softmax(scores, dim=0 if scores.ndim == 1 else -2)


def naive(scores):
    return scores.exp() / scores.exp().sum(-1, keepdim=True)


def one_maximum(scores):
    powers = torch.exp(scores - torch.max(scores))
    return powers / powers.sum(dim=-1, keepdim=True)


def without_keepdim(scores):
    powers = (scores - scores.amax(-1, keepdim=True)).exp()
    return powers / powers.sum(-1)


def hard_argmax(scores):
    return F.one_hot(scores.argmax(-1), scores.shape[-1]).float()


def hot(scores):
    return torch.softmax(scores / 2, -1)


def entropy_with_where(weights):
    return -torch.where(weights > 0, weights * weights.log(), 0.0).sum(-1)


def entropy_by_xlogy(weights):
    return -torch.special.xlogy(weights, weights).sum(dim=-1)


def entropy_with_loops(weights):
    rows = weights.reshape(-1, weights.shape[-1]).tolist()
    found = [-sum(a * math.log(a) for a in row if a > 0) for row in rows]
    return torch.tensor(found).view(weights.shape[:-1])


def filled(scores, mask, temperature):
    hot = scores.masked_fill(~mask, -torch.inf) / temperature
    return torch.softmax(hot, dim=-1).nan_to_num()


def masked_by_hand(scores, mask, temperature):
    largest = torch.where(mask, scores, -torch.inf).amax(-1, keepdim=True)
    powers = torch.where(mask, ((scores - largest) / temperature).exp(), 0.0)
    total = powers.sum(-1, keepdim=True)
    return powers / torch.where(total == 0, 1.0, total)


def masked_in_doubles(scores, mask, temperature):
    rows, allowed = scores.double().reshape(-1, scores.shape[-1]), mask.expand(scores.shape)
    found = torch.zeros_like(rows)
    for row, some, out in zip(rows, allowed.reshape(rows.shape), found, strict=True):
        if some.any():
            out[some] = torch.softmax(row[some] / temperature, 0)
    return found.view(scores.shape)


def never_empty(scores, mask, temperature):
    return torch.softmax(scores.masked_fill(~mask, -torch.inf) / temperature, -1)


def with_minus_1e9(scores, mask, temperature):
    return torch.softmax(scores.masked_fill(~mask, -1e9) / temperature, -1)


def masked_inverted(scores, mask, temperature):
    return filled(scores, ~mask, temperature)


def masked_late(scores, mask, temperature):
    return torch.softmax(scores / temperature, -1) * mask


def masked_by_zero(scores, mask, temperature):
    return torch.softmax(scores * mask / temperature, -1)


def heated_twice(scores, mask, temperature):
    return filled(scores, mask, temperature**2)


def largest_of_hidden(scores, mask, temperature):
    powers = ((scores - scores.amax(-1, keepdim=True)) / temperature).exp() * mask
    total = powers.sum(-1, keepdim=True)
    return (powers / total).nan_to_num()


def by_formula(scores):
    shares = torch.softmax(scores, -1)
    return torch.diag(shares) - shares[:, None] * shares


def by_nudging(scores, nudge=1e-5):
    before = torch.softmax(scores, -1)
    nudged = scores + nudge * torch.eye(len(scores))
    return [
        [(nudged[j].softmax(-1)[i] - before[i]) / nudge for j in range(len(scores))]
        for i in range(len(scores))
    ]


def by_autograd(scores):
    return torch.autograd.functional.jacobian(lambda s: torch.softmax(s, -1), scores)


def on_the_diagonal(scores):
    shares = scores.softmax(-1)
    return torch.diag(shares * (1 - shares))


def one_for_each(scores):
    shares = scores.softmax(-1)
    return shares * (1 - shares)


def of_log_shares(scores):
    return torch.autograd.functional.jacobian(lambda s: s.log_softmax(-1), scores)


def backwards(scores):
    return -by_formula(scores)


def not_divided(scores):
    nudged = scores + 1e-3 * torch.eye(len(scores))
    return (nudged.softmax(-1) - scores.softmax(-1)).T


def largest_size(scores):
    powers = (scores - scores.abs().amax(-1, keepdim=True)).exp()
    return powers / powers.sum(-1, keepdim=True)


def patched(scores):
    return (scores.exp() / scores.exp().sum(-1, keepdim=True)).nan_to_num()


def by_numpy(scores, axis=-1):
    powers = np.exp(scores.numpy() - scores.numpy().max(axis, keepdims=True))
    return powers / powers.sum(axis, keepdims=True)


RIGHT = {
    "5.2": [
        by_numpy,
        with_loops,
        by_logsumexp,
        in_doubles,
        lambda scores: torch.softmax(scores, -1),
    ],
    "5.3": [entropy_with_where, entropy_by_xlogy, entropy_with_loops],
    "5.4": [filled, masked_by_hand, masked_in_doubles],
    "5.5": [by_formula, by_nudging, by_autograd],
}
WRONG = {
    "5.2": [
        (largest_size, "largest_size"),
        (patched, "patched"),
        (lambda scores: F.softmax(scores.clamp(-80, 80), -1), "clipped_far"),
        (over_queries, "down_columns"),
        (naive, "overflow"),
        (one_maximum, "largest_of_all"),
        (without_keepdim, "lost_axis"),
        (hard_argmax, "argmax"),
        (lambda scores: F.log_softmax(scores, -1), "log_softmax"),
        (hot, None),
        (lambda scores: torch.softmax(scores, 0), "first_axis"),
        (lambda scores: scores.exp() / (scores.exp().sum(-1, keepdim=True) + 1e-9), "constant"),
        (lambda scores: scores / scores.sum(-1, keepdim=True), "no_exp"),
        (lambda scores: F.softmin(scores, -1), "minus"),
        (lambda scores: (scores - scores.amax(-1, keepdim=True)).exp(), "not_divided"),
        (lambda scores: torch.sigmoid(scores), "sigmoid"),
        (lambda scores: F.softmax(scores.clamp(-20, 20), -1), "clipped"),
    ],
    "5.3": [
        (lambda weights: -(weights * weights.log()).sum(-1), "zero_nan"),
        (lambda weights: -(weights * (weights + 1e-2).log()).sum(-1), "zero_floored"),
        (lambda weights: (weights * weights.log()).nansum(-1), "no_minus"),
        (lambda weights: -(weights * weights.log2()).nansum(-1), "bits"),
        (lambda weights: -(weights * weights.log()).nansum(), "of_all_rows"),
        (lambda weights: -(weights * weights.log()).nansum(0), "first"),
        (lambda weights: -weights.log().nansum(-1), {"no_share", "zero_nan"}),
        (lambda weights: -(weights * weights.log()).nanmean(-1), "mean"),
        (lambda weights: entropy_with_where(weights) / math.log(weights.shape[-1]), "normalised"),
        (lambda weights: 1 - weights.square().sum(-1), None),
        (lambda weights: torch.distributions.Categorical(weights).entropy().mean(), "mean_of_rows"),
    ],
    "5.4": [
        (never_empty, "empty_nan"),
        (with_minus_1e9, "empty_mean"),
        (masked_inverted, "mask_inverted"),
        (masked_late, "mask_after"),
        (masked_by_zero, "mask_zero"),
        (lambda scores, mask, temperature: filled(scores, mask, 1.0), "heat_ignored"),
        (lambda scores, mask, temperature: filled(scores, mask, 1 / temperature), "heat_times"),
        (heated_twice, None),
        (largest_of_hidden, "largest_hidden"),
    ],
    "5.5": [
        (on_the_diagonal, "own_alone"),
        (one_for_each, "one_row"),
        (of_log_shares, "of_logarithms"),
        (backwards, "minus"),
        (not_divided, None),
    ],
}
