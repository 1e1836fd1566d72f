"""How do scores become shares?

Written from book/05_softmax.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bareattention.shapes import checked, require

__all__ = ["softmax"]


@checked
def softmax(
    scores: Float[Tensor, "*batch n_keys"],
    temperature: float = 1.0,
    mask: Bool[Tensor, "*#batch #n_keys"] | None = None,
) -> Float[Tensor, "*batch n_keys"]:
    """Turn scores into shares along the last axis; each row sums to 1.

    Args:
        temperature: positive; below 1 sharper, above 1 softer.
        mask: True = may look.  A row in which nobody may be looked at is all 0.
    Source: equals `torch.softmax` where that gives numbers.
    """
    limits = torch.finfo(scores.dtype)
    fits = limits.tiny <= temperature <= limits.max
    require(fits, "temperature", f"a positive {scores.dtype}", temperature)
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    # What is subtracted does not change the shares: no gradient flows there.
    largest = scores.detach().amax(dim=-1, keepdim=True)  # (..., 1)
    largest = largest.clamp_min(limits.min)  # where nobody may be looked at
    powers = ((scores - largest) / temperature).exp()  # (..., n_keys)
    total = powers.sum(dim=-1, keepdim=True)  # (..., 1), 0 for nobody
    return powers / total.masked_fill(total == 0, 1.0)
