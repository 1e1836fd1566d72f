"""Chapter 16."""

import torch
from torch import nn
from torch.nn import functional as F


def as_a_sum(channels, seq_len, d_model, d_ff, n_blocks):
    linear = lambda a, b: a * b + b  # noqa: E731
    norm = 2 * d_model
    block = 4 * linear(d_model, d_model) + linear(d_model, d_ff) + linear(d_ff, d_model) + 2 * norm
    tokens = linear(channels, d_model) + seq_len * d_model
    return tokens + n_blocks * block + norm + linear(d_model, 10)


def multiplied_out(channels, seq_len, d_model, d_ff, n_blocks):
    d = d_model
    block = 4 * d**2 + 9 * d + 2 * d * d_ff + d_ff
    return n_blocks * block + d * (channels + seq_len + 13) + 10


def by_building(channels, seq_len, d_model, d_ff, n_blocks):
    layer = nn.TransformerEncoderLayer(d_model, 1, d_ff)
    rest = nn.Linear(channels, d_model), nn.LayerNorm(d_model), nn.Linear(d_model, 10)
    parts = [*[layer] * n_blocks, *rest]
    return sum(p.numel() for part in parts for p in part.parameters()) + seq_len * d_model


def counted(channels, seq_len, d, d_ff, n, *, qkvo=4, bias=1, norms=2, last=1, places=1):
    block = qkvo * (d * d + bias * d) + d * d_ff + d_ff + d_ff * d + d + norms * 2 * d
    tokens = channels * d + d + places * seq_len * d
    return tokens + n * block + last * 2 * d + 10 * d + 10


def without_biases(channels, seq_len, d, d_ff, n):
    return channels * d + seq_len * d + n * (4 * d * d + 2 * d * d_ff + 4 * d) + 2 * d + 10 * d


def flat(channels, seq_len, d, d_ff, n):
    return counted(channels, seq_len, d, d_ff, n) + 10 * (seq_len - 1) * d


def positions_of_pixels(channels, seq_len, d, d_ff, n):
    return counted(channels, seq_len, d, d_ff, n, places=0) + channels * seq_len


def moved(images, right, down, way=-1, align=False, mode="bilinear", unit=None, take=True):
    n, height, width = images.shape
    w, h = unit or (width / 2, height / 2)
    theta = torch.tensor([[1.0, 0.0, way * right / w], [0.0, 1.0, way * down / h]])
    grid = F.affine_grid(theta.repeat(n, 1, 1), (n, 1, height, width), align_corners=align)
    kept = F.grid_sample(
        images[:, None], grid, mode=mode, padding_mode="border", align_corners=align
    )
    return kept.squeeze(1) if take else kept


def with_corners(images, right, down):
    height, width = images.shape[1:]
    return moved(images, right, down, align=True, unit=((width - 1) / 2, (height - 1) / 2))


def with_zeros(images, right, down):
    n, height, width = images.shape
    down_there, across = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    x, y = (across - right) * 2 + 1, (down_there - down) * 2 + 1
    grid = torch.stack([x / width - 1, y / height - 1], dim=-1).expand(n, -1, -1, -1)
    return F.grid_sample(images[:, None], grid, align_corners=False)[:, 0]


def cut_and_pasted(images, right, down):
    """Neighbours in shares, by four shifts of whole pixels."""
    left, up = int(right // 1), int(down // 1)
    a, b = right - left, down - up
    total = 0
    for i, across in ((0, 1 - a), (1, a)):
        for j, along in ((0, 1 - b), (1, b)):
            total = total + across * along * images.roll((up + j, left + i), dims=(1, 2))
    return total


def rolled(images, right, down):
    return images.roll((int(down), int(right)), dims=(1, 2))


def rounded(images, right, down):
    return moved(images, round(right), round(down))


RIGHT = {
    "16.1": [as_a_sum, multiplied_out, by_building],
    "16.3": [moved, with_corners, with_zeros, cut_and_pasted],
}
WRONG = {
    "16.1": [
        (lambda *sizes: counted(*sizes, qkvo=3), "three_projections"),
        (lambda *sizes: counted(*sizes, bias=0), "projections_bare"),
        (lambda *sizes: counted(*sizes, norms=1, last=0), {"one_norm", "no_last_norm"}),
        (flat, "last_flat"),
        (positions_of_pixels, "positions_before"),
        (lambda *sizes: counted(*sizes[:4], 1), "one_block"),
        (without_biases, None),
        (lambda *sizes: float("nan"), None),
    ],
    "16.3": [
        (lambda *given: moved(*given, way=1), "backwards"),
        (lambda images, right, down: moved(images, down, right), "exchanged"),
        (lambda images, right, down: moved(images, right, down, unit=(1, 1)), "in_pixels"),
        (
            lambda images, right, down: moved(images, right, down, unit=images.shape[:0:-1]),
            "whole_sides",
        ),
        (lambda *given: moved(*given, align=True), "corners"),
        (lambda *given: moved(*given, mode="nearest"), "nearest"),
        (lambda *given: moved(*given, take=False), "channel_kept"),
        (rolled, "whole_pixels"),
        (rounded, None),
    ],
}
