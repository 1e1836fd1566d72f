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

OURS = Path(__file__).parents[1]


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
        raise OutOfTimeError(f"it was still running after {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.2)
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run(answer: Callable[..., Any], case: Case, reference: Reference) -> Any:
    """Call an answer, with the same chance each time."""
    torch.default_generator.manual_seed(0)  # torch.manual_seed does more, and is ten times as slow
    if reference.observe is None:
        return answer(*case.args, **case.kwargs)
    return reference.observe(answer, *case.args, **case.kwargs)


def call(answer: Callable[..., Any], case: Case, reference: Reference, names: list[str]) -> Outcome:
    """Call the answer on copies, and note what it gave or raised and which arguments it changed."""
    copied = Case(*copy.deepcopy((case.args, case.kwargs)))
    try:
        with torch.random.fork_rng(devices=[]), at_most(reference.seconds):
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
    with torch.random.fork_rng(devices=[]), at_most(reference.seconds):
        torch.default_generator.manual_seed(0)
        return reference.beyond(answer)


def named(case: Case, names: list[str]) -> dict[str, Any]:
    """What a case hands over, by the names of the arguments."""
    return {**dict(zip(names, case.args, strict=False)), **case.kwargs}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, Tensor):
        same_kind = one.shape == other.shape and one.dtype == other.dtype
        return same_kind and torch.equal(one.nan_to_num(), other.nan_to_num())
    if isinstance(one, nn.Module):
        pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
        return all(_same(*pair) for pair in pairs)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return callable(one) or one == other


def line_of(error: BaseException) -> str:
    """The line of the answer's own code in which an error arose: `line 3: return q @ k`."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        f
        for f in frames
        if OURS not in Path(f.filename).parents and "site-packages" not in f.filename
    ]
    if not own:
        return ""
    return f"line {own[-1].lineno}: {own[-1].line}" if own[-1].line else f"line {own[-1].lineno}"
