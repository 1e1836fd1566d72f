"""What surrounds attention in a transformer block?

Written from book/10_block.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from collections.abc import Callable
from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor, nn

from bareattention.chapters.many_heads import MultiHeadAttention
from bareattention.chapters.weighted_values import attention
from bareattention.shapes import Count, Share, Size, checked

__all__ = ["Block", "FeedForward"]


@checked
class FeedForward(nn.Module):
    """Two linear layers with a bend between them, applied to each token alone.

    Args:
        d_ff: hidden channels.
        dropout: share of hidden channels set to 0 while training.
        activation: "gelu" is a smooth "relu".
    Source: Vaswani et al. 2017, section 3.3.
    """

    def __init__(
        self,
        d_model: Size,
        d_ff: Size,
        dropout: Share = 0.0,
        activation: Literal["relu", "gelu"] = "relu",
    ):
        super().__init__()
        self.d_model = d_model
        self.up = nn.Linear(d_model, d_ff)
        self.activation = {"relu": nn.ReLU, "gelu": nn.GELU}[activation]()
        self.dropout = nn.Dropout(dropout)
        self.down = nn.Linear(d_ff, d_model)

    def forward(
        self, x: Float[Tensor, "*batch d_model"]
    ) -> Float[Tensor, "*batch d_model"]:
        """Each token on its own."""
        hidden = self.activation(self.up(x))
        return self.down(self.dropout(hidden))


@checked
class Block(nn.Module):
    """A transformer block: tokens look around, then each works for itself.

    Args:
        d_ff: hidden channels of the feed-forward network; 0 leaves it out.
        dropout: share of numbers set to 0 while training, in the hidden
            channels and before both sums.
        norm_first: True normalises before each step, False after each sum.
        norm: makes a norm for d_model channels; nn.Identity leaves norms out.
        residual: False leaves out what is added to.
    Source: Vaswani et al. 2017; norm first: Radford et al. 2019.  Without
        dropout it equals `torch.nn.TransformerEncoderLayer`, which also drops
        weights.
    """

    def __init__(
        self,
        d_model: Size,
        n_heads: Size,
        d_ff: Count,
        dropout: Share = 0.0,
        activation: Literal["relu", "gelu"] = "relu",
        norm_first: bool = True,
        norm: Callable[[int], nn.Module] = nn.LayerNorm,
        residual: bool = True,
    ):
        super().__init__()
        self.d_model, self.norm_first = d_model, norm_first
        self.residual, self.dropout = residual, nn.Dropout(dropout)
        self.attention = MultiHeadAttention(d_model, n_heads)
        self.attention_norm = norm(d_model)
        self.feed_forward = None
        if d_ff:
            self.feed_forward = FeedForward(d_model, d_ff, dropout, activation)
            self.feed_forward_norm = norm(d_model)

    def _before(self, x: Tensor, norm: nn.Module) -> Tensor:
        return norm(x) if self.norm_first else x

    def _add(self, x: Tensor, step: Tensor, norm: nn.Module) -> Tensor:
        x = x + self.dropout(step) if self.residual else self.dropout(step)
        return x if self.norm_first else norm(x)

    def forward(
        self,
        x: Float[Tensor, "*batch seq_len d_model"],
        mask: Bool[Tensor, "... #seq_len #seq_len"] | None = None,
        attend: Callable = attention,
    ) -> tuple[
        Float[Tensor, "*batch seq_len d_model"],
        Float[Tensor, "*batch n_heads seq_len n_seen"] | None,
    ]:
        """Tokens of the same shape, and the weights of all heads.

        Args:
            mask, attend: as `MultiHeadAttention` takes them.
        """
        y = self._before(x, self.attention_norm)  # (..., d_model)
        attended, weights = self.attention(y, mask, attend)  # (..., d_model)
        x = self._add(x, attended, self.attention_norm)  # (..., d_model)
        if self.feed_forward is not None:
            y = self._before(x, self.feed_forward_norm)  # (..., d_model)
            mlp_out = self.feed_forward(y)  # (..., d_model)
            x = self._add(x, mlp_out, self.feed_forward_norm)  # (..., d_model)
        return x, weights
