"""How many mistakes are looked for, and what else an explanation is held to."""

import dataclasses
import math

import pytest
import torch

from bareattention.exercises.checking import Verdict
from bareattention.exercises.diagnosis import Diagnosis, cases, diagnose, expected, explain
from bareattention.exercises.exercise import Exercise
from bareattention.exercises.matrix import given
from bareattention.exercises.outcomes import Raised
from bareattention.exercises.running import Outcome, OutOfTimeError
from bareattention.mistakes import RIGHT, Case, Mistake, Reference
from bareattention.mistakes.softmax import SOFTMAX

TWO = frozenset({"down_columns", "two"})


def test_no_more_mistakes_are_looked_for_than_the_reference_says():
    came = given(SOFTMAX, TWO)
    assert explain(SOFTMAX, came) == (TWO,)
    assert explain(dataclasses.replace(SOFTMAX, at_once=1), came) == ()


def test_the_reference_is_asked_once():
    asked = []
    reference = Reference(
        lambda *given: asked.append(given), (), lambda: asked.append("") or [Case()]
    )
    assert diagnose(reference, lambda: None, []).right
    assert diagnose(reference, lambda: None, []).right
    assert asked == ["", (RIGHT,)]


def test_the_reference_gets_copies():
    reference = Reference(lambda wrong, x: x.zero_(), (), lambda: [Case((torch.ones(1),))])
    assert expected(reference, RIGHT, 0) == 0
    assert cases(reference)[0].args[0] == 1


def test_where_time_runs_out_no_more_is_tried():
    def answer(x):
        if x:
            raise OutOfTimeError
        return x

    reference = Reference(lambda wrong, x: x, (), lambda: [Case((x,)) for x in range(3)])
    found = diagnose(reference, answer, ["x"])
    assert (len(found.outcomes), found.first, found.stops) == (2, 1, 1)


ROOT = Reference(
    lambda wrong, x: math.sqrt(-x if wrong else x),
    ((Mistake("minus", ""),),),
    lambda: [Case((x,)) for x in (1, -1, 4)],
)


@pytest.mark.parametrize(
    ("answer", "explained", "stops"),
    [
        (lambda x: math.sqrt(-x), (frozenset({"minus"}),), None),
        (lambda x: 1 + math.sqrt(x), (), None),
        (lambda x: 1 + math.sqrt(x) if x < 4 else x[0], (), 2),
        (lambda x: math.sqrt(x) if x != 1 else x[0], (), 0),
    ],
)
def test_an_error_that_is_wanted_or_explained_does_not_stop_the_answer(answer, explained, stops):
    found = diagnose(ROOT, answer, ["x"])
    assert (found.explained_by, found.stops) == (explained, stops)


def test_errors_alone_are_not_explained():
    four = dataclasses.replace(ROOT, cases=lambda: [Case((4,))])
    assert diagnose(four, lambda x: math.sqrt(-x), ["x"]).explained_by == ()


@pytest.mark.parametrize(
    "found",
    [Raised(ValueError()), Outcome(1), Diagnosis(()), Verdict(""), Exercise("", "", "", SOFTMAX)],
)
def test_what_was_found_cannot_be_changed(found):
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.more = 1
