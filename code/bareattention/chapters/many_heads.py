"""Why eight small heads instead of one big one?

Written from book/09_many_heads.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from collections.abc import Callable

from jaxtyping import Bool, Float, Shaped
from torch import Tensor, nn

from bareattention.chapters.queries_keys_values import Projections
from bareattention.chapters.weighted_values import attention
from bareattention.shapes import Size, checked, require

__all__ = ["MultiHeadAttention", "join_heads", "split_heads"]


@checked
def split_heads(
    x: Shaped[Tensor, "*batch seq_len d_model"], n_heads: Size
) -> Shaped[Tensor, "*batch n_heads seq_len d_head"]:
    """Cut the channels into heads and move the heads in front of the tokens."""
    d_model = x.shape[-1]
    wanted = f"a divisor of d_model = {d_model}"
    require(d_model % n_heads == 0, "n_heads", wanted, n_heads)
    return x.unflatten(-1, (n_heads, -1)).transpose(-3, -2)


@checked
def join_heads(
    x: Shaped[Tensor, "*batch n_heads seq_len d_head"],
) -> Shaped[Tensor, "*batch seq_len d_model"]:
    """Lay the channels of all heads side by side: undoes `split_heads`."""
    return x.transpose(-3, -2).flatten(start_dim=-2)


@checked
class MultiHeadAttention(nn.Module):
    """Several heads side by side, and a projection that blends what they bring.

    Each head has d_model // n_heads channels, so n_heads must divide d_model.

    Source: Vaswani et al. 2017, section 3.2.2; equals
        `torch.nn.MultiheadAttention`.
    """

    def __init__(self, d_model: Size, n_heads: Size, bias: bool = True):
        super().__init__()
        wanted = f"a divisor of d_model = {d_model}"
        require(d_model % n_heads == 0, "n_heads", wanted, n_heads)
        self.d_model, self.n_heads = d_model, n_heads
        self.projections = Projections(d_model, d_model, d_model, bias)
        self.output = nn.Linear(d_model, d_model, bias=bias)

    def forward(
        self,
        x: Float[Tensor, "*batch seq_len d_model"],
        mask: Bool[Tensor, "... #seq_len #n_keys"] | None = None,
        attend: Callable = attention,
        context: Float[Tensor, "*batch n_keys d_model"] | None = None,
    ) -> tuple[
        Float[Tensor, "*batch seq_len d_model"],
        Float[Tensor, "*batch n_heads seq_len n_seen"] | None,
    ]:
        """Let each token look around, once in every head.

        Args:
            mask: True = may look.  `(seq_len, n_keys)` serves all.  One for
                each text needs an axis for the heads, `mask.unsqueeze(1)`;
                one for each head needs an axis for the batch, `mask[None]`.
            attend: what each head does with queries, keys, values and mask;
                gives an output, and weights or None.
            context: tokens to look at (cross-attention); None means x itself.
        """
        doubtful = mask is not None and 3 <= mask.ndim <= x.ndim
        clear = not doubtful or mask.shape[-3] == 1
        wanted = "one more axis: unsqueeze(1) for heads, [None] for a batch"
        require(clear, "mask", wanted, mask)
        seen = x if context is None else context  # (..., d_model)
        queries = self.projections.query(x)  # (..., seq_len, d_model)
        keys = self.projections.key(seen)  # (..., n_keys, d_model)
        values = self.projections.value(seen)  # (..., n_keys, d_model)
        heads = [split_heads(y, self.n_heads) for y in (queries, keys, values)]
        attended, weights = attend(*heads, mask)  # (..., d_model // n_heads)
        joined = join_heads(attended)  # (..., seq_len, d_model)
        return self.output(joined), weights  # (..., seq_len, d_model), ...
