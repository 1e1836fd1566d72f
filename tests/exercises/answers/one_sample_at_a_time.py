"""Chapter 12."""

import torch
from torch import nn


def one_by_one(function, x):
    alone = torch.cat([function(one[None]) for one in x])
    return not torch.allclose(function(x), alone, atol=1e-4)


def changing_each(function, x):
    before = function(x)
    for i in range(len(x)):
        other = x.clone()
        other[i] += 1
        keep = torch.arange(len(x)) != i
        if (function(other) - before)[keep].abs().max() > 1e-4:
            return True
    return False


def keeping_each(function, x):
    mixed = []
    for i in range(len(x)):
        other = torch.rand_like(x)
        other[i] = x[i]
        mixed.append(not torch.allclose(function(other)[i], function(x)[i], atol=1e-4))
    return torch.tensor(mixed).any()


def of_the_first(function, x):
    other = torch.cat([x[:1], 1 - x[1:]])
    return not torch.allclose(function(x)[0], function(other)[0], atol=1e-4, rtol=1e-5)


def by_shape(function, x):
    return function(x).shape != x.shape


def whole_result(function, x):
    other = x.clone()
    other[0] += 1
    return not torch.allclose(function(other), function(x), atol=1e-4)


def by_shuffling(function, x):
    order = torch.randperm(len(x))
    return not torch.allclose(function(x[order]), function(x)[order], atol=1e-4)


def to_the_last_digit(function, x):
    return any((function(x)[i] != function(x[i : i + 1])[0]).any() for i in range(len(x)))


def says_apart(function, x):
    return not one_by_one(function, x)


def by_the_first(function, x):
    other = torch.cat([x[:1] + 1, x[1:]])
    return not torch.allclose(function(x)[1:], function(other)[1:], atol=1e-4)


def by_building(seq_len, d_model, n_classes):
    model = nn.ModuleList([nn.Linear(d_model, d_model, bias=False) for _ in range(3)])
    model.append(nn.Linear(seq_len * d_model, n_classes))
    return sum(parameter.numel() for parameter in model.parameters())


def by_formula(seq_len, d_model, n_classes):
    return 3 * d_model**2 + n_classes * (seq_len * d_model + 1)


def in_steps(seq_len, d_model, n_classes):
    total = d_model * d_model * 3.0
    total += seq_len * d_model * n_classes
    return torch.tensor(total + n_classes)


def counted_above(scores, counts, values):
    powers = (scores - scores.amax(1, keepdim=True)).exp()
    return (counts * values) @ powers.T / (counts.float() @ powers.T)


def by_logarithm(scores, counts, values):
    return torch.softmax(scores + counts[:, None].log(), dim=-1) @ values


def by_repeating(scores, counts, values):
    found = []
    for count in counts:
        tokens = torch.arange(len(values)).repeat_interleave(count)
        found.append(torch.softmax(scores[:, tokens], -1) @ values[tokens])
    return torch.stack(found)


def uncounted(scores, counts, values):
    return (torch.softmax(scores, -1) @ values).expand(len(counts), -1)


def with_plain_powers(scores, counts, values):
    powers = scores.exp()
    return (counts * values) @ powers.T / (counts.float() @ powers.T)


def softmax_first(scores, counts, values):
    return (counts * values) @ torch.softmax(scores, -1).T


def softmax_divided(scores, counts, values):
    return (counts * values) @ torch.softmax(scores, -1).T / counts.sum(1, keepdim=True)


def without_transpose(scores, counts, values):
    return counted_above(scores.T, counts, values)


def plus_counts(scores, counts, values):
    return torch.softmax(scores + counts[:, None], -1) @ values


def times_counts(scores, counts, values):
    return torch.softmax(scores * counts[:, None], -1) @ values


def log_of_one_more(scores, counts, values):
    return (scores + counts[:, None].add(1).log()).softmax(-1) @ values


RIGHT = {
    "12.2": [one_by_one, changing_each, keeping_each],
    "12.4": [by_building, by_formula, in_steps],
    "12.5": [counted_above, by_logarithm, by_repeating],
}
WRONG = {
    "12.2": [
        (of_the_first, "first_only"),
        (by_shape, "never"),
        (whole_result, "own_result"),
        (by_shuffling, "shuffled"),
        (to_the_last_digit, "exactly"),
        (says_apart, "inverted"),
        (by_the_first, "first_changed"),
    ],
    "12.4": [
        (lambda s, d, n: 3 * d**2 + s * d * n, "no_bias"),
        (lambda s, d, n: 3 * d + s * d * n + n, "not_squared"),
        (lambda s, d, n: 3 * (d**2 + d) + s * d * n + n, "attention_biases"),
        (lambda s, d, n: 3 * d**2 + s * n + n, "channels_forgotten"),
        (lambda s, d, n: d**2 + s * d * n, {"one_matrix", "no_bias"}),
        (lambda s, d, n: 4 * d**2 + s * d * n + n, "four_matrices"),
        (lambda s, d, n: 3 * d**2 + s * d * n + s * n, None),
    ],
    "12.5": [
        (log_of_one_more, "one_more"),
        (uncounted, "ignored"),
        (with_plain_powers, "overflow"),
        (softmax_first, "not_below"),
        (without_transpose, "keys_ask"),
        (plus_counts, "added"),
        (times_counts, "in_exponent"),
        (softmax_divided, {"not_below", "counted_too"}),
    ],
}
