"""How do we hide the future, and the padding?

Written from book/07_masks.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor

from bareattention.shapes import FloatType, Size, checked, require

__all__ = ["additive", "causal_mask", "leakage", "padding_mask"]


@checked
def leakage(
    module: Callable, embeddings: Float[Tensor, "seq_len d_model"]
) -> Float[Tensor, "n_outputs seq_len"]:
    """Measure how much each output moves when each token is nudged.

    Args:
        module: maps embeddings to an output `(n_outputs, d)`, or to a tuple
            that begins with it; switch off what is random in it.
    Returns: in row i, column j the norm of d output_i / d token_j, which is 0
        where output i does not move with token j.
    """

    def output_of(x: Tensor) -> Tensor:
        result = module(x)
        output = result[0] if isinstance(result, tuple) else result
        shape = tuple(getattr(output, "shape", ())) or type(output).__name__
        two_axes = isinstance(output, Tensor) and output.ndim == 2
        require(two_axes, "module", "an output of two axes", shape)
        return output

    jacobian = torch.autograd.functional.jacobian(output_of, embeddings)
    # In float64, where the square of a tiny leak does not vanish.
    squares = jacobian.double().square().sum(dim=(1, 3))
    return squares.sqrt().to(jacobian.dtype)


@checked
def causal_mask(seq_len: Size) -> Bool[Tensor, "seq_len seq_len"]:
    """Let each token look at itself and at what stands before it.

    Rows are queries: True on and below the diagonal.
    """
    return torch.ones(seq_len, seq_len, dtype=torch.bool).tril()


@checked
def padding_mask(
    lengths: Integer[Tensor, " batch_size"], seq_len: Size
) -> Bool[Tensor, "batch_size 1 seq_len"]:
    """Let nobody look at what stands after the end of a text.

    Args:
        lengths: how many tokens of each text are real, from 0 to seq_len.
        seq_len: tokens of each text, padding included.
    Returns: True for real tokens; the 1 stretches over the queries, and stays:
        `(batch, seq)` would be read as query by key where both are equal.  For
        attention with heads, add an axis for them: `mask.unsqueeze(1)`.
    """
    fit = ((lengths >= 0) & (lengths.long() <= seq_len)).all()
    require(fit, "lengths", f"numbers from 0 to {seq_len}", lengths)
    real = torch.arange(seq_len, device=lengths.device) < lengths[:, None]
    return real[:, None, :]


@checked
def additive(
    mask: Bool[Tensor, "*shape"], dtype: FloatType = torch.float32
) -> Float[Tensor, "*shape"]:
    """Turn a mask into numbers to add to scores: 0 = may look, else -inf."""
    zeros = torch.zeros(mask.shape, dtype=dtype, device=mask.device)
    return zeros.masked_fill(~mask, -math.inf)
