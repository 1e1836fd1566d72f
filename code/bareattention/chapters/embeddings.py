"""What does a token look like to the model?

Written from book/02_embeddings.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import torch
from jaxtyping import Float, Integer
from torch import Tensor

from bareattention.shapes import FloatType, Size, checked, require

__all__ = ["look_up", "one_hot", "random_embeddings"]


@checked
def random_embeddings(
    n_tokens: Size, d: Size, seed: int
) -> Float[Tensor, "n_tokens d"]:
    """Draw embeddings with mean 0 and variance 1, alike for the same seed.

    PyTorch's own random numbers are left alone.
    """
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_tokens, d, generator=generator)


def _require_ids(ids: Tensor, n: int) -> None:
    numbers = ids.long()  # n may not fit into smaller whole numbers
    fit = ((numbers >= 0) & (numbers < n)).all()
    require(fit, "ids", f"numbers from 0 to {n - 1}", numbers)


@checked
def one_hot(
    ids: Integer[Tensor, "*shape"], n: Size, dtype: FloatType = torch.float32
) -> Float[Tensor, "*shape n"]:
    """Write each id as a row of n zeros with a 1 at its place.

    Raises: ValueError for an id outside 0 … n - 1.
    Source: equals `torch.nn.functional.one_hot`, which gives integers.
    """
    _require_ids(ids, n)
    return (ids[..., None] == torch.arange(n, device=ids.device)).to(dtype)


@checked
def look_up(
    table: Float[Tensor, "n_vocabulary d"], ids: Integer[Tensor, "*shape"]
) -> Float[Tensor, "*shape d"]:
    """Take the row of each id; gradients flow to the rows that were taken.

    Raises: ValueError for an id without a row, negative ones included.
    Source: equals `torch.nn.functional.embedding`.
    """
    _require_ids(ids, len(table))
    return table[ids.long()]  # PyTorch would read uint8 as a mask
