"""Chapter 6."""

import torch
from torch.nn import functional as F


def soft(scores, dim=-1):
    return torch.softmax(scores, dim)


def with_einsum(queries, keys, values):
    scores = torch.einsum("...qd,...kd->...qk", queries, keys) / queries.size(-1) ** 0.5
    return torch.einsum("...qk,...kv->...qv", soft(scores), values)


def with_loops(queries, keys, values):
    batch = queries.shape[:-2]
    flat = [x.reshape(-1, *x.shape[-2:]) for x in (queries, keys, values)]
    found = []
    for q, k, v in zip(*flat, strict=True):
        for query in q:
            scores = torch.stack([query @ key / len(query) ** 0.5 for key in k])
            powers = (scores - scores.max()).exp()
            found.append(sum(p * row for p, row in zip(powers / powers.sum(), v, strict=True)))
    return torch.stack(found).view(*batch, queries.shape[-2], values.shape[-1])


def fused(queries, keys, values, mask=None):
    return F.scaled_dot_product_attention(queries, keys, values, mask)


def and_weights(queries, keys, values):
    weights = soft(queries.double() @ keys.double().mT / queries.shape[-1] ** 0.5)
    return weights @ values.double(), weights


def unscaled(queries, keys, values):
    return soft(queries @ keys.mT) @ values


def by_d_k(queries, keys, values):
    return soft(queries @ keys.mT / queries.shape[-1]) @ values


def by_n_keys(queries, keys, values):
    return soft(queries @ keys.mT / keys.shape[-2] ** 0.5) @ values


def over_queries(queries, keys, values):
    return soft(queries @ keys.mT / keys.shape[-1] ** 0.5, -2) @ values


def overflowing(queries, keys, values):
    powers = (queries @ keys.mT / keys.shape[-1] ** 0.5).exp()
    return powers / powers.sum(-1, keepdim=True) @ values


def hard_argmax(queries, keys, values):
    found = (queries @ keys.mT).argmax(-1)
    return F.one_hot(found, keys.shape[-2]).float() @ values


def of_channels(queries, keys, values):
    weights = soft(queries.mT @ keys / queries.shape[-1] ** 0.5)
    return (weights @ values.mT).mT


def unscaled_over_queries(queries, keys, values):
    return soft(queries @ keys.mT, -2) @ values


def mean_of_values(queries, keys, values):
    return values.mean(-2, keepdim=True).expand(*queries.shape[:-1], values.shape[-1])


ATTENTIONS = [
    (unscaled, "no_scale"),
    (by_d_k, "scale_d_k"),
    (by_n_keys, "scale_n_keys"),
    (over_queries, "wrong_axis"),
    (overflowing, "overflow"),
    (hard_argmax, "hard"),
    (of_channels, "channels_attend"),
    (unscaled_over_queries, {"no_scale", "wrong_axis"}),
    (mean_of_values, None),
]
SOLUTIONS = [with_einsum, with_loops, fused, and_weights]
RIGHT = {"6.2": SOLUTIONS, "6.3": SOLUTIONS}
WRONG = {"6.2": ATTENTIONS, "6.3": ATTENTIONS}
