"""Chapter 1."""

import torch
from torch import nn


def by_matrices(d_model, d_k, d_v, bias=False):
    return sum(nn.Linear(d_model, d, bias=bias).weight.numel() + bias * d for d in (d_k, d_k, d_v))


def by_modules(d_model, d_k, d_v, bias=False):
    parts = [nn.Linear(d_model, d, bias=bias) for d in (d_k, d_k, d_v)]
    return torch.tensor(sum(p.numel() for part in parts for p in part.parameters()))


def rows_and_one(d_model, d_k, d_v, bias=False):
    return (d_model + int(bias)) * (d_k + d_k + d_v)


def three_alike(d_model, d_k, d_v, bias=False):
    return 3 * d_model * d_k + (3 * d_k if bias else 0)


def no_biases(d_model, d_k, d_v, bias=False):
    return d_model * (2 * d_k + d_v)


def biases_of_rows(d_model, d_k, d_v, bias=False):
    return d_model * (2 * d_k + d_v) + (3 * d_model if bias else 0)


def with_projection(d_model, d_k, d_v, bias=False):
    columns = 2 * d_k + d_v
    return d_model * columns + d_v * d_model + (columns if bias else 0)


def three_biases(d_model, d_k, d_v, bias=False):
    return d_model * (2 * d_k + d_v) + 3 * bias


def always(d_model, d_k, d_v, bias=False):
    return (d_model + 1) * (2 * d_k + d_v)


def one_key(d_model, d_k, d_v, bias=False):
    columns = d_k + d_v
    return d_model * columns + (columns if bias else 0)


def multiplied(d_model, d_k, d_v, bias=False):
    return d_model * d_k * d_k * d_v


def squares(d_model, n_heads, n_layers):
    return n_layers * 4 * (d_model**2 + d_model)


def by_pytorch(d_model, n_heads, n_layers):
    layer = nn.MultiheadAttention(d_model, n_heads)
    return n_layers * sum(p.numel() for p in layer.parameters())


def head_by_head(d_model, n_heads, n_layers):
    total = 0
    for _ in range(n_layers):
        for _ in range(n_heads):
            total += 3 * (d_model + 1) * (d_model // n_heads)
        total += d_model * d_model + d_model
    return total


def three_squares(d_model, n_heads, n_layers):
    return n_layers * 3 * (d_model**2 + d_model)


def bare(d_model, n_heads, n_layers):
    return n_layers * 4 * d_model**2


def one_layer(d_model, n_heads, n_layers):
    return 4 * d_model**2 + 4 * d_model


def undivided(d_model, n_heads, n_layers):
    return n_layers * (n_heads * 3 * (d_model**2 + d_model) + n_heads * d_model**2 + d_model)


def one_bias(d_model, n_heads, n_layers):
    return n_layers * (4 * d_model**2 + d_model)


RIGHT = {
    "1.2": [by_matrices, by_modules, rows_and_one],
    "1.3": [squares, by_pytorch, head_by_head],
}
WRONG = {
    "1.2": [
        (three_alike, "values_like_keys"),
        (no_biases, "biases_ignored"),
        (biases_of_rows, "biases_in"),
        (with_projection, "projection_counted"),
        (three_biases, "biases_one"),
        (always, "biases_always"),
        (lambda m, k, v, bias=False: m * (2 * k + v) + 2 * k * bias, "biases_without_values"),
        (one_key, "one_for_both"),
        (multiplied, None),
        (lambda d_model, d_k, d_v, bias=False: 3 * d_model**2 + bias * 3 * d_model, "square"),
    ],
    "1.3": [
        (three_squares, {"output_forgotten", "biases_of_heads"}),
        (bare, "no_biases"),
        (one_layer, "one_layer"),
        (undivided, "undivided"),
        (one_bias, "biases_of_output"),
        (lambda d, n, layers: layers * n * 4 * (d**2 + d), None),
    ],
}
