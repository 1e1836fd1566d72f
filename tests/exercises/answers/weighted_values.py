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


def before_the_softmax(queries, keys, values):
    weights = soft(queries @ keys.mT) / queries.shape[-1] ** 0.5
    return weights @ values


def exchanged(queries, keys, values):
    if queries.shape[-2] != keys.shape[-2]:
        raise ValueError("as many queries as keys")
    return soft(keys @ queries.mT / queries.shape[-1] ** 0.5) @ values


def divided_again(queries, keys, values):
    return fused(queries, keys, values) / values.shape[-2]


def mixes_keys(queries, keys, values):
    return soft(queries @ keys.mT / keys.shape[-1] ** 0.5) @ keys


def powers_alone(queries, keys, values):
    return (queries @ keys.mT / keys.shape[-1] ** 0.5).exp() @ values


def linear(queries, keys, values):
    return queries @ keys.mT / keys.shape[-1] ** 0.5 @ values


def first_axis(queries, keys, values):
    return soft(queries @ keys.mT / keys.shape[-1] ** 0.5, 0) @ values


def mystery(queries, keys, values):
    scores = queries @ keys.mT / keys.shape[-2] ** 0.5
    return torch.softmax(scores, dim=-1) @ values


def mystery_by_einsum(queries, keys, values):
    powers = torch.einsum("...qd,...kd->...qk", queries, keys) / values.shape[-2] ** 0.5
    powers = (powers - powers.amax(-1, keepdim=True)).exp()
    return torch.einsum("...qk,...kv->...qv", powers / powers.sum(-1, keepdim=True), values)


def mystery_by_scale(queries, keys, values):
    return F.scaled_dot_product_attention(queries, keys, values, scale=keys.size(-2) ** -0.5)


def by_n_queries(queries, keys, values):
    return soft(queries @ keys.mT / len(queries[..., 0].T) ** 0.5) @ values


def by_count(queries, keys, values):
    return soft(queries @ keys.mT / keys.shape[-2]) @ values


def bell(asked, places, heights, width):
    exponents = -((asked[:, None] - places) ** 2) / (2 * width**2)
    return torch.softmax(exponents, dim=-1) @ heights


def bell_by_distances(asked, places, heights, width):
    apart = torch.cdist(asked[:, None].double(), places[:, None].double()) / width
    return torch.softmax(-apart.square() / 2, -1) @ heights.double()


def bell_by_loops(asked, places, heights, width):
    found = []
    for place in asked:
        exponents = -((place - places) ** 2) / (2 * width**2)
        powers = (exponents - exponents.max()).exp()
        found.append((powers * heights).sum() / powers.sum())
    return torch.stack(found)


def naive_bell(asked, places, heights, width):
    powers = (-((asked[:, None] - places) ** 2) / (2 * width**2)).exp()
    return powers @ heights / powers.sum(dim=1)


def bell_of_no_half(asked, places, heights, width):
    return soft(-((asked[:, None] - places) ** 2) / width**2) @ heights


def bell_down(asked, places, heights, width):
    return soft(-((asked[:, None] - places) ** 2) / (2 * width**2), 0) @ heights


def bell_of_one_width(asked, places, heights, width):
    return soft(-((asked[:, None] - places) ** 2) / (2 * width)) @ heights


def upside_down(asked, places, heights, width):
    return soft((asked[:, None] - places) ** 2 / (2 * width**2)) @ heights


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
    (before_the_softmax, {"no_scale", "values_scaled"}),
    (divided_again, "values_counted"),
    (mixes_keys, "keys_carried"),
    (powers_alone, "not_normalised"),
    (linear, "no_softmax"),
    (first_axis, "over_batch"),
]
RIGHT = {
    "6.2": [with_einsum, with_loops, fused, and_weights],
    "6.3": [mystery, mystery_by_einsum, mystery_by_scale],
    "6.4": [bell, bell_by_distances, bell_by_loops],
}
WRONG = {
    "6.2": ATTENTIONS,
    "6.3": [
        (fused, "innocent"),
        (unscaled, "no_scale"),
        (by_d_k, "scale_d_k"),
        (by_count, "by_n_keys"),
        (over_queries, "wrong_axis"),
        (divided_again, "values_counted"),
        (mean_of_values, None),
    ],
    "6.4": [
        (naive_bell, "underflow"),
        (bell_of_no_half, "no_half"),
        (bell_down, "among_askers"),
        (bell_of_one_width, "width_once"),
        (upside_down, "far_counts"),
        (lambda asked, places, heights, width: heights.mean().expand(len(asked)), "equal"),
        (lambda asked, places, heights, width: bell(asked, places, heights, 3 * width), None),
    ],
}
