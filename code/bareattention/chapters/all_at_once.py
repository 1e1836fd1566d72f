"""Why is nobody looping?

Written from book/13_all_at_once.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from bareattention.checks import (
    check_batch,
    check_choice,
    check_positive_integer,
)

__all__ = ["SelfAttentionModel"]


class SelfAttentionModel(nn.Module):
    """The model of `LoopedSelfAttentionModel`, for all samples of a batch at once.

    Its parameters have the same names and shapes, so that a state dict fits both.

    Args:
        seq_len: tokens of a sample.
        d_model: channels of a token.
        n_classes: logits that come out.
        backend: "matmul" for a plain product with a batch axis, "sdpa" for fused attention.
    Raises: TypeError, ValueError for sizes that are no whole number of at least 1, or an unknown
        backend.
    Source: the layout of NakedAttention (jostmey), written anew.
    """

    def __init__(
        self,
        seq_len: int,
        d_model: int,
        n_classes: int,
        backend: str = "matmul",
    ):
        super().__init__()
        for name, size in (
            ("seq_len", seq_len),
            ("d_model", d_model),
            ("n_classes", n_classes),
        ):
            check_positive_integer(name, size)
        check_choice("backend", backend, ("matmul", "sdpa"))
        bound = d_model**-0.5
        for name in ("W_query", "W_key", "W_value"):
            start = torch.empty(d_model, d_model).uniform_(-bound, bound)
            self.register_parameter(name, nn.Parameter(start))
        self.output = nn.Linear(seq_len * d_model, n_classes)
        self.seq_len, self.d_model, self.backend = seq_len, d_model, backend

    def forward(
        self, x: Float[Tensor, "batch_size seq_len d_model"]
    ) -> Float[Tensor, "..."]:
        """Tokens `(batch_size, seq_len, d_model)` -> logits `(batch_size, n_classes)`."""
        check_batch("x", x, self.seq_len, self.d_model)
        queries, keys, values = (
            x @ self.W_query,
            x @ self.W_key,
            x @ self.W_value,
        )
        if self.backend == "sdpa":
            mixed = F.scaled_dot_product_attention(queries, keys, values)
        else:
            scores = queries @ keys.transpose(-2, -1) / self.d_model**0.5
            mixed = torch.softmax(scores, dim=-1) @ values
        return self.output(mixed.flatten(start_dim=1))
