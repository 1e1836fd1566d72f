"""Why is nobody looping?

Written from book/13_all_at_once.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from typing import Literal

from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from bareattention.chapters.one_sample_at_a_time import LoopedSelfAttentionModel
from bareattention.shapes import Size, checked

__all__ = ["SelfAttentionModel", "fused_attention"]


@checked
def fused_attention(
    queries: Float[Tensor, "*#batch n_queries d_k"],
    keys: Float[Tensor, "*#batch n_keys d_k"],
    values: Float[Tensor, "*#batch n_keys d_v"],
    mask: Bool[Tensor, "*#batch #n_queries #n_keys"] | None = None,
    scale: float | None = None,
) -> tuple[Float[Tensor, "*batch n_queries d_v"], None]:
    """Mix the values as `attention` does, and never keep the table of weights.

    Args:
        mask: True = may look; who may look at nobody gets an output of 0.
        scale: factor of the dot products; None means 1 / sqrt(d_k).
    Returns: the output, and None in place of the weights.
    Source: Dao et al. 2022; PyTorch's own implementation.
    """
    output = F.scaled_dot_product_attention(
        queries, keys, values, attn_mask=mask, scale=scale
    )
    return output, None


@checked
class SelfAttentionModel(LoopedSelfAttentionModel):
    """The same parameters, for all samples of a batch at once.

    Args:
        seq_len: tokens of a sample.
        d_model: channels of a token.
        n_classes: logits that come out.
        backend: "matmul" for products with a batch axis, "sdpa" for fused
            attention.
    Source: the layout of NakedAttention (jostmey), written anew.
    """

    def __init__(
        self,
        seq_len: Size,
        d_model: Size,
        n_classes: Size,
        backend: Literal["matmul", "sdpa"] = "matmul",
    ):
        super().__init__(seq_len, d_model, n_classes)
        self.backend = backend

    def forward(
        self, x: Float[Tensor, "batch_size seq_len d_model"]
    ) -> Float[Tensor, "batch_size n_classes"]:
        """Take all samples at once: tokens in, logits out."""
        queries = x @ self.W_query  # (batch_size, seq_len, d_model)
        keys = x @ self.W_key  # (batch_size, seq_len, d_model)
        values = x @ self.W_value  # (batch_size, seq_len, d_model)
        if self.backend == "sdpa":
            mixed, _ = fused_attention(queries, keys, values)  # (..., d_model)
        else:
            root = self.d_model**0.5
            scores = queries @ keys.mT / root  # (batch_size, seq_len, seq_len)
            weights = scores.softmax(dim=-1)  # (batch_size, seq_len, seq_len)
            mixed = weights @ values  # (batch_size, seq_len, d_model)
        return self.output(mixed.flatten(1))  # (batch_size, n_classes)
