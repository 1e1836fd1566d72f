"""Did attention earn the accuracy?

Written from book/15_is_attention_doing_anything.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from typing import Literal

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn

from bareattention.chapters.all_at_once import SelfAttentionModel
from bareattention.shapes import Finite, checked, require

__all__ = ["WithoutAttention", "tone_curve", "with_attention_replaced"]


@checked
class WithoutAttention(nn.Module):
    """A `SelfAttentionModel` with something simpler in attention's place.

    Args:
        model: gives its parameters; they are shared, not copied.
        by: "identity" hands each token's value on, "uniform" the mean of all.
    """

    def __init__(
        self, model: SelfAttentionModel, by: Literal["identity", "uniform"]
    ):
        super().__init__()
        self.W_value, self.output, self.by = model.W_value, model.output, by
        self.seq_len, self.d_model = model.seq_len, model.d_model

    def forward(
        self, x: Float[Tensor, "batch_size seq_len d_model"]
    ) -> Float[Tensor, "batch_size n_classes"]:
        """Tokens in, logits out."""
        values = x @ self.W_value  # (batch_size, seq_len, d_model)
        if self.by == "uniform":
            values = values.mean(dim=-2, keepdim=True).expand_as(values)
        return self.output(values.flatten(1))  # (batch_size, n_classes)


@checked
def with_attention_replaced(
    model: SelfAttentionModel, by: Literal["identity", "uniform"]
) -> WithoutAttention:
    """Put something simpler in attention's place, and leave the rest as it is.

    Args:
        model: shares its parameters with the result.
        by: "identity" hands each token's value on, "uniform" the mean of all.
    """
    return WithoutAttention(model, by)


@checked
def tone_curve(
    levels: Float[Tensor, "n_levels"],
    counts: Integer[Tensor, "*batch n_levels"],
    query_key: Finite,
) -> Float[Tensor, "*batch n_levels"]:
    """Compute attention with one channel from histograms.

    Args:
        levels: the values that a pixel can have.
        counts: how many pixels of an image have each value.
        query_key: product of the query's and the key's number; the value's
            number is 1.
    Returns: what attention makes of a pixel of each value.
    Raises: ValueError for negative counts, or an image without pixels.
    """
    require((counts >= 0).all(), "counts", "numbers from 0", counts)
    full = (counts.sum(dim=-1) > 0).all()
    require(full, "counts", "a pixel in every image", "an image without")
    scores = query_key * levels[:, None] * levels  # (n_levels, n_levels)
    # The logarithm of 0 is -inf: a level that no pixel has gets no share.
    often = counts.double().log().to(levels.dtype)  # (..., n_levels)
    shares = torch.softmax(scores + often[..., None, :], dim=-1)
    return shares @ levels  # (..., n_levels)
