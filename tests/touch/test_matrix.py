"""The matrix computes what attention does, right and with each mistake that can be switched on."""

import json

import pytest

from bareattention import causal_mask, random_embeddings, touch
from bareattention.mistakes.attention import ATTENTION
from bareattention.touch._matrix import SHORT

TOKENS = [f"t{i}" for i in range(5)]


def test_every_mistake_is_the_checkers(node):
    queries, keys, values = random_embeddings(15, 3, seed=1).view(3, 5, 3).double()
    mask = causal_mask(5)
    wrong = {
        name: ATTENTION.answer(frozenset([name] if name else []))(queries, keys, values, mask)
        for name in ["", *SHORT]
    }
    given = {"queries": queries, "keys": keys, "values": values, "mask": mask}
    node("matrix", {**given, "wrong": wrong})


def test_several_heads_and_a_mask_travel():
    parts = random_embeddings(30, 3, seed=1).view(3, 2, 5, 3)
    made = touch.matrix(TOKENS, *parts, mask=causal_mask(5), break_it=["no_scale"])
    data = json.loads(made.data)
    assert len(data["queries"]) == 2
    assert data["mask"][0] == [True, False, False, False, False]
    assert data["mistakes"][0]["says"] == "The scores are not divided by √d_k."
    assert "t0 gives t0 1.00" in made.alt


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"tokens": ["a"]}, "tokens: wanted 5 of them, got 1"),
        ({"break_it": ["no_such"]}, "break_it: wanted names out of no_scale, .*, got no_such"),
        ({"first": (0, 5)}, r"first: wanted a cell of 5 × 5, got \(0, 5\)"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    parts = random_embeddings(15, 3, seed=1).view(3, 5, 3)
    given = {"tokens": TOKENS, **wrong}
    with pytest.raises(ValueError, match=f"^{message}$"):
        touch.matrix(given.pop("tokens"), *parts, **given)
