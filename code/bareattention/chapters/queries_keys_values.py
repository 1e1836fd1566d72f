"""What does each token ask, offer and carry?

Written from book/03_queries_keys_values.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from jaxtyping import Float
from torch import Tensor, nn

from bareattention.shapes import Size, checked

__all__ = ["Projections", "project"]


@checked
def project(
    embeddings: Float[Tensor, "*batch seq_len d_model"],
    W_query: Float[Tensor, "d_model d_k"],
    W_key: Float[Tensor, "d_model d_k"],
    W_value: Float[Tensor, "d_model d_v"],
) -> tuple[
    Float[Tensor, "*batch seq_len d_k"],
    Float[Tensor, "*batch seq_len d_k"],
    Float[Tensor, "*batch seq_len d_v"],
]:
    """Make a query, a key and a value of each token.

    Source: Vaswani et al. 2017, section 3.2.2.
    """
    return embeddings @ W_query, embeddings @ W_key, embeddings @ W_value


@checked
class Projections(nn.Module):
    """The three projections of one head, as parameters that can be trained.

    They start with mean 0 and variance 1 / d_model, so that embeddings of
    variance 1 give queries, keys and values of variance 1; biases start at 0.
    """

    def __init__(self, d_model: Size, d_k: Size, d_v: Size, bias: bool = False):
        super().__init__()
        self.d_model = d_model
        self.query = nn.Linear(d_model, d_k, bias=bias)
        self.key = nn.Linear(d_model, d_k, bias=bias)
        self.value = nn.Linear(d_model, d_v, bias=bias)
        for linear in (self.query, self.key, self.value):
            nn.init.normal_(linear.weight, std=d_model**-0.5)
            if bias:
                nn.init.zeros_(linear.bias)

    def forward(
        self, embeddings: Float[Tensor, "*batch seq_len d_model"]
    ) -> tuple[
        Float[Tensor, "*batch seq_len d_k"],
        Float[Tensor, "*batch seq_len d_k"],
        Float[Tensor, "*batch seq_len d_v"],
    ]:
        """Queries, keys and values, as `project` makes them."""
        parts = self.query, self.key, self.value
        return tuple(part(embeddings) for part in parts)
