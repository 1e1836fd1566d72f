"""How does attention know the order?

Written from book/08_positions.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bareattention.shapes import FloatType, Size, checked, require

__all__ = ["LearnedPositions", "sinusoidal_positions"]


@checked
def sinusoidal_positions(
    seq_len: Size, d_model: Size, dtype: FloatType = torch.float32
) -> Float[Tensor, "seq_len d_model"]:
    """Write each place as waves: sine in even channels, cosine in odd ones.

    Places count from 0; d_model must be even, since waves come in pairs.

    Source: Vaswani et al. 2017, section 3.5.
    """
    require(d_model % 2 == 0, "d_model", "an even number", d_model)
    # In float64, since far places would lose digits in float32.
    places = torch.arange(seq_len, dtype=torch.float64)  # (seq_len,)
    pairs = torch.arange(0, d_model, 2, dtype=torch.float64)  # (d_model / 2,)
    angles = places[:, None] * 10000.0 ** (-pairs / d_model)
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1)
    return waves.flatten(start_dim=1).to(dtype)


@checked
class LearnedPositions(nn.Module):
    """Add a learned row to each token, one for each place up to seq_len.

    The rows start small, with standard deviation 0.02, so that training begins
    with the words.
    """

    def __init__(self, seq_len: Size, d_model: Size):
        super().__init__()
        self.d_model = d_model
        self.table = nn.Parameter(0.02 * torch.randn(seq_len, d_model))

    def forward(
        self, x: Float[Tensor, "*batch seq_len d_model"]
    ) -> Float[Tensor, "*batch seq_len d_model"]:
        """The same tokens, with their places added; there may be fewer."""
        seq_len, places = x.shape[-2], len(self.table)
        require(seq_len <= places, "x", f"at most {places} tokens", seq_len)
        return x + self.table[:seq_len]
