"""Who is relevant to whom?

Written from book/04_scores.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from jaxtyping import Float
from torch import Tensor

from bareattention.checks import (
    check_axis,
    check_float_tensor,
    check_leading_axes,
    check_no_nan,
    check_not_empty,
    check_number,
    check_same_kind,
)

__all__ = ["attention_scores"]


def attention_scores(
    queries: Float[Tensor, "*batch_q n_queries d_k"],
    keys: Float[Tensor, "*batch_k n_keys d_k"],
    scale: float | None = None,
) -> Float[Tensor, "*batch n_queries n_keys"]:
    """Score every query against every key.

    Args:
        queries: `(..., n_queries, d_k)`.
        keys: `(..., n_keys, d_k)`; the leading axes broadcast with those of queries.
        scale: the dot products are multiplied by it; None means 1 / sqrt(d_k).
    Returns: `(..., n_queries, n_keys)`; row i belongs to query i.
    Raises: TypeError for anything but float tensors of one type, ValueError for shapes that do not
        fit, a width of 0, no queries or no keys, NaN, or a scale that is no finite number.
    Source: Vaswani et al. 2017, equation 1.
    """
    for name, tensor in (("queries", queries), ("keys", keys)):
        check_float_tensor(name, tensor, dimensions=2)
        check_no_nan(name, tensor)
    check_same_kind(("queries", "keys"), (queries, keys))
    d_k = queries.shape[-1]
    check_not_empty("queries", queries, -1, "channel")
    check_not_empty("queries", queries, -2, "query")
    check_not_empty("keys", keys, -2, "key")
    check_axis("keys", keys, -1, d_k, "d_k, the channels of queries")
    check_leading_axes(("queries", "keys"), (queries, keys))
    if scale is not None:
        check_number("scale", scale)
    # Scaling the queries first keeps half precision from overflowing in the product.
    return (queries * (d_k**-0.5 if scale is None else scale)) @ keys.transpose(-2, -1)
