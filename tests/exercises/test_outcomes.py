"""What an answer gave is compared whatever its style, and a difference never tells the answer."""

from fractions import Fraction
from unittest.mock import ANY

import numpy as np
import pytest
import torch

from bareattention.exercises.outcomes import Raised, difference, plain, shown

WANTED = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    "came",
    [
        WANTED.tolist(),
        WANTED.numpy(),
        WANTED.double(),
        WANTED.clone().requires_grad_(),
        (WANTED, "more"),
        list(WANTED),
        [list(row) for row in WANTED],
        WANTED + 5e-5,
    ],
)
def test_styles_that_mean_the_same_agree(came):
    assert difference(plain(came), WANTED) is None


@pytest.mark.parametrize(
    ("came", "says"),
    [
        (None, "a tensor was wanted, and None came"),
        ("text", "a tensor was wanted, and 'text' came"),
        (WANTED[0], "the shape (2, 2) was wanted, and (2,) came"),
        (WANTED.reshape(4, 1), "the shape (2, 2) was wanted, and (4, 1) came"),
        ([WANTED[0]], "the shape (2, 2) was wanted, and (2,) came"),
        (WANTED > 0, "numbers were wanted, and booleans came"),
        (WANTED - torch.tensor([[0, 0], [1e-2, 1e-2]]), "[1, 0], where yours is 2.99"),
        (WANTED * torch.tensor([[1, torch.nan], [1, 1]]), "[0, 1], where yours is nan"),
    ],
)
def test_a_difference_is_told(came, says):
    assert difference(plain(came), WANTED).endswith(says)


@pytest.mark.parametrize(("wanted", "near", "far"), [(0, 9e-5, 2e-4), (1e4, 1e4 + 0.9, 1e4 - 2)])
def test_what_is_close_enough(wanted, near, far):
    assert difference(plain(near), plain(wanted)) is None
    assert difference(plain(far), plain(wanted))


def test_a_difference_that_rounding_hides_is_told():
    says = "yours is 1, which is close, and not close enough"
    assert difference(plain(1.001), plain(1)) == says


def test_numbers_texts_and_several_things():
    assert difference(plain(2), plain(2.0)) is None
    assert difference(plain(np.float64(2.5)), plain(2)) == "yours is 2.5"
    assert difference(plain(Fraction(5, 2)), plain(2.5)) is None
    assert difference(plain(1), plain(True)) == "booleans were wanted, and numbers came"
    assert difference(" yes".strip(), "yes") is None
    assert "'no'" in difference("no", "yes")
    assert difference(plain((1, "a") * 150), plain([1, "a"] * 150)) is None
    assert difference(plain((1, "b")), plain((1, "a"))).startswith("in part 2 of 2, ")
    assert difference(plain(1), plain((1, "a"))) == "2 things were wanted, and a number came"
    assert difference(plain((1, "a", 2)), plain((1, "a"))).endswith("and 3 things came")
    assert difference(plain(("a",)), plain((1, "a"))).endswith("and one thing came")
    assert difference(plain({}), plain((1, "a"))).endswith("and 0 things came")
    assert difference(plain({"a": 1}), plain({"a": 1})) is None
    assert difference(plain({"a": 1}), plain({"b": 1}))
    assert difference(plain([None]), plain((None,))) is None
    assert difference(ANY, "yes")
    assert difference(torch.tensor([torch.nan]), torch.tensor([torch.nan])) is None


def test_a_tensor_may_come_where_its_rows_were_wanted():
    assert difference(WANTED, (WANTED[0], WANTED[1])) is None


@pytest.mark.parametrize("row", [np.ones(2), torch.ones(()).requires_grad_()])
def test_rows_are_not_joined_where_pytorch_would_warn(row):
    came = plain([row, row])
    assert isinstance(came, tuple)
    assert not any(each.requires_grad for each in came)


def test_errors_agree_with_errors_of_their_kind():
    error = Raised(ValueError("one"))
    assert difference(error, Raised(ValueError("another"))) is None
    assert difference(error, Raised(TypeError("one"))) == "it ends in an error"
    assert difference(error, WANTED) == "it ends in an error"
    assert difference(WANTED, error) == "an error was wanted"


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (WANTED, "[[1, 2], [3, 4]]"),
        (torch.arange(24), str(list(range(24)))),
        (torch.zeros(5, 5), "a tensor of shape (5, 5)"),
        ((torch.tensor(1.2345), "a"), "(1.23, 'a')"),
        (torch.tensor([True]), "[True]"),
        (Raised(ValueError("no")), "ValueError: no"),
    ],
)
def test_values_are_shown_on_a_line(value, line):
    assert shown(value) == line
