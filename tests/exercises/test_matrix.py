"""What becomes of a combination of mistakes, where results are looked up in a table."""

import pytest

from bareattention.exercises import matrix
from bareattention.exercises.exercise import Exercise
from bareattention.mistakes import Alike, Case, Mistake, Reference

GIVES = {"": 0, "a": 1, "b": 1, "c": 2, "d": 2, "e": 0, "f": 3}
GIVES |= {"ac": 4, "bc": 2, "ad": 3, "bd": 1, "ae": 0, "be": 5, "ce": 6, "de": 7}
GIVES |= {"af": 8, "bf": 9, "cf": 3, "df": 1, "ef": 5}
A, B, C, D, E, F = (Mistake(name, "") for name in "abcdef")
TABLE = Reference(
    lambda wrong: GIVES["".join(sorted(wrong))],
    ((A, B), (C, D), (E,), (F,)),
    lambda: [Case()],
    alike=tuple(
        Alike(frozenset(one), frozenset(other), "")
        for one, other in ("ab", ("a", "cf"), ("f", "ad"), ("c", "df"))
    ),
)


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ("a", "named"),
        ("b", "named"),
        ("c", "blamed"),
        ("e", "passed"),
        ("f", "named"),
        ("ac", "named"),
        ("bc", "one shows"),
        ("ad", "alike"),
        ("df", "blamed"),
        ("ae", "passed"),
    ],
)
def test_what_becomes_of_it(wrong, kind):
    assert matrix.kind(TABLE, frozenset(wrong)) == kind


def test_a_row_counts_pairs(monkeypatch):
    exercise = Exercise("0.1", "looked_up", "", TABLE)
    monkeypatch.setattr(matrix, "EXERCISES", {"0.1": exercise})
    alone = {name: matrix.kind(TABLE, frozenset(name)) for name in "abcdef"}
    pairs = {"alike": 1, "blamed": 1, "named": 7, "one shows": 3, "passed": 1}
    row = {"exercise": "0.1", "name": "looked_up", "alone": alone, "pairs": pairs, "alike": 4}
    assert str(matrix.measure_exercises(1)) == str([row])


@pytest.mark.parametrize(("these", "those"), [("ad", "f"), ("f", "ad")])
def test_what_is_listed_as_alike_is_so_both_ways(these, those):
    assert matrix.alike(TABLE, frozenset(these)) == {frozenset(those)}


def test_what_the_checker_says():
    assert matrix.said(TABLE, frozenset("ad")) == (frozenset("f"),)
