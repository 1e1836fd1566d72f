"""What is the trained model looking at?

Written from book/17_inside.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from bareattention.chapters.patches import DigitTransformer
from bareattention.checks import (
    check_axis,
    check_float_tensor,
    check_matrix,
    check_no_nan,
    check_not_empty,
    check_number,
    check_positive_integer,
)

__all__ = ["attention_maps", "occlusion_map", "roll_out"]


@torch.no_grad()
def attention_maps(
    model: DigitTransformer, images: Float[Tensor, "n height width"]
) -> Float[Tensor, "n n_blocks n_heads seq_len seq_len"]:
    """Read off where every token looks, in every head of every block.

    Args:
        model: trained or not; dropout is off meanwhile.
        images: standardised, `(n, height, width)`.
    Returns: attention weights `(n, n_blocks, n_heads, seq_len, seq_len)`; rows are queries.
    Raises: TypeError, ValueError for another model, or images that it does not read.
    """
    if not isinstance(model, DigitTransformer):
        raise TypeError(
            f"model: wanted a DigitTransformer, got {type(model).__name__}"
        )
    training = model.training
    try:
        _, weights = model.eval()(images, with_weights=True)
    finally:
        model.train(training)
    return weights


def roll_out(
    maps: Float[Tensor, "*batch n_blocks n_heads seq_len seq_len"],
) -> Float[Tensor, "*batch seq_len seq_len"]:
    """Follow attention through all blocks, residuals included.

    After a block a token is half what it was, and half the mean of what the heads brought.

    Args:
        maps: attention weights `(..., n_blocks, n_heads, seq_len, seq_len)`, first block first.
    Returns: `(..., seq_len, seq_len)`: the share of each token of the image (columns) in each token
        after the last block (rows).  Rows sum to 1.
    Raises: TypeError, ValueError for no floats, fewer than four axes, or no blocks.
    Source: Abnar and Zuidema 2020.
    """
    check_float_tensor("maps", maps, dimensions=4)
    check_axis("maps", maps, -2, maps.shape[-1], "as many queries as keys")
    check_not_empty("maps", maps, -3, "head")
    check_positive_integer("maps: number of blocks", maps.shape[-4])
    own = torch.eye(maps.shape[-1], dtype=maps.dtype, device=maps.device)
    shares = own
    for block in maps.mean(dim=-3).unbind(dim=-3):
        shares = (own + block) / 2 @ shares
    return shares


def _covered(image: Tensor, size: int, cover: float) -> Tensor:
    """Copies of an image, each with another square covered, in reading order."""
    height, width = image.shape
    copies = []
    for top in range(0, height, size):
        for left in range(0, width, size):
            copy = image.clone()
            copy[top : top + size, left : left + size] = cover
            copies.append(copy)
    return torch.stack(copies)


@torch.no_grad()
def occlusion_map(
    model: torch.nn.Module,
    image: Float[Tensor, "height width"],
    size: int = 7,
    cover: float | None = None,
) -> Float[Tensor, "rows columns"]:
    """Cover one square after the other, and measure how much the answer suffers.

    Args:
        model: maps `(n, height, width)` to logits `(n, n_classes)`.
        image: standardised, `(height, width)`.
        size: pixels along one side of a square; a divisor of height and width.
        cover: the value that covers; None takes the image's lowest value, which is paper.
    Returns: `(height // size, width // size)`: by how many bits the answer for the whole image
        becomes more surprising when that square is covered; negative where covering helps.
    Raises: TypeError, ValueError for an image of other than two axes, or a size that does not
        divide it.
    Source: Zeiler and Fergus 2014.
    """
    check_matrix("image", image)
    check_no_nan("image", image)
    check_positive_integer("size", size)
    height, width = image.shape
    if height % size or width % size or not height * width:
        raise ValueError(
            f"size: wanted a divisor of {height} and {width}, got {size}"
        )
    cover = image.min().item() if cover is None else cover
    check_number("cover", cover)
    training = model.training
    batch = torch.cat([image[None], _covered(image, size, cover)])
    try:
        surprise = -F.log_softmax(model.eval()(batch), dim=-1) / math.log(2)
    finally:
        model.train(training)
    answer = surprise[0].argmin()
    return (surprise[1:, answer] - surprise[0, answer]).view(
        height // size, width // size
    )
