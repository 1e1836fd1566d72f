"""Who is relevant to whom?

Written from book/04_scores.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from jaxtyping import Float
from torch import Tensor

from bareattention.shapes import checked

__all__ = ["attention_scores"]


@checked
def attention_scores(
    queries: Float[Tensor, "*#batch n_queries d_k"],
    keys: Float[Tensor, "*#batch n_keys d_k"],
    scale: float | None = None,
) -> Float[Tensor, "*batch n_queries n_keys"]:
    """Score every query against every key; row i belongs to query i.

    Args:
        scale: the dot products are multiplied by it; None means 1 / sqrt(d_k).
    Source: Vaswani et al. 2017, equation 1.
    """
    scale = queries.shape[-1] ** -0.5 if scale is None else scale
    # Scaled first, so that half precision does not overflow in the product.
    return (queries * scale) @ keys.transpose(-2, -1)
