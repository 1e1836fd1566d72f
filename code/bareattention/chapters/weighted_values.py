"""What does each token take away?

Written from book/06_weighted_values.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from jaxtyping import Bool, Float
from torch import Tensor, nn

from bareattention.chapters.queries_keys_values import Projections
from bareattention.chapters.scores import attention_scores
from bareattention.chapters.softmax import softmax
from bareattention.shapes import Size, checked

__all__ = ["SelfAttention", "attention"]


@checked
def attention(
    queries: Float[Tensor, "*#batch n_queries d_k"],
    keys: Float[Tensor, "*#batch n_keys d_k"],
    values: Float[Tensor, "*#batch n_keys d_v"],
    mask: Bool[Tensor, "*#batch #n_queries #n_keys"] | None = None,
    scale: float | None = None,
) -> tuple[
    Float[Tensor, "*batch n_queries d_v"], Float[Tensor, "... n_queries n_keys"]
]:
    """Mix the values, for each query by how well the keys fit it.

    Args:
        mask: True = may look.  A query that may look at nobody gets zeros.
        scale: the dot products are multiplied by it; None means 1 / sqrt(d_k).
    Returns: the output, and the weights that made it.
    Source: Vaswani et al. 2017, equation 1; equals
        `F.scaled_dot_product_attention`.
    """
    scores = attention_scores(queries, keys, scale)  # (..., n_queries, n_keys)
    weights = softmax(scores, mask=mask)  # (..., n_queries, n_keys)
    return weights @ values, weights  # (..., n_queries, d_v)


@checked
class SelfAttention(nn.Module):
    """One head in which a sequence looks at itself."""

    def __init__(self, d_model: Size, d_k: Size, d_v: Size, bias: bool = False):
        super().__init__()
        self.d_model, self.d_v = d_model, d_v
        self.projections = Projections(d_model, d_k, d_v, bias)

    def forward(
        self,
        x: Float[Tensor, "*batch seq_len d_model"],
        mask: Bool[Tensor, "*#batch #seq_len #seq_len"] | None = None,
    ) -> tuple[
        Float[Tensor, "*batch seq_len d_v"],
        Float[Tensor, "*batch seq_len seq_len"],
    ]:
        """Let each token look at all tokens, or at those the mask leaves."""
        return attention(*self.projections(x), mask)  # (..., seq_len, d_v)
