"""Calls an answer: with copies, with the same chance each time, and not for ever."""

import contextlib
import copy
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from bareattention.exercises.outcomes import Raised, plain
from bareattention.mistakes import Case, Reference

NOT_THEIRS = {Path(__file__).parent.parent, Path(contextlib.__file__).parent}  # and Python's
PACKAGES = {"site-packages", "dist-packages"}


class OutOfTimeError(BaseException):
    """No Exception, so that an answer's own `except Exception` lets it pass."""


@dataclass(frozen=True)
class Outcome:
    """What one call gave, and the arguments that it changed."""

    value: Any
    changed: tuple[str, ...] = ()


def can_cut() -> bool:
    """Whether an endless loop can be ended here: on Linux and macOS, in the main thread."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise OutOfTimeError within the block after so many seconds, and again if it is swallowed."""
    if not can_cut():
        yield
        return

    def stop(*_: object) -> None:
        raise OutOfTimeError(f"it was still running after {seconds} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.2)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def same_chance() -> Iterator[None]:
    """The same random numbers within each such block, and the caller's are left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)  # torch.manual_seed is ten times as slow
        yield


def run(answer: Callable[..., Any], case: Case, reference: Reference) -> Any:
    """Call an answer, or what observes it."""
    if reference.observe is None:
        return answer(*case.args)
    return reference.observe(answer, *case.args)


def call(answer: Callable[..., Any], case: Case, reference: Reference, names: list[str]) -> Outcome:
    """Call the answer on copies, and note what it gave or raised and which arguments it changed."""
    copied = Case(copy.deepcopy(case.args))
    try:
        with same_chance(), at_most(reference.seconds):
            value = plain(run(answer, copied, reference))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return Outcome(Raised(error))
    handed, before = named(copied, names), named(case, names)
    changed = [
        n for n in handed if n not in reference.may_change and not _same(handed[n], before[n])
    ]
    return Outcome(value, tuple(changed))


def beyond(reference: Reference, answer: Callable[..., Any]) -> str | None:
    """What is wrong with an answer though all its results are right, or None."""
    if reference.beyond is None:
        return None
    try:
        with same_chance(), at_most(reference.seconds):
            return reference.beyond(answer)
    except (Exception, OutOfTimeError) as error:
        return f"with another input it stops. {type(error).__name__}: {error}"


def named(case: Case, names: list[str]) -> dict[str, Any]:
    """What a case hands over, by the names of the arguments."""
    return dict(zip(names, case.args, strict=False))


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, Tensor):
        equal = torch.equal(one.nan_to_num(), other.nan_to_num())
        return equal and one.dtype == other.dtype
    if isinstance(one, nn.Module):
        return _same(one.state_dict(), other.state_dict())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return callable(one) or one == other


def _theirs(file: Path) -> bool:
    return NOT_THEIRS.isdisjoint(file.parents) and PACKAGES.isdisjoint(file.parts)


def line_of(error: BaseException) -> str:
    """The line of the answer's own code in which an error arose: `line 3: return q @ k`."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if _theirs(Path(f.filename))]
    if not own:
        return ""
    last = own.pop()
    return f"line {last.lineno}: {last.line}".removesuffix(": ")
