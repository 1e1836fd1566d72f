"""How big is one attention head?

Written from book/01_parameters.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

from bareattention.shapes import FloatType, Size, checked, require

__all__ = [
    "WORDS",
    "AttentionSizes",
    "SmallExample",
    "count_parameters",
    "small_example",
]


# A word's row: water, money, joins (- ties words, + “the” and its noun).
WORDS = {
    "boat": [2, 0, 0],
    "loan": [0, 2, 0],
    "by": [0, 0, -1],
    "the": [0, 0, 1],
    "bank": [1, 1, 2],
}


@checked
@dataclass(frozen=True)
class AttentionSizes:
    """The sizes of multi-head attention.

    Fields:
        d_model: channels of each token.
        n_heads: heads that work side by side.
        d_k: channels of a query and a key, per head.
        d_v: channels of a value, per head.
    Source: Vaswani et al. 2017, section 3.2.2.
    """

    d_model: Size
    n_heads: Size
    d_k: Size
    d_v: Size

    @classmethod
    @checked
    def divided(cls, d_model: Size, n_heads: Size) -> "AttentionSizes":
        """The usual sizes: the heads divide the channels among them."""
        wanted = f"a divisor of d_model = {d_model}"
        require(d_model % n_heads == 0, "n_heads", wanted, n_heads)
        return cls(d_model, n_heads, d_model // n_heads, d_model // n_heads)

    @property
    def per_head(self) -> int:
        """Parameters of the three matrices of one head, without biases."""
        return self.d_model * (2 * self.d_k + self.d_v)

    @property
    def in_total(self) -> int:
        """All heads and the output projection, without biases."""
        return self.n_heads * (self.per_head + self.d_v * self.d_model)


@checked
def count_parameters(module: nn.Module) -> int:
    """Count the numbers that training may change.

    A parameter that is used in two places counts once.
    """
    parameters = [p for p in module.parameters() if p.requires_grad]
    return sum(parameter.numel() for parameter in parameters)


class SmallExample(NamedTuple):
    """Four tokens and one attention head, small enough for a pencil.

    Fields:
        tokens: the four words.
        embeddings: `(seq_len, d_model)` = (4, 3), one token a row; the
            channels are water, money, joins.
        W_query, W_key: `(d_model, d_k)` = (3, 4).
        W_value: `(d_model, d_v)` = (3, 2); a value says water, money.
    """

    tokens: tuple[str, ...]
    embeddings: Tensor
    W_query: Tensor
    W_key: Tensor
    W_value: Tensor


@checked
def small_example(
    first: Literal["boat", "loan"] = "boat", dtype: FloatType = torch.float32
) -> SmallExample:
    """Make "boat by the bank" or "loan by the bank", and one head, anew."""
    tokens = (first, "by", "the", "bank")
    make = partial(torch.tensor, dtype=dtype)
    return SmallExample(
        tokens,
        make([WORDS[token] for token in tokens]),
        W_query=make([[1, -1, -1, -2], [0, -2, -1, -2], [0, 0, 1, 1]]),
        W_key=make([[0, -1, 0, 0], [1, 0, 1, -1], [0, 0, 1, 1]]),
        W_value=make([[1, 0], [0, 1], [0, 0]]),
    )
