"""The fuzzer tells answers apart, and the public callables name what they refuse."""

from collections import Counter
from random import Random

import fuzz
import pytest
from torch import nn

import bareattention
from bareattention import shapes


def answers(size=1):
    return size


def names(size=1):
    raise ValueError(f"size: wanted less, got {size}")


def names_another(size=1):
    raise ValueError(f"length: wanted less, got {size}")


def leaks(size=1):
    raise RuntimeError("size: mat1 and mat2")


def says(size=1):
    """Of a length."""
    names_another(size)


def hangs(size=1):
    while True:
        pass


@pytest.mark.parametrize(
    "call, found",
    [
        (answers, "returned"),
        (names, "named"),
        (names_another, "unnamed"),
        (leaks, "leaked"),
        (says, "told"),
        (hangs, "leaked"),
    ],
)
def test_answers_are_told_apart(call, found, monkeypatch):
    monkeypatch.setattr(fuzz, "SECONDS", 0.2)
    assert fuzz.answer(call, {"size": 0})[0] == found


def test_failures_that_nobody_here_can_name_count_apart():
    def calls(way):
        way(1)

    assert fuzz.answer(leaks, {"size": 2**63}, exotic=True)[0] == "exotic"
    assert fuzz.answer(calls, {"way": leaks})[0] == "theirs"
    assert fuzz.answer(calls, {"way": lambda: None})[0] == "theirs"
    assert fuzz.share(Counter(returned=5, named=2, told=1, unnamed=2, leaked=1, exotic=9)) == 50


def test_every_public_callable_has_an_example():
    for name in bareattention.__all__:
        found = getattr(bareattention, name)
        is_class = isinstance(found, type)
        if callable(found) and not (is_class and issubclass(found, Exception)):
            assert name in fuzz.EXAMPLES
        if is_class and issubclass(found, nn.Module):
            assert f"{name}.forward" in fuzz.EXAMPLES


def test_of_what_fails_98_per_cent_are_named_or_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shapes, "HOLD_RESULTS", False)
    fuzz.warm_up()
    ordinary = [case for case in fuzz.cases() if not case[-1]]
    sample = Random(0).sample(ordinary, 500)
    counts = Counter(fuzz.tried(*case)[0] for case in sample)
    fuzz.plt.close("all")
    assert counts["named"] > 250 and fuzz.share(counts) >= 98
