"""The dial takes dot products of the first d numbers."""

import json

import pytest
import torch

from bareattention import random_embeddings, touch

QUERIES, KEYS = random_embeddings(3, 12, seed=1), random_embeddings(4, 12, seed=2)
NAMES = ["a", "b", "c", "d"]


def test_products_of_the_first_d_numbers():
    data = json.loads(touch.dial(QUERIES, KEYS, names=NAMES, first=4).data)
    assert data["sizes"] == [1, 2, 4, 8]
    wanted = (QUERIES[:, :4] @ KEYS[:, :4].T).double()
    assert torch.allclose(torch.tensor(data["products"][2]).double(), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"names": ["a"]}, "names: wanted 4 of them, got 1"),
        ({"first": 3}, r"first: wanted one of \[1, 2, 4, 8\], got 3"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        touch.dial(QUERIES, KEYS, **{"names": NAMES, "first": 4, **wrong})
