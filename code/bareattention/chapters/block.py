"""What surrounds attention in a transformer block?

Written from book/10_block.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from bareattention.chapters.many_heads import MultiHeadAttention
from bareattention.checks import (
    check_axis,
    check_choice,
    check_float_tensor,
    check_number,
    check_positive_integer,
)

__all__ = ["Block", "FeedForward"]


_ACTIVATIONS = {"relu": nn.ReLU, "gelu": nn.GELU}


class FeedForward(nn.Module):
    """Two linear layers with a bend between them, applied to each token alone.

    Args:
        d_model: channels of a token.
        d_ff: hidden channels.
        dropout: share of hidden channels set to 0 while training, from 0 up to 1.
        activation: "relu", or "gelu", a smooth relu.
    Raises: TypeError, ValueError for sizes that are no whole number of at least 1, a dropout
        outside 0 … 1, or an unknown activation.
    Source: Vaswani et al. 2017, section 3.3.
    """

    def __init__(self, d_model: int, d_ff: int, dropout: float = 0.0, activation: str = "relu"):
        super().__init__()
        check_positive_integer("d_model", d_model)
        check_positive_integer("d_ff", d_ff)
        check_choice("activation", activation, tuple(_ACTIVATIONS))
        check_number("dropout", dropout)
        if not 0 <= dropout < 1:
            raise ValueError(f"dropout: wanted a share from 0 up to 1, got {dropout}")
        self.up = nn.Linear(d_model, d_ff)
        self.activation = _ACTIVATIONS[activation]()
        self.dropout = nn.Dropout(dropout)
        self.down = nn.Linear(d_ff, d_model)

    def forward(self, x: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
        """Tokens `(..., d_model)` -> `(..., d_model)`, each on its own."""
        check_float_tensor("x", x, dimensions=1)
        check_axis("x", x, -1, self.up.in_features, "d_model of this module")
        return self.down(self.dropout(self.activation(self.up(x))))


class Block(nn.Module):
    """A transformer block: tokens look around, then each thinks for itself.

    Args:
        d_model: channels of a token.
        n_heads: heads, a divisor of d_model.
        d_ff: hidden channels of the feed-forward network.
        dropout: share of numbers set to 0 while training, in the hidden channels and before both
            sums.
        activation: "relu" or "gelu".
        norm_first: True normalises before each step, False after each sum.
    Raises: TypeError, ValueError as `MultiHeadAttention` and `FeedForward` do.
    Source: Vaswani et al. 2017; norm first: Xiong et al. 2020.  Without dropout it equals
        `torch.nn.TransformerEncoderLayer`, which also drops attention weights.
    """

    def __init__(
        self,
        d_model: int,
        n_heads: int,
        d_ff: int,
        dropout: float = 0.0,
        activation: str = "relu",
        norm_first: bool = True,
    ):
        super().__init__()
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.feed_forward = FeedForward(d_model, d_ff, dropout, activation)
        self.attention_norm = nn.LayerNorm(d_model)
        self.feed_forward_norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)
        self.norm_first = norm_first

    def forward(
        self, x: Float[Tensor, "*batch seq_len d_model"], mask: Bool[Tensor, "..."] | None = None
    ) -> tuple[
        Float[Tensor, "*batch seq_len d_model"], Float[Tensor, "*batch n_heads seq_len seq_len"]
    ]:
        """Tokens `(..., seq_len, d_model)` -> the same shape, and the weights of all heads.

        Args:
            x: `(..., seq_len, d_model)`.
            mask: boolean, True = may look; as `MultiHeadAttention` takes it.
        Returns: output `(..., seq_len, d_model)`, weights `(..., n_heads, seq_len, seq_len)`.
        Raises: as `MultiHeadAttention` does.
        """
        check_float_tensor("x", x, dimensions=2)
        check_axis("x", x, -1, self.attention.output.in_features, "d_model of this module")
        if self.norm_first:
            looked, weights = self.attention(self.attention_norm(x), mask)
            x = x + self.dropout(looked)
            return x + self.dropout(self.feed_forward(self.feed_forward_norm(x))), weights
        looked, weights = self.attention(x, mask)
        x = self.attention_norm(x + self.dropout(looked))
        return self.feed_forward_norm(x + self.dropout(self.feed_forward(x))), weights
