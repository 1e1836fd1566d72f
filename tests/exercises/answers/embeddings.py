"""Chapter 2."""

import torch
from torch import nn
from torch.nn import functional as F


def floored(x, y):
    lengths = x.norm(dim=-1).clamp_min(1e-8) * y.norm(dim=-1).clamp_min(1e-8)
    return (x * y).sum(-1) / lengths


def by_einsum(x, y):
    products = torch.einsum("...d,...d->...", x, y)
    roots = [torch.einsum("...d,...d->...", each, each) ** 0.5 for each in (x, y)]
    return torch.where(roots[0] * roots[1] > 0, products / (roots[0] * roots[1]), 0.0)


def of_directions(x, y):
    return (F.normalize(x.double(), dim=-1) * F.normalize(y.double(), dim=-1)).sum(dim=-1)


def bare(x, y):
    return (x * y).sum(-1) / (x.norm(dim=-1) * y.norm(dim=-1))


def one_length(x, y):
    lengths = x.norm(dim=-1).clamp_min(1e-8) * y.norm(dim=-1).clamp_min(1e-8)
    return (x * y).sum() / lengths


def of_the_tensor(x, y):
    return (x * y).sum(-1) / (x.norm() * y.norm()).clamp_min(1e-8)


def without_roots(x, y):
    return (x * y).sum(-1) / ((x * x).sum(-1) * (y * y).sum(-1)).clamp_min(1e-8)


def by_one_length(x, y):
    return (x * y).sum(-1) / x.norm(dim=-1).clamp_min(1e-8)


def with_axis(x, y):
    lengths = x.norm(dim=-1, keepdim=True) * y.norm(dim=-1, keepdim=True)
    return (x * y).sum(-1, keepdim=True) / lengths.clamp_min(1e-8)


def everybody(x, y):
    if x.ndim == 1:
        return floored(x, y)
    return F.normalize(x, dim=-1) @ F.normalize(y, dim=-1).transpose(-2, -1)


def mean_cosine(x, y):
    return floored(x, y).mean()


def counted(ids, n_vocabulary, d):
    return torch.bincount(ids.flatten(), minlength=n_vocabulary)[:, None].expand(-1, d)


def by_backward(ids, n_vocabulary, d):
    table = nn.Embedding(n_vocabulary, d)
    table(ids).sum().backward()
    return table.weight.grad


def one_hot_sum(ids, n_vocabulary, d):
    hot = F.one_hot(ids.flatten(), n_vocabulary).sum(0)
    return [[float(count)] * d for count in hot]


def in_place(ids, n_vocabulary, d):
    gradient = torch.zeros(n_vocabulary, d)
    gradient[ids] += 1
    return gradient


def by_place(ids, n_vocabulary, d):
    gradient = torch.zeros(n_vocabulary, d)
    for place, _ in enumerate(ids.flatten()):
        gradient[place] += 1
    return gradient


def by_mean(ids, n_vocabulary, d):
    table = torch.zeros(n_vocabulary, d, requires_grad=True)
    table[ids].mean(dim=-1).mean().backward()
    return table.grad


def rows_counted(ids, n_vocabulary, d):
    return torch.bincount(ids.flatten(), minlength=n_vocabulary)


def pixel_by_pixel(pictures):
    n, rows, columns = pictures.shape
    found = torch.empty(n, columns, rows)
    for row in range(rows):
        for column in range(columns):
            found[:, column, row] = pictures[:, row, column]
    return found


ROWS = [torch.tensor([3.0, 0, 0]), torch.tensor([2.0, 0, -1])]
RIGHT = {
    "2.1": [floored, by_einsum, of_directions, nn.CosineSimilarity(dim=-1)],
    "2.2": [lambda: ROWS, lambda: ([3, 0, 0], [1, 1, -1]), lambda: torch.stack(ROWS).double()],
    "2.3": [counted, by_backward, one_hot_sum],
    "2.4": [pixel_by_pixel, lambda p: p.mT, lambda p: torch.einsum("brc->bcr", p)],
}
WRONG = {
    "2.1": [
        (bare, "zero_nan"),
        (lambda x, y: (x * y).sum(-1), "not_divided"),
        (one_length, "all_summed"),
        (
            lambda x, y: (x * y).sum() / (x.norm() * y.norm()),
            {"all_summed", "of_all_rows", "zero_nan"},
        ),
        (of_the_tensor, "of_all_rows"),
        (without_roots, "no_root"),
        (by_one_length, "first_alone"),
        (with_axis, "axis_kept"),
        (everybody, "all_pairs"),
        (lambda x, y: 1 - floored(x, y), "distance"),
        (lambda x, y: floored(x, y).acos(), "radians"),
        (mean_cosine, None),
    ],
    "2.2": [
        (lambda: ([6, 0, 0], [1, -1, 0]), "river_length"),
        (lambda: ([3, 0, 1], [1, -1, 0]), "river_turned"),
        (lambda: ([-3, 0, 0], [1, -1, 0]), "river_lost"),
        (lambda: ([3, 0, 0], [1, 1, 2]), "square_missed"),
        (lambda: ([3, 0, 0], [0, 0, 0]), "square_nothing"),
        (lambda: ([1, 0, 0], [2, 1, 0]), {"river_length", "square_missed"}),
    ],
    "2.3": [
        (in_place, "counted_once"),
        (by_place, "by_place"),
        (by_mean, {"shares", "spread"}),
        (rows_counted, "one_column"),
        (lambda ids, n, d: counted(ids, n, d).T, "transposed"),
        (lambda ids, n, d: torch.ones(n, d), None),
    ],
    "2.4": [
        (lambda pictures: pictures.view(len(pictures), pictures.shape[2], -1), "viewed"),
        (lambda pictures: pictures.permute(2, 1, 0), "reversed"),
        (lambda pictures: pictures.transpose(0, 1), "pictures_swapped"),
        (lambda pictures: pictures.rot90(dims=(1, 2)), "rotated_left"),
        (lambda pictures: pictures.swapaxes(0, 2).swapaxes(1, 2), "moved_back"),
        (lambda pictures: pictures.mT.flip(0), None),
    ],
}
