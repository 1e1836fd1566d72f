"""What does each token take away?

Written from book/06_weighted_values.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from bareattention.chapters.queries_keys_values import Projections
from bareattention.chapters.scores import attention_scores
from bareattention.chapters.softmax import softmax
from bareattention.checks import (
    check_axis,
    check_float_tensor,
    check_leading_axes,
    check_no_nan,
    check_same_kind,
)

__all__ = ["SelfAttention", "attention"]


def attention(
    queries: Float[Tensor, "*batch_q n_queries d_k"],
    keys: Float[Tensor, "*batch_k n_keys d_k"],
    values: Float[Tensor, "*batch_v n_keys d_v"],
    mask: Bool[Tensor, "..."] | None = None,
    scale: float | None = None,
) -> tuple[Float[Tensor, "*batch n_queries d_v"], Float[Tensor, "*batch_w n_queries n_keys"]]:
    """Mix the values, for each query by how well the keys fit it.

    Args:
        queries: `(..., n_queries, d_k)`.
        keys: `(..., n_keys, d_k)`.
        values: `(..., n_keys, d_v)`; leading axes broadcast.
        mask: boolean, can be stretched to `(..., n_queries, n_keys)`; True = may look.
        scale: factor of the dot products; None means 1 / sqrt(d_k).
    Returns: output `(..., n_queries, d_v)` and weights `(..., n_queries, n_keys)`.
        A query that may look at nobody gets weights and output of 0.
    Raises: TypeError for anything but float tensors of one type, ValueError for shapes that do not
        fit, no queries, no keys, or NaN.
    Source: Vaswani et al. 2017, equation 1; equals `F.scaled_dot_product_attention`.
    """
    names, tensors = ("queries", "keys", "values"), (queries, keys, values)
    for name, tensor in zip(names, tensors, strict=True):
        check_float_tensor(name, tensor, dimensions=2)
        check_no_nan(name, tensor)
    check_same_kind(names, tensors)
    check_axis("values", values, -2, keys.shape[-2], "one value for each key")
    check_leading_axes(names, tensors)
    # Half precision is computed in float32 and rounded once, at the end, as PyTorch does.
    q, k, v = (tensor.to(torch.promote_types(tensor.dtype, torch.float32)) for tensor in tensors)
    weights = softmax(attention_scores(q, k, scale), mask=mask)
    return (weights @ v).to(values.dtype), weights.to(values.dtype)


class SelfAttention(nn.Module):
    """One head in which a sequence looks at itself.

    Args:
        d_model: channels of a token.
        d_k: channels of a query and a key.
        d_v: channels of a value.
        bias: True adds biases to the three projections.
    Raises: TypeError, ValueError if a size is no whole number of at least 1.
    """

    def __init__(self, d_model: int, d_k: int, d_v: int, bias: bool = False):
        super().__init__()
        self.projections = Projections(d_model, d_k, d_v, bias)

    def forward(
        self, x: Float[Tensor, "*batch seq_len d_model"], mask: Bool[Tensor, "..."] | None = None
    ) -> tuple[Float[Tensor, "*batch seq_len d_v"], Float[Tensor, "*batch seq_len seq_len"]]:
        """Let each token look at all tokens.

        Args:
            x: `(..., seq_len, d_model)`.
            mask: boolean, can be stretched to `(..., seq_len, seq_len)`; True = may look.
        Returns: output `(..., seq_len, d_v)`, weights `(..., seq_len, seq_len)`.
        Raises: as `attention` does.
        """
        return attention(*self.projections(x), mask=mask)
