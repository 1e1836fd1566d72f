"""Every dial alone and in pairs: each combination is rejected, and named or listed as alike.

The record that the book shows says the same.
"""

import pytest

from bareattention import recorded_measurement
from bareattention.exercises import EXERCISES
from bareattention.exercises.diagnosis import expected
from bareattention.exercises.matrix import row, said
from bareattention.exercises.outcomes import Raised
from bareattention.mistakes import RIGHT

ROWS = {row["exercise"]: row for row in recorded_measurement("exercises")["rows"]}


@pytest.mark.parametrize("number", EXERCISES)
def test_the_first_case_has_an_answer(number):
    """Two errors are alike, so a reference that always fails would call every failure right."""
    assert not isinstance(expected(EXERCISES[number].reference, RIGHT, 0), Raised)


@pytest.mark.parametrize("number", EXERCISES)
def test_every_mistake_is_named_alone_and_in_pairs(number):
    """Where one mistake hides the other, the one that shows is named."""
    found = row(EXERCISES[number])
    assert set(found["alone"].values()) <= {"named"}, found["alone"]
    assert not {"passed", "blamed"} & found["pairs"].keys(), found["pairs"]
    assert found == ROWS.get(number), "the record is old: python -m bareattention.measure exercises"


@pytest.mark.parametrize("number", EXERCISES)
def test_what_is_listed_as_alike_is_alike(number):
    reference = EXERCISES[number].reference
    for each in reference.alike:
        both = {each.these, each.those}
        assert both & set(said(reference, each.these)) and both & set(said(reference, each.those))


def test_there_are_no_other_rows():
    assert list(ROWS) == list(EXERCISES)
