"""What is the smallest attention model that runs?

Written from book/12_one_sample_at_a_time.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bareattention.shapes import Size, checked

__all__ = ["LoopedSelfAttentionModel"]


@checked
class LoopedSelfAttentionModel(nn.Module):
    """The smallest attention model: one head, then one linear layer.

    The three matrices start uniform between ±1 / sqrt(d_model).

    Args:
        seq_len: tokens of a sample.
        d_model: channels of a token; queries, keys and values have as many.
        n_classes: logits that come out.
    Source: the layout of NakedAttention (jostmey), written anew.
    """

    def __init__(self, seq_len: Size, d_model: Size, n_classes: Size):
        super().__init__()
        bound = d_model**-0.5
        for name in ("W_query", "W_key", "W_value"):
            start = torch.empty(d_model, d_model).uniform_(-bound, bound)
            self.register_parameter(name, nn.Parameter(start))
        self.output = nn.Linear(seq_len * d_model, n_classes)
        self.seq_len, self.d_model = seq_len, d_model

    def forward(
        self, x: Float[Tensor, "batch_size seq_len d_model"]
    ) -> Float[Tensor, "batch_size n_classes"]:
        """Take one sample after the other: tokens in, logits out."""
        results = []
        for one in x:  # (seq_len, d_model)
            queries = one @ self.W_query  # (seq_len, d_model)
            keys = one @ self.W_key  # (seq_len, d_model)
            values = one @ self.W_value  # (seq_len, d_model)
            scores = queries @ keys.T / self.d_model**0.5  # (seq_len, seq_len)
            weights = torch.softmax(scores, dim=-1)  # (seq_len, seq_len)
            results.append(weights @ values)  # (seq_len, d_model)
        mixed = torch.stack(results)  # (batch_size, seq_len, d_model)
        return self.output(mixed.flatten(1))  # (batch_size, n_classes)
