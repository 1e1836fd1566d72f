"""Why eight small heads instead of one big one?

Written from book/09_many_heads.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from bareattention.chapters.queries_keys_values import Projections
from bareattention.chapters.weighted_values import attention
from bareattention.checks import (
    check_axis,
    check_float_tensor,
    check_positive_integer,
    check_tensor,
)

__all__ = ["MultiHeadAttention", "join_heads", "split_heads"]


def split_heads(
    x: Shaped[Tensor, "*batch seq_len d_model"], n_heads: int
) -> Shaped[Tensor, "*batch {n_heads} seq_len d_head"]:
    """Cut the channels into heads and move the heads in front of the tokens.

    Args:
        x: `(..., seq_len, d_model)`.
        n_heads: heads, a divisor of d_model.
    Returns: `(..., n_heads, seq_len, d_model // n_heads)`.
    Raises: TypeError, ValueError for no tensor of two axes, or heads that do not divide d_model.
    """
    check_tensor("x", x, dimensions=2)
    check_positive_integer("n_heads", n_heads)
    if x.shape[-1] % n_heads:
        raise ValueError(f"n_heads: wanted a divisor of d_model = {x.shape[-1]}, got {n_heads}")
    return x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)


def join_heads(
    x: Shaped[Tensor, "*batch n_heads seq_len d_head"],
) -> Shaped[Tensor, "*batch seq_len d_model"]:
    """Lay the channels of all heads side by side again: the inverse of `split_heads`.

    Args:
        x: `(..., n_heads, seq_len, d_head)`.
    Returns: `(..., seq_len, n_heads * d_head)`.
    Raises: TypeError, ValueError for no tensor of three axes.
    """
    check_tensor("x", x, dimensions=3)
    return x.transpose(-3, -2).flatten(start_dim=-2)


class MultiHeadAttention(nn.Module):
    """Several heads side by side, and a projection that blends what they bring.

    Args:
        d_model: channels of a token.
        n_heads: heads, a divisor of d_model; each has d_model // n_heads channels.
        bias: True adds biases to all four projections.
    Raises: TypeError, ValueError if a size is no whole number of at least 1, or n_heads does not
        divide d_model.
    Source: Vaswani et al. 2017, section 3.2.2; equals `torch.nn.MultiheadAttention`.
    """

    def __init__(self, d_model: int, n_heads: int, bias: bool = True):
        super().__init__()
        check_positive_integer("d_model", d_model)
        check_positive_integer("n_heads", n_heads)
        if d_model % n_heads:
            raise ValueError(f"n_heads: wanted a divisor of d_model = {d_model}, got {n_heads}")
        self.n_heads = n_heads
        self.projections = Projections(d_model, d_model, d_model, bias)
        self.output = nn.Linear(d_model, d_model, bias=bias)

    def forward(
        self, x: Float[Tensor, "*batch seq_len d_model"], mask: Bool[Tensor, "..."] | None = None
    ) -> tuple[
        Float[Tensor, "*batch seq_len d_model"], Float[Tensor, "*batch n_heads seq_len seq_len"]
    ]:
        """Let each token look at all tokens, once in every head.

        Args:
            x: `(..., seq_len, d_model)`.
            mask: boolean, True = may look.  `(seq_len, seq_len)` serves all; with a batch, give it
                an axis for the heads: `(batch_size, 1, seq_len, seq_len)`.
        Returns: output `(..., seq_len, d_model)`, weights `(..., n_heads, seq_len, seq_len)`.
        Raises: as `attention` does; ValueError for a mask with a batch and no axis for
            the heads: its batch could be taken for them.
        """
        check_float_tensor("x", x, dimensions=2)
        check_axis("x", x, -1, self.output.in_features, "d_model of this module")
        if mask is not None:
            check_tensor("mask", mask)
            if 3 <= mask.ndim <= x.ndim and mask.shape[-3] != 1:
                wanted = "an axis for the heads, as mask.unsqueeze(1) makes"
                raise ValueError(f"mask: wanted {wanted}, got shape {tuple(mask.shape)}")
        heads = (split_heads(projected, self.n_heads) for projected in self.projections(x))
        mixed, weights = attention(*heads, mask=mask)
        return self.output(join_heads(mixed)), weights
