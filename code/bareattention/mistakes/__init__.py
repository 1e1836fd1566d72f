"""Every known mistake, with its sentence, and references that can be made to contain it.

A `Reference` is a right function with dials.  Each dial has a few known mistakes, of which at most
one is made at a time; the mistakes made are handed over by name.  The exercise checker, the page's
switches and the gallery of failures all read this one list.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

Wrong = frozenset[str]
RIGHT: Wrong = frozenset()


@dataclass(frozen=True)
class Mistake:
    """A mistake: its name in code, and what to tell somebody who has made it."""

    name: str
    says: str


@dataclass(frozen=True)
class Case:
    """One call: what a function is called with."""

    args: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Alike:
    """Two combinations of mistakes that behave alike for every input, and why."""

    these: Wrong
    those: Wrong
    why: str


@dataclass(frozen=True, eq=False)  # each is itself alone, and quickly found in a cache
class Reference:
    """A right function, and all the ways in which it is known to go wrong.

    Args:
        function: called as function(wrong, *args), where `wrong` holds the names of the
            mistakes to make.
        dials: the mistakes; those of one dial exclude each other.
        cases: makes the calls by which mistakes are told apart, the smallest first.
        observe: called as observe(answer, *args) in place of the answer itself, where
            what it returns is not what is looked at: a class, or something with a memory.
        alike: combinations of mistakes that no input tells apart.
        may_change: the arguments that an answer is meant to change.
        at_once: how many mistakes are looked for at once.
        beyond: called as beyond(answer) where all results are right, for what results do not show;
            says what is wrong in half a sentence, or None.
        seconds: a call that takes longer is cut off.
    """

    function: Callable[..., Any]
    dials: tuple[tuple[Mistake, ...], ...]
    cases: Callable[[], list[Case]]
    observe: Callable[..., Any] | None = None
    alike: tuple[Alike, ...] = ()
    may_change: tuple[str, ...] = ()
    at_once: int = 3
    beyond: Callable[[Callable[..., Any]], str | None] | None = None
    seconds: float = 20

    @cached_property
    def mistakes(self) -> dict[str, Mistake]:
        """Name -> mistake, in the order of the dials."""
        return {mistake.name: mistake for dial in self.dials for mistake in dial}

    def answer(self, wrong: Wrong = RIGHT) -> Callable[..., Any]:
        """The function with these mistakes in it; unknown names raise a ValueError."""
        if unknown := sorted(wrong - self.mistakes.keys()):
            known = ", ".join(self.mistakes)
            raise ValueError(f"wrong: wanted names out of {known}; got {', '.join(unknown)}")
        return partial(self.function, wrong)

    def combinations(self, most: int | None = None) -> Iterator[Wrong]:
        """Every combination of at most `most` mistakes, those with fewest first."""
        for count in range(min(len(self.dials), len(self.dials) if most is None else most) + 1):
            for chosen in itertools.combinations(self.dials, count):
                for made in itertools.product(*chosen):
                    yield frozenset(mistake.name for mistake in made)
