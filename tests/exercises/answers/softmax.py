"""Chapter 5."""

import math

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


RIGHT = {
    "5.2": [with_loops, by_logsumexp, in_doubles, lambda scores: torch.softmax(scores, -1)],
    "5.3": [entropy_with_where, entropy_by_xlogy, entropy_with_loops],
}
WRONG = {
    "5.2": [
        (over_queries, "down_columns"),
        (naive, "overflow"),
        (one_maximum, "largest_of_all"),
        (without_keepdim, "lost_axis"),
        (hard_argmax, "argmax"),
        (lambda scores: F.log_softmax(scores, -1), "log_softmax"),
        (hot, None),
    ],
    "5.3": [
        (lambda weights: -(weights * weights.log()).sum(-1), "zero_nan"),
        (lambda weights: -(weights * (weights + 1e-2).log()).sum(-1), "zero_floored"),
        (lambda weights: (weights * weights.log()).nansum(-1), "no_minus"),
        (lambda weights: -(weights * weights.log2()).nansum(-1), "bits"),
        (lambda weights: -(weights * weights.log()).nansum(), "of_all_rows"),
    ],
}
