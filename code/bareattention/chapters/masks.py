"""How do we hide the future, and the padding?

Written from book/07_masks.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import math
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from bareattention.checks import (
    check_float_tensor,
    check_float_type,
    check_ids,
    check_positive_integer,
    check_tensor,
)

__all__ = ["additive", "causal_mask", "leakage", "padding_mask"]


def leakage(
    module: Callable, embeddings: Float[Tensor, "seq_len d_model"]
) -> Float[Tensor, "n_outputs seq_len"]:
    """Measure how much each output moves when each token is nudged.

    Args:
        module: maps `(seq_len, d_model)` to an output `(n_outputs, d)`, or to a tuple that begins
            with it; what is random in it must be switched off.
        embeddings: `(seq_len, d_model)`, where to measure.
    Returns: `(n_outputs, seq_len)`; row i, column j is the norm of d output_i / d token_j.
        It is 0 where output i does not move with token j.
    Raises: TypeError, ValueError for anything but a float tensor of two axes, or a module whose
        output is none.
    """
    check_float_tensor("embeddings", embeddings, dimensions=2)
    if embeddings.ndim != 2:
        raise ValueError(f"embeddings: wanted two axes, got shape {tuple(embeddings.shape)}")

    def output_of(x: Tensor) -> Tensor:
        result = module(x)
        output = result[0] if isinstance(result, tuple) else result
        if not isinstance(output, Tensor):
            raise TypeError(f"module: wanted a tensor as output, got {type(output).__name__}")
        if output.ndim != 2:
            raise ValueError(f"module: wanted two axes as output, got {tuple(output.shape)}")
        return output

    jacobian = torch.autograd.functional.jacobian(output_of, embeddings)
    # In float64: the square of a tiny leak would vanish in float32.
    return jacobian.double().square().sum(dim=(1, 3)).sqrt().to(jacobian.dtype)


def causal_mask(seq_len: int) -> Bool[Tensor, "{seq_len} {seq_len}"]:
    """Let each token look at itself and at what stands before it.

    Args:
        seq_len: tokens.
    Returns: `(seq_len, seq_len)`, True on and below the diagonal; rows are queries.
    Raises: TypeError, ValueError if seq_len is no whole number of at least 1.
    """
    check_positive_integer("seq_len", seq_len)
    return torch.ones(seq_len, seq_len, dtype=torch.bool).tril()


def padding_mask(
    lengths: Int[Tensor, " batch_size"], seq_len: int
) -> Bool[Tensor, "batch_size 1 {seq_len}"]:
    """Let nobody look at what stands after the end of a text.

    Args:
        lengths: `(batch_size,)`, how many tokens of each text are real, from 0 to seq_len.
        seq_len: tokens of each text, padding included.
    Returns: `(batch_size, 1, seq_len)`, True for real tokens; the 1 stretches over the queries.
        For attention with heads, add an axis for them: `mask.unsqueeze(1)`.
    Raises: TypeError if lengths are no whole numbers, ValueError if one lies outside 0 … seq_len or
        lengths has not exactly one axis.
    """
    check_positive_integer("seq_len", seq_len)
    check_ids("lengths", lengths, seq_len + 1)
    if lengths.ndim != 1:
        raise ValueError(f"lengths: wanted one axis, got shape {tuple(lengths.shape)}")
    real = torch.arange(seq_len, device=lengths.device) < lengths[:, None]
    return real[:, None, :]


def additive(
    mask: Bool[Tensor, "*shape"], dtype: torch.dtype = torch.float32
) -> Float[Tensor, "*shape"]:
    """Turn a boolean mask into numbers that are added to scores.

    Args:
        mask: any shape, True = may look.
        dtype: float type of the result.
    Returns: the same shape, 0 where True and -inf where False.
    Raises: TypeError if the mask is not boolean or dtype is no float type.
    """
    check_tensor("mask", mask)
    if mask.dtype != torch.bool:
        raise TypeError(f"mask: wanted a boolean mask (True = may look), got {mask.dtype}")
    check_float_type("dtype", dtype)
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(~mask, -math.inf)
