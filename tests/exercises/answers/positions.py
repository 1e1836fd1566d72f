"""Chapter 8."""

import math

import torch


def equivariant_by_all(function, x, orders):
    return all(torch.allclose(function(x[o]), function(x)[o], atol=1e-5) for o in orders)


def equivariant_by_norms(function, x, orders):
    outputs = function(x)
    far = [(function(x[order]) - outputs[order]).norm().item() for order in orders]
    return max(far) < 1e-4


def equivariant_by_matrices(function, x, orders):
    outputs, found = function(x), torch.tensor(True)
    for order in orders:
        shuffle = torch.eye(len(x))[order]
        found &= torch.isclose(function(shuffle @ x), shuffle @ outputs, atol=1e-5).all()
    return found


def equivariant_back(function, x, orders):
    return all(torch.allclose(function(x[o])[o.argsort()], function(x), atol=1e-5) for o in orders)


def invariant(function, x, orders):
    return all(torch.allclose(function(x[o]), function(x), atol=1e-5) for o in orders)


def too_early(function, x, orders):
    for order in orders:
        return torch.allclose(function(x[order]), function(x)[order], atol=1e-5)


def last_alone(function, x, orders):
    for order in orders:
        same = torch.allclose(function(x[order]), function(x)[order], atol=1e-5)
    return same


def exactly(function, x, orders):
    return all(torch.equal(function(x[o]), function(x)[o]) for o in orders)


def without_abs(function, x, orders):
    return all((function(x[o]) - function(x)[o]).max().item() < 1e-5 for o in orders)


def twice(function, x, orders):
    return all(torch.allclose(function(x[o])[o], function(x), atol=1e-5) for o in orders)


def against_tokens(function, x, orders):
    return all(torch.allclose(function(x[o]), x[o], atol=1e-5) for o in orders)


def by_loops(rows):
    turned = torch.zeros_like(rows)
    for p, row in enumerate(rows):
        for i in range(0, len(row), 2):
            angle = p / 10000 ** (i / len(row))
            c, s = math.cos(angle), math.sin(angle)
            turned[p, i] = row[i] * c + row[i + 1] * s
            turned[p, i + 1] = -row[i] * s + row[i + 1] * c
    return turned


def rotation(k, d_model):
    angles = k * 10000.0 ** (-torch.arange(0, d_model, 2, dtype=torch.float64) / d_model)
    return torch.block_diag(
        *[torch.tensor([[a.cos(), -a.sin()], [a.sin(), a.cos()]], dtype=DOUBLE) for a in angles]
    )


DOUBLE = torch.float64


def by_rotation(rows):
    return torch.stack([row @ rotation(p, len(row)) for p, row in enumerate(rows)])


def by_complex_numbers(rows):
    n, d = rows.shape
    angles = torch.outer(torch.arange(n), 10000 ** (-torch.arange(0, d, 2).double() / d))
    pairs = torch.view_as_complex(rows.reshape(n, d // 2, 2))
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), -angles)).flatten(1)


def the_other_way(rows):
    return torch.stack([rotation(p, len(row)) @ row for p, row in enumerate(rows)])


def from_one(rows):
    return torch.stack([row @ rotation(p, len(row)) for p, row in enumerate(rows, start=1)])


def all_alike(rows):
    return rows @ rotation(1, rows.shape[1])


def in_halves(rows):
    n, d = rows.shape
    angles = torch.arange(n)[:, None] * 10000 ** (-torch.arange(0, d, 2).double() / d)
    one, two = rows.chunk(2, dim=1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([one * cos + two * sin, two * cos - one * sin], 1)


def positions_added(rows):
    return rows + table(*rows.shape)


def table(seq_len, d_model):
    waves = torch.zeros(seq_len, d_model)
    angles = torch.arange(seq_len)[:, None] * 10000 ** (-torch.arange(0, d_model, 2) / d_model)
    waves[:, 0::2], waves[:, 1::2] = angles.sin(), angles.cos()
    return waves


def table_by_loops(seq_len, d_model):
    waves = [[0.0] * d_model for _ in range(seq_len)]
    for p in range(seq_len):
        for i in range(d_model // 2):
            angle = p / 10000 ** (2 * i / d_model)
            waves[p][2 * i], waves[p][2 * i + 1] = math.sin(angle), math.cos(angle)
    return waves


def table_by_exp(seq_len, d_model):
    speeds = torch.exp(torch.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
    angles = torch.outer(torch.arange(seq_len).float(), speeds)
    return torch.stack((torch.sin(angles), torch.cos(angles)), dim=2).reshape(seq_len, d_model)


def waves(exponent, first=torch.sin, second=torch.cos, start=0):
    def made(seq_len, d_model):
        place, pair = torch.arange(start, seq_len + start)[:, None], torch.arange(d_model // 2)
        angles = place / 10000 ** exponent(pair, d_model)
        return torch.stack([first(angles), second(angles)], -1).flatten(1)

    return made


def by_channel(seq_len, d_model):
    angles = torch.arange(seq_len)[:, None] / 10000 ** (torch.arange(d_model) / d_model)
    found = angles.clone()
    found[:, 0::2], found[:, 1::2] = angles[:, 0::2].sin(), angles[:, 1::2].cos()
    return found


def in_two_halves(seq_len, d_model):
    found = table(seq_len, d_model)
    return torch.cat([found[:, 0::2], found[:, 1::2]], dim=1)


def right(i, d):
    return 2 * i / d


RIGHT = {
    "8.1": [equivariant_by_all, equivariant_by_norms, equivariant_by_matrices, equivariant_back],
    "8.4": [by_loops, by_rotation, by_complex_numbers],
    "8.5": [table, table_by_loops, table_by_exp, waves(right)],
}
WRONG = {
    "8.1": [
        (invariant, "invariant"),
        (too_early, "first_order"),
        (last_alone, "last_order"),
        (exactly, "exact"),
        (without_abs, "one_sided"),
        (twice, "shuffled_twice"),
        (against_tokens, "against_tokens"),
        (lambda function, x, orders: True, "too_tolerant"),
        (lambda function, x, orders: not equivariant_by_all(function, x, orders), "answer_turned"),
    ],
    "8.4": [
        (the_other_way, "turned_back"),
        (from_one, "from_one"),
        (all_alike, "turned_alike"),
        (in_halves, "pairs_halves"),
        (positions_added, "plus_waves"),
        (lambda rows: rows * table(*rows.shape), "times_waves"),
        (lambda rows: by_rotation(rows).flip(0), None),
    ],
    "8.5": [
        (waves(lambda i, d: i / d), "speed_half"),
        (waves(lambda i, d: 4 * i / d), "speed_twice"),
        (waves(lambda i, d: -2 * i / d), "speed_up"),
        (waves(right, torch.cos, torch.sin), "cosine_first"),
        (waves(right, torch.sin, torch.sin), "sines_alone"),
        (waves(right, start=1), "from_one"),
        (by_channel, "speed_each"),
        (in_two_halves, "waves_halves"),
        (lambda seq_len, d_model: table(seq_len, 512)[:, :d_model], "speed_cut"),
        (lambda seq_len, d_model: table(seq_len, d_model).T, "waves_transposed"),
        (waves(right, torch.sin, torch.tan), None),
    ],
}
