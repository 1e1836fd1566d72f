"""Every dial alone and in pairs: each combination is rejected, and named or listed as alike."""

import pytest

from bareattention.exercises import EXERCISES
from bareattention.exercises.diagnosis import cases, expected, explain
from bareattention.mistakes import RIGHT, Reference, Wrong

REFERENCES = {exercise.reference: exercise.number for exercise in EXERCISES.values()}
EACH = [pytest.param(reference, id=number) for reference, number in REFERENCES.items()]


def given(reference: Reference, wrong: Wrong) -> dict:
    return {n: expected(reference, wrong, n) for n in range(len(cases(reference)))}


def listed(reference: Reference, wrong: Wrong) -> set[Wrong]:
    """The combinations that a combination is said to behave like."""
    pairs = [(each.these, each.those) for each in reference.alike]
    return {those for these, those in [*pairs, *((b, a) for a, b in pairs)] if these == wrong}


@pytest.mark.parametrize("reference", EACH)
def test_every_mistake_alone_is_named(reference):
    for name in reference.mistakes:
        wrong = frozenset([name])
        found = set(explain(reference, given(reference, wrong)))
        assert found == {wrong} | {each for each in listed(reference, wrong) if len(each) == 1}


@pytest.mark.parametrize("reference", EACH)
def test_pairs_are_rejected_and_named(reference):
    """Where one mistake hides the other, the one that shows is named."""
    for wrong in reference.combinations(most=2):
        if len(wrong) == 2:
            found = explain(reference, given(reference, wrong))
            assert RIGHT not in found, f"{sorted(wrong)} cancel out"
            named = wrong in found or any(each < wrong for each in found)
            assert named or listed(reference, wrong) & set(found), f"{sorted(wrong)}: {found}"


@pytest.mark.parametrize("reference", EACH)
def test_what_is_listed_as_alike_is_alike(reference):
    for each in reference.alike:
        assert each.these in explain(reference, given(reference, each.these)) or each.why
        assert set(explain(reference, given(reference, each.these))) & {each.these, each.those}
        assert set(explain(reference, given(reference, each.those))) & {each.these, each.those}
