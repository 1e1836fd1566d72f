"""How do scores become shares?

Written from book/05_softmax.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bareattention.checks import (
    check_float_tensor,
    check_mask,
    check_no_nan,
    check_not_empty,
    check_number,
)

__all__ = ["softmax"]


def softmax(
    scores: Float[Tensor, "*batch n_keys"],
    temperature: float = 1.0,
    mask: Bool[Tensor, "..."] | None = None,
) -> Float[Tensor, "*batch n_keys"]:
    """Turn scores into shares along the last axis.

    Args:
        scores: `(..., n_keys)`; -inf counts as "may not look".
        temperature: positive; below 1 sharper, above 1 softer.
        mask: boolean, can be stretched to the shape of scores; True = may look.
    Returns: `(..., n_keys)`, each row sums to 1; a row in which nobody may be looked at is all 0.
        Numbers of 16 bits are computed in 32 bits and rounded at the end, as PyTorch does.
    Raises: TypeError for anything but float scores, a number and a boolean mask; ValueError for NaN
        or +inf, for no keys, for a temperature that is not positive (or too small or large for the
        float type), for a mask that does not fit.
    Source: equals `torch.softmax` where that gives numbers.
    """
    check_float_tensor("scores", scores, dimensions=1)
    check_not_empty("scores", scores, -1, "key")
    check_no_nan("scores", scores)
    if torch.isposinf(scores).any():
        raise ValueError("scores: wanted numbers below infinity, got +inf")
    exact = scores.to(torch.promote_types(scores.dtype, torch.float32))
    limits = torch.finfo(exact.dtype)
    check_number("temperature", temperature, limits.tiny, limits.max)
    if mask is not None:
        check_mask("mask", mask, scores.shape)
        exact = exact.masked_fill(~mask, -math.inf)
    # Shares do not depend on what is subtracted, so no gradient has to flow through it.
    largest = exact.detach().amax(dim=-1, keepdim=True).clamp_min(torch.finfo(exact.dtype).min)
    powers = ((exact - largest) / temperature).exp()
    # The largest power is 1, so a sum of 0 means that nobody may be looked at.
    total = powers.sum(dim=-1, keepdim=True)
    return (powers / total.masked_fill(total == 0, 1.0)).to(scores.dtype)
