"""How many mistakes are looked for, and what else an explanation is held to."""

import dataclasses

from bareattention.exercises.diagnosis import explain
from bareattention.exercises.matrix import given
from bareattention.mistakes.softmax import SOFTMAX

TWO = frozenset({"down_columns", "two"})


def test_no_more_mistakes_are_looked_for_than_the_reference_says():
    came = given(SOFTMAX, TWO)
    assert explain(SOFTMAX, came) == (TWO,)
    assert explain(dataclasses.replace(SOFTMAX, at_once=1), came) == ()
