"""Matches an answer to the combination of known mistakes that behaves like it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import Any

from bareattention.exercises.outcomes import Raised, difference
from bareattention.exercises.running import Outcome, OutOfTimeError, call
from bareattention.mistakes import RIGHT, Case, Reference, Wrong


@dataclass(frozen=True)
class Diagnosis:
    """What an answer gave, case by case, and what explains it.

    Args:
        outcomes: one for each case; fewer where time ran out.
        explained_by: the combinations with the fewest mistakes that behave like the answer; the
            empty combination is right; none where nothing known explains it.
        first: the number of the first case with a difference, or None.
        what: the difference there.
        stops: the number of the first case that ended in an error nobody wanted, or None.
    """

    outcomes: tuple[Outcome, ...]
    explained_by: tuple[Wrong, ...] = ()
    first: int | None = None
    what: str | None = None
    stops: int | None = None

    @property
    def right(self) -> bool:
        return self.first is None


@cache
def cases(reference: Reference) -> tuple[Case, ...]:
    """The calls by which mistakes of this reference are told apart."""
    return tuple(reference.cases())


@cache
def expected(reference: Reference, wrong: Wrong, number: int) -> Any:
    """What the reference gives for a case with these mistakes in it."""
    return call(reference.answer(wrong), cases(reference)[number], reference, []).value


def explain(reference: Reference, came: Mapping[int, Any]) -> tuple[Wrong, ...]:
    """The combinations with the fewest mistakes that give what came, by number of the case.

    Nothing explains what ends in errors alone.
    """
    if all(isinstance(value, Raised) for value in came.values()):
        return ()
    for _, alike in groupby(reference.combinations(reference.at_once), len):
        if found := tuple(wrong for wrong in alike if explains(reference, wrong, came)):
            return found
    return ()


def explains(reference: Reference, wrong: Wrong, came: Mapping[int, Any]) -> bool:
    """Whether these mistakes give what came."""
    return all(difference(came[n], expected(reference, wrong, n)) is None for n in came)


def diagnose(reference: Reference, answer: Callable[..., Any], names: list[str]) -> Diagnosis:
    """Call an answer on every case, and explain what it gave.

    Where it ends in errors that no mistake explains, the other cases are explained.
    """
    outcomes: list[Outcome] = []
    for case in cases(reference):
        outcomes.append(outcome := call(answer, case, reference, names))
        if isinstance(outcome.value, Raised) and isinstance(outcome.value.error, OutOfTimeError):
            break
    came = {number: outcome.value for number, outcome in enumerate(outcomes)}
    whats = {n: difference(came[n], expected(reference, RIGHT, n)) for n in came}
    if not any(whats.values()):
        return Diagnosis(tuple(outcomes), (RIGHT,))
    first = next(n for n in came if whats[n])
    errors = [n for n in came if whats[n] and isinstance(came[n], Raised)]
    explained = explain(reference, came)
    stops = None if explained else next(iter(errors), None)
    if stops not in (None, first):
        explained = explain(reference, {n: came[n] for n in came if n not in errors})
    return Diagnosis(tuple(outcomes), explained, first, whats[first], stops)
