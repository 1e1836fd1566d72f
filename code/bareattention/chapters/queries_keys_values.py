"""What does each token ask, offer and carry?

Written from book/03_queries_keys_values.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from jaxtyping import Float
from torch import Tensor, nn

from bareattention.checks import (
    check_axis,
    check_float_tensor,
    check_matrix,
    check_no_nan,
    check_not_empty,
    check_positive_integer,
    check_same_kind,
)

__all__ = ["Projections", "project"]


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
    """Project each token to a query, a key and a value.

    Args:
        embeddings: `(..., seq_len, d_model)`, one token a row.
        W_query, W_key: `(d_model, d_k)`.
        W_value: `(d_model, d_v)`.
    Returns: queries and keys `(..., seq_len, d_k)`, values `(..., seq_len, d_v)`.
    Raises: TypeError for anything but float tensors of one type, ValueError for shapes that do not
        fit, no tokens, or NaN.
    Source: Vaswani et al. 2017, section 3.2.2.
    """
    check_float_tensor("embeddings", embeddings, dimensions=2)
    check_not_empty("embeddings", embeddings, -2, "token")
    check_no_nan("embeddings", embeddings)
    d_model = embeddings.shape[-1]
    for name, W in (("W_query", W_query), ("W_key", W_key), ("W_value", W_value)):
        check_matrix(name, W)
        check_no_nan(name, W)
        check_same_kind(("embeddings", name), (embeddings, W))
        check_axis(name, W, 0, d_model, "the channels of embeddings")
    check_axis("W_key", W_key, 1, W_query.shape[1], "d_k, the columns of W_query")
    return embeddings @ W_query, embeddings @ W_key, embeddings @ W_value


class Projections(nn.Module):
    """The three projections of one head, as parameters that can be trained.

    The parameters start with mean 0 and variance 1 / d_model, so that embeddings of variance 1 give
    queries, keys and values of variance 1.  Biases start at 0.

    Args:
        d_model: channels of a token.
        d_k: channels of a query and a key.
        d_v: channels of a value.
        bias: True adds a learned number to every channel that comes out.
    Raises: TypeError, ValueError if a size is no whole number of at least 1.
    """

    def __init__(self, d_model: int, d_k: int, d_v: int, bias: bool = False):
        super().__init__()
        for name, size in (("d_model", d_model), ("d_k", d_k), ("d_v", d_v)):
            check_positive_integer(name, size)
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
        """Embeddings `(..., seq_len, d_model)` -> queries, keys and values, as `project` does."""
        check_float_tensor("embeddings", embeddings, dimensions=2)
        check_not_empty("embeddings", embeddings, -2, "token")
        check_no_nan("embeddings", embeddings)
        d_model = self.query.in_features
        check_axis("embeddings", embeddings, -1, d_model, "d_model of this module")
        check_same_kind(("embeddings", "W_query"), (embeddings, self.query.weight))
        return self.query(embeddings), self.key(embeddings), self.value(embeddings)
