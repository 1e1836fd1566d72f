"""What does a token look like to the model?

Written from book/02_embeddings.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from bareattention.checks import check_float_type, check_ids, check_matrix, check_positive_integer

__all__ = ["look_up", "one_hot", "random_embeddings"]


def random_embeddings(n_tokens: int, d: int, seed: int) -> Float[Tensor, "n_tokens d"]:
    """Draw embeddings with mean 0 and variance 1, the same ones for the same seed.

    Args:
        n_tokens: rows.
        d: channels of each row.
        seed: start of the random numbers; the global generator is left alone.
    Returns: `(n_tokens, d)`, float32.
    Raises: TypeError, ValueError if a size is no whole number of at least 1.
    """
    check_positive_integer("n_tokens", n_tokens)
    check_positive_integer("d", d)
    return torch.randn(n_tokens, d, generator=torch.Generator().manual_seed(seed))


def one_hot(
    ids: Integer[Tensor, "*shape"], n: int, dtype: torch.dtype = torch.float32
) -> Float[Tensor, "*shape {n}"]:
    """Write each id as a row of zeros with a 1 at its place.

    Args:
        ids: `(...)`, whole numbers from 0 to n - 1.
        n: length of the vocabulary.
        dtype: float type of the result.
    Returns: `(..., n)`.
    Raises: TypeError if ids are no whole numbers or dtype is no float type, ValueError if an id
        lies outside 0 … n - 1.
    Source: equals `torch.nn.functional.one_hot`, which gives integers.
    """
    check_positive_integer("n", n)
    check_float_type("dtype", dtype)
    check_ids("ids", ids, n)
    return (ids[..., None] == torch.arange(n, device=ids.device)).to(dtype)


def look_up(
    table: Float[Tensor, "n_vocabulary d"], ids: Integer[Tensor, "*shape"]
) -> Float[Tensor, "*shape d"]:
    """Take the row of each id.

    Args:
        table: `(n_vocabulary, d)`, one row a token of the vocabulary.
        ids: `(...)`, whole numbers from 0 to n_vocabulary - 1.
    Returns: `(..., d)`; gradients flow to the rows that were taken.
    Raises: TypeError if ids are no whole numbers or the table does not hold floats,
        ValueError if the table is no matrix or an id has no row (negative ids included: they
        would count from the end).
    Source: equals `torch.nn.functional.embedding`.
    """
    check_matrix("table", table)
    check_ids("ids", ids, len(table))
    # PyTorch refuses ids of some small integer types, and reads uint8 as a mask.
    return table[ids.long()]
