"""What is the trained model looking at?

Written from book/17_inside.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bareattention.chapters.patches import DigitTransformer
from bareattention.shapes import Finite, Size, checked, require

__all__ = ["attention_maps", "occlusion_map", "roll_out"]


@checked
@torch.no_grad()
def attention_maps(
    model: DigitTransformer, images: Float[Tensor, "n height width"]
) -> Float[Tensor, "n n_blocks n_heads seq_len seq_len"]:
    """Read off where every token looks, in every head of every block.

    Args:
        model: trained or not; dropout is off meanwhile.
        images: standardised.
    Returns: attention weights; rows are queries.
    Raises: ValueError for images of a size that the model does not read.
    """
    training = model.training
    try:
        _, weights = model.eval()(images, with_weights=True)
    finally:
        model.train(training)
    return weights


@checked
def roll_out(
    maps: Float[Tensor, "*batch n_blocks n_heads seq_len seq_len"],
) -> Float[Tensor, "*batch seq_len seq_len"]:
    """Follow attention through all blocks, residuals included.

    After a block a token is half what it was, and half the mean of what the
    heads brought.

    Args:
        maps: attention weights, first block first.
    Returns: the share of each token of the image (columns) in each token after
        the last block (rows).  Rows sum to 1.
    Raises: ValueError for maps whose rows do not sum to 1.
    Source: Abnar and Zuidema 2020.
    """
    whole = (maps >= 0).all() and ((maps.sum(dim=-1) - 1).abs() < 0.01).all()
    require(whole, "maps", "weights, whose rows sum to 1", "others")
    own = torch.eye(maps.shape[-1], dtype=maps.dtype, device=maps.device)
    shares = own
    for block in maps.mean(dim=-3).unbind(dim=-3):
        shares = (own + block) / 2 @ shares  # (*batch, seq_len, seq_len)
    return shares


def _covered(image: Tensor, size: int, cover: float) -> Tensor:
    """Copies of an image, in each another square covered, in reading order."""
    height, width = image.shape
    copies = []
    for top in range(0, height, size):
        for left in range(0, width, size):
            copy = image.clone()
            copy[top : top + size, left : left + size] = cover
            copies.append(copy)
    return torch.stack(copies)


@checked
@torch.no_grad()
def occlusion_map(
    model: nn.Module,
    image: Float[Tensor, "height width"],
    size: Size = 7,
    cover: Finite | None = None,
) -> Float[Tensor, "rows columns"]:
    """Cover one square after the other, and measure how the answer suffers.

    Args:
        model: maps `(n, height, width)` to logits `(n, n_classes)`.
        image: standardised.
        size: pixels along one side of a square.
        cover: the value that covers; None takes the image's lowest value,
            which is paper.
    Returns: `(height // size, width // size)`: by how many bits the answer for
        the whole image becomes more surprising when that square is covered;
        negative where covering helps.
    Raises: ValueError if size does not divide height and width.
    Source: Zeiler and Fergus 2014.
    """
    height, width = image.shape
    divides = height % size == 0 and width % size == 0
    require(divides, "size", f"a divisor of {height} and {width}", size)
    cover = image.min().item() if cover is None else cover
    batch = torch.cat([image[None], _covered(image, size, cover)])
    training = model.training
    try:
        surprise = -F.log_softmax(model.eval()(batch), dim=-1) / math.log(2)
    finally:
        model.train(training)
    answer = surprise[0].argmin()
    more = surprise[1:, answer] - surprise[0, answer]
    return more.view(height // size, width // size)
