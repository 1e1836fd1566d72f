"""How big is one attention head?

Written from book/01_parameters.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from bareattention.checks import check_float_type, check_positive_integer

__all__ = ["AttentionSizes", "SmallExample", "count_parameters", "small_example"]


@dataclass(frozen=True)
class AttentionSizes:
    """The sizes of multi-head attention.

    Args:
        d_model: channels of each token.
        n_heads: heads that work side by side.
        d_k: channels of a query and a key, per head; d_model // n_heads if left out.
        d_v: channels of a value, per head; d_model // n_heads if left out.
    Raises:
        TypeError: a size is not a whole number.
        ValueError: a size is below 1; or n_heads does not divide d_model, and d_k or d_v is left
            to be worked out.
    Source: Vaswani et al. 2017, section 3.2.2.
    """

    d_model: int
    n_heads: int
    d_k: int | None = None
    d_v: int | None = None

    def __post_init__(self):
        check_positive_integer("d_model", self.d_model)
        check_positive_integer("n_heads", self.n_heads)
        for name in ("d_k", "d_v"):
            if getattr(self, name) is None:
                if self.d_model % self.n_heads:
                    raise ValueError(
                        f"n_heads: wanted a divisor of d_model = {self.d_model}, got {self.n_heads}"
                    )
                # A frozen class sets its own fields through `object`.
                object.__setattr__(self, name, self.d_model // self.n_heads)
            check_positive_integer(name, getattr(self, name))

    @property
    def per_head(self) -> int:
        """Parameters of the three matrices of one head, without biases."""
        return self.d_model * (2 * self.d_k + self.d_v)

    @property
    def in_total(self) -> int:
        """Parameters of all heads and the output projection, without biases."""
        return self.n_heads * (self.per_head + self.d_v * self.d_model)


def count_parameters(module: nn.Module) -> int:
    """Count the numbers that training may change.

    Args:
        module: any PyTorch module; a parameter used in two places counts once.
    Returns: how many numbers its parameters hold.
    Raises: TypeError if it is no module.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module: wanted a torch.nn.Module, got {type(module).__name__}")
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


class SmallExample(NamedTuple):
    """Four tokens and one attention head, small enough for a pencil.

    Fields:
        tokens: the four words.
        embeddings: `(seq_len, d_model)` = (4, 3), one token a row.
        W_query, W_key: `(d_model, d_k)` = (3, 4).
        W_value: `(d_model, d_v)` = (3, 2).
    """

    tokens: tuple[str, ...]
    embeddings: Tensor
    W_query: Tensor
    W_key: Tensor
    W_value: Tensor


def small_example(dtype: torch.dtype = torch.float32) -> SmallExample:
    """Make the small example, fresh at every call, so that nobody can spoil it for others.

    Args:
        dtype: the float type of all four matrices.
    Returns: tokens, embeddings, W_query, W_key, W_value.
    Raises: TypeError if dtype is no float type.
    """
    check_float_type("dtype", dtype)
    return SmallExample(
        ("the", "cat", "sat", "down"),
        torch.tensor([[0, 0, 1], [0, 2, 0], [2, 0, 1], [2, 0, 0]], dtype=dtype),
        torch.tensor([[0, -1, 0, 1], [-1, -1, 0, -1], [-1, 1, 0, 0]], dtype=dtype),
        torch.tensor([[0, 0, 0, -1], [-1, 1, 0, 0], [1, -1, -1, 1]], dtype=dtype),
        torch.tensor([[1, 1], [0, 1], [1, 1]], dtype=dtype),
    )
