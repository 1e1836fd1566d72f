"""The sentence reads as the chapters' head does, in any order."""

import itertools
import json

import pytest
import torch

from bareattention import attention, project, small_example, touch

EXAMPLE = small_example(dtype=torch.float64)
PLACES = torch.tensor([[0, 0, place / 2] for place in range(4)], dtype=torch.float64)
HINT = {"hint": "Try."}


def read(order, places) -> dict:
    placed = EXAMPLE.embeddings[list(order)] + (0 if places is None else places)
    queries, keys, values = project(placed, *EXAMPLE[2:])
    output, weights = attention(queries, keys, values)
    found = {"order": order, "values": values, "weights": weights, "output": output}
    return found if places is None else {**found, "places": places}


def test_every_order_reads_as_in_python(node):
    orders = itertools.permutations(range(4))
    head = {"rows": EXAMPLE.embeddings, **dict(zip(EXAMPLE._fields[2:], EXAMPLE[2:], strict=True))}
    golden = [read(order, places) for order in orders for places in (None, PLACES)]
    node("sentence", {"head": head, "read": golden})


def test_the_word_that_differs_is_the_one_to_be_changed():
    figure = touch.sentence(*small_example(), instead=small_example("loan"), **HINT)
    assert json.loads(figure.data)["instead"] == {"at": 0, "word": "loan", "row": [0, 2, 0]}
    assert figure.alt.endswith("and takes away 1.66 water, 0.10 money.")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"instead": small_example()}, "instead: wanted one word changed, got boat by the bank"),
        ({"asks": 4}, "asks: wanted a number below 4, got 4"),
        ({"meanings": ["water"]}, "meanings: wanted 2 of them, got 1"),
        ({"places": PLACES[:3].float()}, r"places: wanted shape \(seq_len=4, d_model=3\), got .*"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        touch.sentence(*small_example(), **HINT, **wrong)
