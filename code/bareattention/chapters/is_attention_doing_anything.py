"""Did attention earn the accuracy?

Written from book/15_is_attention_doing_anything.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from bareattention.chapters.all_at_once import SelfAttentionModel
from bareattention.checks import (
    check_axis,
    check_batch,
    check_choice,
    check_float_tensor,
    check_number,
    check_tensor,
)

__all__ = ["WithoutAttention", "tone_curve", "with_attention_replaced"]


class WithoutAttention(nn.Module):
    """A `SelfAttentionModel` in which something simpler stands in attention's place.

    Args:
        model: gives its parameters; they are shared, not copied.
        by: "identity" hands each token's value on, "uniform" the mean of all values.
    Raises: ValueError for another `by`.
    """

    def __init__(self, model: SelfAttentionModel, by: str):
        super().__init__()
        check_choice("by", by, ("identity", "uniform"))
        self.W_value, self.output, self.by = model.W_value, model.output, by
        self.seq_len, self.d_model = model.seq_len, model.d_model

    def forward(
        self, x: Float[Tensor, "batch_size seq_len d_model"]
    ) -> Float[Tensor, "..."]:
        """Tokens `(batch_size, seq_len, d_model)` -> logits `(batch_size, n_classes)`."""
        check_batch("x", x, self.seq_len, self.d_model)
        values = x @ self.W_value
        if self.by == "uniform":
            values = values.mean(dim=-2, keepdim=True).expand_as(values)
        return self.output(values.flatten(start_dim=1))


def with_attention_replaced(
    model: SelfAttentionModel, by: str
) -> WithoutAttention:
    """Put something simpler in attention's place, and leave the rest as it is.

    Args:
        model: with attention; it shares its parameters with the result.
        by: "identity" or "uniform".
    Returns: a module with the same inputs and outputs.
    Raises: TypeError for another model, ValueError for another `by`.
    """
    if not isinstance(model, SelfAttentionModel):
        raise TypeError(
            f"model: wanted a SelfAttentionModel, got {type(model).__name__}"
        )
    return WithoutAttention(model, by)


def tone_curve(
    levels: Float[Tensor, " n_levels"],
    counts: Int[Tensor, "*batch n_levels"],
    query_key: float,
) -> Float[Tensor, "*batch n_levels"]:
    """Compute attention with one channel from histograms.

    Args:
        levels: `(n_levels,)`, the values that a pixel can have.
        counts: `(..., n_levels)`, how many pixels of an image have each value.
        query_key: product of the query's and the key's number; the value's number is 1.
    Returns: `(..., n_levels)`, what attention makes of a pixel of each value.
    Raises: TypeError for levels that are no floats or counts that are no tensor; ValueError for
        counts of other levels, negative counts, or an image without pixels.
    """
    check_float_tensor("levels", levels, dimensions=1)
    check_tensor("counts", counts, dimensions=1)
    check_number("query_key", query_key)
    check_axis("counts", counts, -1, len(levels), "the number of levels")
    if (counts < 0).any():
        raise ValueError(
            f"counts: wanted no negative number, got {counts.min().item()}"
        )
    if not (counts.sum(dim=-1) > 0).all():
        raise ValueError(
            "counts: wanted at least one pixel in every image, got none"
        )
    scores = query_key * levels[:, None] * levels
    # The logarithm of 0 is -inf: a level that no pixel has gets no share.
    shares = torch.softmax(
        scores + counts.to(levels.dtype).log()[..., None, :], dim=-1
    )
    return shares @ levels
