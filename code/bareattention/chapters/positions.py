"""How does attention know the order?

Written from book/08_positions.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bareattention.checks import (
    check_axis,
    check_float_tensor,
    check_float_type,
    check_positive_integer,
)

__all__ = ["LearnedPositions", "sinusoidal_positions"]


def sinusoidal_positions(
    seq_len: int, d_model: int, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "{seq_len} {d_model}"]:
    """Write each place as waves: sines in the even channels, cosines in the odd ones.

    Args:
        seq_len: places, counted from 0.
        d_model: channels, an even number.
        dtype: float type of the result.
    Returns: `(seq_len, d_model)`, values between -1 and 1.
    Raises: TypeError, ValueError if a size is no whole number of at least 1, or d_model is odd.
    Source: Vaswani et al. 2017, section 3.5.
    """
    check_positive_integer("seq_len", seq_len)
    check_positive_integer("d_model", d_model)
    check_float_type("dtype", dtype)
    if d_model % 2:
        raise ValueError(f"d_model: wanted an even number, for pairs of waves, got {d_model}")
    # In float64: far places would lose digits in float32.
    pair = torch.arange(0, d_model, 2, dtype=torch.float64)
    angles = torch.arange(seq_len, dtype=torch.float64)[:, None] * 10000.0 ** (-pair / d_model)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(start_dim=1).to(dtype)


class LearnedPositions(nn.Module):
    """Add a learned row to each token, one for each place.

    The rows start small, with standard deviation 0.02, so that training begins with the words.

    Args:
        seq_len: the largest number of tokens; there is no row beyond.
        d_model: channels of a token.
    Raises: TypeError, ValueError if a size is no whole number of at least 1.
    """

    def __init__(self, seq_len: int, d_model: int):
        super().__init__()
        check_positive_integer("seq_len", seq_len)
        check_positive_integer("d_model", d_model)
        self.table = nn.Parameter(0.02 * torch.randn(seq_len, d_model))

    def forward(
        self, x: Float[Tensor, "*batch seq_len d_model"]
    ) -> Float[Tensor, "*batch seq_len d_model"]:
        """Tokens `(..., seq_len, d_model)` -> the same with their places added.

        Raises: ValueError for more tokens than places, or another d_model.
        """
        check_float_tensor("x", x, dimensions=2)
        check_axis("x", x, -1, self.table.shape[1], "d_model of this module")
        if x.shape[-2] > len(self.table):
            raise ValueError(
                f"x: wanted at most {len(self.table)} tokens, one for each place, got {x.shape[-2]}"
            )
        return x + self.table[: x.shape[-2]]
