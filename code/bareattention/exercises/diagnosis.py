"""Matches an answer to the combination of known mistakes that behaves like it."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

from bareattention.exercises.outcomes import Raised, difference, plain
from bareattention.exercises.running import Outcome, OutOfTimeError, call, run
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
    case = cases(reference)[number]
    if reference.may_change:
        case = copy.deepcopy(case)
    try:
        with torch.random.fork_rng(devices=[]):
            return plain(run(reference.answer(wrong), case, reference))
    except Exception as error:
        return Raised(error)


def explain(reference: Reference, came: Mapping[int, Any]) -> tuple[Wrong, ...]:
    """The combinations with the fewest mistakes that give what came, by number of the case.

    Nothing explains what ends in errors alone.
    """
    found: list[Wrong] = []
    if all(isinstance(value, Raised) for value in came.values()):
        return ()
    for wrong in reference.combinations(reference.at_once):
        if found and len(wrong) > len(found[0]):
            break
        if explains(reference, wrong, came):
            found.append(wrong)
    return tuple(found)


def explains(reference: Reference, wrong: Wrong, came: Mapping[int, Any]) -> bool:
    """Whether these mistakes give what came."""
    return all(difference(came[n], expected(reference, wrong, n)) is None for n in came)


def diagnose(reference: Reference, answer: Callable[..., Any], names: list[str]) -> Diagnosis:
    """Call an answer on every case, and explain what it gave.

    Where it ends in errors that no mistake explains, the other cases are explained.
    """
    outcomes: list[Outcome] = []
    for case in cases(reference):
        outcomes.append(call(answer, case, reference, names))
        if _ran_out(outcomes[-1]):
            break
    came = {number: outcome.value for number, outcome in enumerate(outcomes)}
    whats = {n: difference(came[n], expected(reference, RIGHT, n)) for n in came}
    first = next((number for number in came if whats[number]), None)
    if first is None:
        return Diagnosis(tuple(outcomes), (RIGHT,))
    explained = () if _ran_out(outcomes[-1]) else explain(reference, came)
    stops = None
    if not explained:
        without = {n: value for n, value in came.items() if not isinstance(value, Raised)}
        stops = next((number for number in came if number not in without), None)
        if stops is not None and first in without:
            explained = explain(reference, without)
    return Diagnosis(tuple(outcomes), explained, first, whats[first], stops)


def _ran_out(outcome: Outcome) -> bool:
    return isinstance(outcome.value, Raised) and isinstance(outcome.value.error, OutOfTimeError)
