"""Chapter 18."""

import numpy as np
import torch
from torch.nn import functional as F

from answers import weighted_values


def best_by_one_hot(right):
    return F.one_hot(right, 10).sum(1).amax(1) / right.shape[1]


def best_by_mode(right):
    mode = right.mode(dim=1).values
    return (right == mode[:, None]).double().mean(dim=1)


def best_by_loop(right):
    rows = right.tolist()
    return [max(row.count(digit) for digit in row) / len(row) for row in rows]


def best_for_all(right):
    return torch.full((len(right),), 1 / right.shape[1])


def one_in_as_many_as_differ(right):
    return torch.tensor([1 / len(row.unique()) for row in right])


def over_all(right):
    return best_by_one_hot(right).mean()


def commonest(right):
    return (right == right.flatten().mode().values).float().mean(1)


def by_hand_with_eye(size=40.0, query=0, key=0, value=1):
    halves = torch.eye(20).split(10)
    return size * halves[query].T, halves[key].T, halves[value].T


def by_hand_in_one_channel_more():
    half = torch.cat([torch.eye(10), torch.zeros(10, 10)])
    key = F.pad(half, (0, 1))
    return 100 * key, 3 * key, half.flip(0).flip(1)


def by_hand_with_a_rotation():
    turned = torch.linalg.qr(torch.randn(10, 10, generator=torch.Generator().manual_seed(0)))[0]
    zeros = torch.zeros(10, 10)
    key = torch.cat([turned, zeros])
    return 60 * key, key, torch.cat([zeros, 5 * torch.eye(10)])


def both_halves():
    query, _, value = by_hand_with_eye()
    return query, torch.cat([torch.eye(10)] * 2), value


def transposed():
    return tuple(W.T for W in by_hand_with_eye())


def features(x):
    return F.elu(x) + 1


def linear_by_table(queries, keys, values):
    asks, offers = features(queries), features(keys)
    return asks @ (offers.mT @ values) / (asks @ offers.sum(-2)[..., None])


def linear_by_weights(queries, keys, values):
    weights = features(queries.double()) @ features(keys.double()).mT
    return weights / weights.sum(-1, keepdim=True) @ values.double(), weights


def linear_by_state(queries, keys, values):
    state = total = 0
    for key, value in zip(features(keys).unbind(-2), values.unbind(-2), strict=True):
        state = state + key[..., :, None] * value[..., None, :]
        total = total + key
    asks = torch.where(queries > 0, queries + 1, queries.exp())
    return asks @ state / (asks * total[..., None, :]).sum(-1, keepdim=True)


def linear(queries, keys, values, f=features, g=None, total=None):
    asks, offers = f(queries), (g or f)(keys)
    total = asks @ offers.sum(-2)[..., None] if total is None else total
    return asks @ offers.mT @ values / total


def per_key(queries, keys, values):
    weights = features(queries) @ features(keys).mT
    return weights / weights.sum(dim=-2, keepdim=True) @ values


def softmax_of_both(queries, keys, values):
    """Another kind of linear attention."""
    return queries.softmax(-1) @ (keys.softmax(-2).mT @ values)


def linear_by_einsum(queries, keys, values):
    asks, offers = features(queries.double()), features(keys.double())
    table = torch.einsum("...kd,...kv->...dv", offers, values.double())
    total = torch.einsum("...qd,...kd->...q", asks, offers.sum(-2, keepdim=True))
    return torch.einsum("...qd,...dv->...qv", asks, table) / total[..., None], None


def by_hand_with_numpy():
    key, value = np.zeros((20, 40)), np.eye(20)[:, 10:]
    key[:10, 5:15] = 30 * np.eye(10)
    return key, key, value


def how_many_differ(right):
    return torch.tensor([len(row.unique()) / len(row) for row in right])


RIGHT = {
    "18.2": weighted_values.RIGHT["6.2"],
    "18.4": [best_by_one_hot, best_by_mode, best_by_loop],
    "18.5": [
        by_hand_with_numpy,
        by_hand_with_eye,
        by_hand_in_one_channel_more,
        by_hand_with_a_rotation,
    ],
    "18.6": [linear_by_table, linear_by_einsum, linear_by_state],
}
WRONG = {
    "18.2": weighted_values.WRONG["6.2"],
    "18.4": [
        (how_many_differ, "how_many"),
        (best_for_all, "one_card"),
        (one_in_as_many_as_differ, "different"),
        (over_all, "one_number"),
        (commonest, "common"),
        (lambda right: F.one_hot(right, 10).sum(1).amax(1), "not_divided"),
        (lambda right: F.one_hot(right, 10).sum(1).amax(1) / 10, "by_ten"),
        (lambda right: right.amax(1) / right.shape[1], "largest_digit"),
        (lambda right: right.float().mean(1), None),
    ],
    "18.5": [
        (lambda: by_hand_with_eye(size=1), "soft"),
        (lambda: by_hand_with_eye(size=-40), "minus"),
        (lambda: by_hand_with_eye(key=1), "key_right"),
        (lambda: by_hand_with_eye(value=0), "value_left"),
        (lambda: by_hand_with_eye(query=1, key=1), "no_match"),
        (both_halves, "key_both"),
        (transposed, None),
        (lambda: torch.eye(20), None),
    ],
    "18.6": [
        (linear_by_weights, None),
        (lambda *qkv: linear(*qkv, f=lambda x: x), "raw"),
        (lambda *qkv: linear(*qkv, f=torch.relu), "relu"),
        (lambda *qkv: linear(*qkv, f=F.elu), "elu_alone"),
        (lambda *qkv: linear(*qkv, g=lambda x: x), "keys_plain"),
        (lambda *qkv: linear(*qkv, total=1), "not_divided"),
        (lambda q, k, v: linear(q, k, v, total=k.shape[-2]), "by_count"),
        (per_key, "per_key"),
        (lambda *qkv: F.scaled_dot_product_attention(*qkv), "softmax"),
        (softmax_of_both, None),
    ],
}
