"""Chapter 17."""

from functools import reduce

import torch


def with_a_loop(maps, own, axis=2):
    shares = torch.eye(maps.shape[-1])
    for b in range(maps.shape[1]):
        mixed = own * torch.eye(maps.shape[-1]) + (1 - own) * maps[:, b].mean(1)
        shares = mixed @ shares
    return shares


def by_reduce(maps, own):
    mixed = torch.lerp(maps.mean(2), torch.eye(maps.shape[-1]), own)
    return reduce(lambda below, above: above @ below, mixed.unbind(1))


def by_einsum(maps, own):
    blocks = (1 - own) * maps.double().mean(2)
    blocks.diagonal(dim1=-2, dim2=-1).add_(own)
    shares = blocks[:, 0]
    for block in blocks.unbind(1)[1:]:
        shares = torch.einsum("nij,njk->nik", block, shares)
    return shares


def mixed(maps, own):
    return own * torch.eye(maps.shape[-1]) + (1 - own) * maps.mean(2)


def the_other_way(maps, own):
    return reduce(torch.matmul, mixed(maps, own).unbind(1))


def plain_residual(maps, own):
    return by_reduce(maps + torch.eye(maps.shape[-1]), 0)


def number_by_number(maps, own):
    shares = 1.0
    for block in maps.mean(-3).unbind(-3):
        shares = shares * (own * torch.eye(maps.shape[-1]) + (1 - own) * block)
    return shares


RIGHT = {"17.1": [with_a_loop, by_reduce, by_einsum]}
WRONG = {
    "17.1": [
        (number_by_number, "elementwise"),
        (the_other_way, "reversed"),
        (lambda maps, own: by_reduce(maps, 1 - own), "exchanged"),
        (lambda maps, own: by_reduce(maps, 0.5), "half"),
        (lambda maps, own: by_reduce(maps, 0), "no_residual"),
        (lambda maps, own: by_reduce(maps.amax(2, keepdim=True), own), "largest_head"),
        (lambda maps, own: mixed(maps, own).mean(1), "averaged"),
        (plain_residual, "unweighted"),
        (lambda maps, own: maps.mean(dim=(1, 2)), {"averaged", "no_residual"}),
        (lambda maps, own: maps[:, :, 0].amax(1), None),
    ]
}
