"""The matrix of exercises and mistakes: what the checker says of each alone and in pairs."""

import sys

from tqdm import tqdm

from bareattention.exercises.diagnosis import cases, expected, explain, explains
from bareattention.exercises.exercise import Exercise
from bareattention.exercises.tasks import EXERCISES
from bareattention.mistakes import RIGHT, Reference, Wrong

SAYS = (
    "what the exercise checker says of a right function with known mistakes in it: how many it "
    "names alone; of pairs, how many it names, how many show only one of the two, and how many "
    "are for every input like another combination"
)


def given(reference: Reference, wrong: Wrong) -> dict:
    """What the reference gives with these mistakes in it, by number of the case."""
    return {n: expected(reference, wrong, n) for n in range(len(cases(reference)))}


def said(reference: Reference, wrong: Wrong) -> tuple[Wrong, ...]:
    """The combinations that the checker takes these mistakes for."""
    return explain(reference, given(reference, wrong))


def alike(reference: Reference, wrong: Wrong) -> set[Wrong]:
    """The combinations that are listed as behaving like this one for every input."""
    pairs = [(each.these, each.those) for each in reference.alike]
    return {those for these, those in [*pairs, *((b, a) for a, b in pairs)] if these == wrong}


def kind(reference: Reference, wrong: Wrong) -> str:
    """What becomes of one or two mistakes: "named", "one shows", "alike", "blamed" or "passed".

    The checker names the fewest mistakes, so it is enough to try one and none.
    """
    came, others = given(reference, wrong), alike(reference, wrong)
    fewer = set(reference.combinations(most=1)) - {wrong}
    found = {each for each in fewer if explains(reference, each, came)}
    if RIGHT in found:
        return "passed"
    if not found or (len(wrong) == 1 and found <= others):
        return "named"
    if any(each < wrong for each in found):
        return "one shows"
    return "alike" if found & others else "blamed"


def row(exercise: Exercise) -> dict:
    """One exercise: its mistakes, and what becomes of each alone and of the pairs by kind."""
    reference = exercise.reference
    pairs = [wrong for wrong in reference.combinations(most=2) if len(wrong) > 1]
    found = [kind(reference, wrong) for wrong in pairs]
    return {
        "exercise": exercise.number,
        "name": exercise.name,
        "alone": {name: kind(reference, frozenset([name])) for name in reference.mistakes},
        "pairs": {name: found.count(name) for name in sorted(set(found))},
        "alike": len(reference.alike),
    }


def measure_exercises(repeats: int) -> list[dict]:
    """Try every mistake and every pair in every exercise; there is no chance, so once is enough."""
    return [row(exercise) for exercise in tqdm(EXERCISES.values(), file=sys.stderr)]
