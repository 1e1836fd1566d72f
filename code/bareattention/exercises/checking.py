"""`check`: says whether an answer is right, or which mistake it contains."""

import textwrap
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bareattention.exercises.diagnosis import Diagnosis, cases, diagnose
from bareattention.exercises.exercise import Exercise
from bareattention.exercises.outcomes import shown
from bareattention.exercises.running import OutOfTimeError, beyond, can_cut, line_of, named
from bareattention.exercises.tasks import EXERCISES
from bareattention.mistakes import Case, Mistake

COLUMNS = 80
OTHERS = "The exercises that are not listed are for a pencil, or for trying things out."
_solved: set[str] = set()
_hints_given: Counter[str] = Counter()


@dataclass(frozen=True)
class Verdict:
    """What the checker says.

    Args:
        text: what is shown.
        right: whether the exercise is solved.
        mistakes: what explains the answer, as alternatives that no input tells apart, each one or
            several mistakes; empty where it is right or nothing known explains it.
        error: the error that the answer ended in, to be looked at or raised.
    """

    text: str
    right: bool = False
    mistakes: tuple[tuple[Mistake, ...], ...] = ()
    error: BaseException | None = None

    def __repr__(self) -> str:
        paragraphs = self.text.split("\n")
        return "\n".join(
            textwrap.fill(each, COLUMNS, subsequent_indent="  ") for each in paragraphs
        )


def check(number: str | None = None, answer: Callable[..., Any] | None = None) -> Verdict:
    """Check an answer: `check("5.2", my_softmax)`.

    `check("5.2")` shows the task and, each time, one hint more.  `check()` lists all exercises and
    those that were solved since Python was started.

    Returns: a verdict that shows itself; `.right` says yes or no.
    Raises: ValueError for an exercise that there is not, TypeError for an answer that cannot be
        called.
    """
    if number is None:
        return _listed()
    exercise = EXERCISES.get(str(number).strip())
    if exercise is None:
        raise ValueError(f"number: wanted {_numbers(number)}; got {number!r}")
    if answer is None:
        return _hinted(exercise)
    if not callable(answer):
        wanted = f'the function or class itself, as in check("{exercise.number}", {exercise.name})'
        raise TypeError(f"answer: wanted {wanted}; got {type(answer).__name__}")
    verdict = judge(exercise, answer)
    if verdict.right:
        _solved.add(exercise.number)
    return verdict


def _numbers(number: Any) -> str:
    """What `check` knows in the chapter of a number that it does not know, or how to find it."""
    chapter = str(number).strip().partition(".")[0]
    near = [known for known in EXERCISES if known.startswith(f"{chapter}.")]
    if not near:
        return 'a number that check() lists, in quotation marks and first, as in check("5.2", ...)'
    return f"one of {', '.join(near)} (the others of this chapter are not for `check`)"


def judge(exercise: Exercise, answer: Callable[..., Any]) -> Verdict:
    """The verdict on an answer; nothing is remembered."""
    found = diagnose(exercise.reference, answer, exercise.arguments)
    number = exercise.number
    if found.right:
        return _right(exercise, found, answer)
    if all(outcome.value is None for outcome in found.outcomes):
        return Verdict(f'{number} is still to do: it returns None.  For a hint: check("{number}")')
    if found.first == found.stops:
        error = found.outcomes[found.stops].value.error
        lines = [f"{number}: {_stopped(exercise, found)}", *_other_kind(exercise, answer)]
        if found.stops:
            lines.append("Simpler inputs went well.")
        return Verdict("\n".join(lines), error=error)
    known = exercise.reference.mistakes
    mistakes = tuple(
        tuple(mistake for name, mistake in known.items() if name in wrong)
        for wrong in found.explained_by
    )
    case, outcome = cases(exercise.reference)[found.first], found.outcomes[found.first]
    handed, gives = _handed(exercise, case), shown(outcome.value)
    example = f"With {handed} yours gives {gives}." if handed else f"Yours gives {gives}."
    lines = [f"{number} is not right yet. {_explained(mistakes, found.what)}", example]
    if changed := _changed(found):
        lines.append(f"It also changes what it is given ({changed}).")
    if found.stops is not None:
        lines.append("And: " + _stopped(exercise, found))
    return Verdict("\n".join(lines), mistakes=mistakes)


def _right(exercise: Exercise, found: Diagnosis, answer: Callable[..., Any]) -> Verdict:
    if changed := _changed(found):
        says = f"your answer changes what it is given ({changed}): its caller still needs that."
    else:
        says = beyond(exercise.reference, answer)
    if says:
        return Verdict(f"{exercise.number}: The result is right, but {says}")
    return Verdict(f"{exercise.number} is right.", right=True)


def _changed(found: Diagnosis) -> str:
    names = {name for outcome in found.outcomes for name in outcome.changed}
    return ", ".join(f"`{name}`" for name in sorted(names))


def _explained(mistakes: tuple[tuple[Mistake, ...], ...], what: str | None) -> str:
    match mistakes:
        case ():
            return f"No mistake known here explains it: {what}."
        case ((one,),):
            return one.says
        case (several,):
            return f"{len(several)} mistakes meet. {_all_say(several)}"
    says = "It is one of these, which no input tried here tells apart:"
    return "\n- ".join([says, *map(_all_say, mistakes)])


def _all_say(mistakes: tuple[Mistake, ...]) -> str:
    return " ".join(mistake.says for mistake in mistakes)


def _handed(exercise: Exercise, case: Case, *most: int) -> str:
    handed = named(case, exercise.arguments)
    return ", ".join(f"{name} = {shown(value, *most)}" for name, value in handed.items())


def _stopped(exercise: Exercise, found: Diagnosis) -> str:
    error, case = found.outcomes[found.stops].value.error, cases(exercise.reference)[found.stops]
    line = line_of(error)
    lines = [
        "Your code stops" + (f" at {line}" if line else "."),
        f"{type(error).__name__}: {error}",
    ]
    if isinstance(error, OutOfTimeError):
        lines[1] = f"It was cut off, since {error}. Does every loop end?"
    if handed := _handed(exercise, case, 8):
        lines.append(f"It was called with {handed}.")
    if isinstance(error, NameError):
        lines.append("Run the cell that defines this name, or look for a slip of the pen.")
    return "\n".join(lines)


def _other_kind(exercise: Exercise, answer: Callable[..., Any]) -> Iterator[str]:
    """Names tell what is asked for: those of classes have capitals."""
    if exercise.name.islower() and isinstance(answer, type):
        yield "A function is asked for, and this is a class."
    if not exercise.name.islower() and not isinstance(answer, type):
        yield "A class is asked for, and this is none (or an object of it: leave out the brackets)."


def _hinted(exercise: Exercise) -> Verdict:
    given = _hints_given[exercise.number]
    _hints_given[exercise.number] += 1
    lines = [f"{exercise.number}: {exercise.task}"]
    lines += [f"Hint {i}: {hint}" for i, hint in enumerate(exercise.hints[:given], 1)]
    if exercise.hints[given:]:
        lines.append(f'For {"another" if given else "a"} hint: check("{exercise.number}")')
    else:
        lines.append("There are no more hints; the solution is at the end of the chapter.")
    if not can_cut():
        lines.append("(Here an endless loop cannot be cut off: interrupt the kernel yourself.)")
    return Verdict("\n".join(lines))


def _listed() -> Verdict:
    lines = [
        f"{'done' if number in _solved else '    '}  {number:5} {exercise.name}"
        for number, exercise in EXERCISES.items()
    ]
    lines += [f"{len(_solved)} of {len(EXERCISES)} solved in this session.", OTHERS]
    return Verdict("\n".join(lines))
