"""Judges values by their shape comments while the chapter runs."""

import ast
import builtins
import numbers
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from booklint.pages import Cell, Complaint
from booklint.shapes.comments import Shape, ShapeComment
from booklint.shapes.signatures import Places, places

INTEGERS = (int, np.integer)
ARRAYS = (torch.Tensor, np.ndarray)
TENSORS = (*ARRAYS, np.generic)
# Values that say something themselves, so that a shape beside them speaks of them.
TELLING = (*TENSORS, numbers.Number, str, Sequence, Mapping)


class LieError(Exception):
    """What a comment gets wrong."""


@dataclass
class Site:
    """A place in the code whose value a shape comment describes."""

    cell: Cell
    comment: ShapeComment
    runs: int = 0
    complaint: Complaint | None = None

    @property
    def exported(self) -> bool:
        return "export" in self.cell.tags

    @property
    def stated(self) -> Places:
        """Where the signature of an exported definition says a size."""
        return places(self.cell.source, self.comment.line) if self.exported else {}

    def complain(self, what: str) -> Complaint:
        return self.cell.complain(self.comment.line, what)


@dataclass(slots=True)
class Moment:
    """A value and the names around it, at the moment when it is judged."""

    value: Any
    scope: dict[str, Any]
    at_entry: bool  # as a parameter, before the function has done anything
    stated: Places  # where the signature around it says a size


@dataclass(frozen=True)
class Reading:
    """An expression of the notation page that a size can be read from, and the names it needs."""

    text: str
    code: Any
    names: frozenset[str]


def readings(sizes: Mapping[str, Sequence[str]]) -> dict[str, list[Reading]]:
    """The expressions of the notation page, compiled; those that are no Python are left out."""
    found: dict[str, list[Reading]] = {}
    for name, expressions in sizes.items():
        found[name] = []
        for text in expressions:
            try:
                tree = ast.parse(text, mode="eval")
            except SyntaxError:
                continue  # The check of the notation page complains of it.
            names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            own = frozenset(names - set(dir(builtins)))
            reading = Reading(text, compile(tree, "notation.md", "eval"), own)
            found[name].append(reading)
    return found


class Judge:
    """Holds values against comments.  Its methods stand in the instrumented code.

    Each gets the number of a site, the scope of that moment, and a function that is never called:
    it names the sizes, so that Python keeps those of enclosing functions within reach.
    """

    def __init__(self, sizes: Mapping[str, Sequence[str]], namespace: dict[str, Any]) -> None:
        self.sites: list[Site] = []
        self._readings = readings(sizes)
        self._globals = namespace

    def complaints(self) -> list[Complaint]:
        """What was found false, and after a whole chapter what was never run."""
        never = "never run in the whole chapter, so nothing checks it"
        found = [site.complaint for site in self.sites if site.complaint is not None]
        return found + [
            site.complain(f"# {site.comment}: {never}") for site in self.sites if not site.runs
        ]

    def names_for(self, comment: ShapeComment) -> list[str]:
        """The names that resolving a comment may need."""
        names = set(comment.names)
        for name in comment.names:
            for reading in self._readings.get(name, []):
                names |= reading.names
        return sorted(names)

    def values(self, number: int, scope: dict, _: Any, *values: Any) -> None:
        """Checks the values of targets: as many as shapes."""
        self._check(self.sites[number], scope, values)

    def parameters(self, number: int, scope: dict, _: Any, *values: Any) -> None:
        """Checks parameters at entry; one that is None was not handed over, so nothing is known."""
        if any(value is not None for value in values):
            self._check(self.sites[number], scope, values, at_entry=True)

    def value(self, number: int, scope: dict, _: Any, value: Any) -> Any:
        """Checks the value of an expression, and hands it on."""
        site = self.sites[number]
        self._check(site, scope, _spread(value, site))
        return value

    def call(self, number: int, scope: dict, _: Any, function: Any, /, *args: Any, **named: Any):
        """Checks what a call gives or, where it gives nothing to look at, what it got."""
        result = function(*args, **named)
        site = self.sites[number]
        if result is None or not isinstance(result, TELLING):
            tensors = [argument for argument in args if isinstance(argument, TENSORS)]
            self._check(site, scope, tensors or [result])
        else:
            self._check(site, scope, _spread(result, site))
        return result

    def items(self, number: int, scope: dict, _: Any, iterable: Any) -> Iterator[Any]:
        """Checks every item that a comprehension takes."""
        site = self.sites[number]
        for item in iterable:
            self._check(site, scope, _spread(item, site))
            yield item

    def _check(
        self, site: Site, scope: dict, values: Sequence[Any], at_entry: bool = False
    ) -> None:
        site.runs += 1
        if site.complaint is not None:
            return
        shapes = site.comment.shapes
        if site.exported:  # a definition may say the shape of its output alone, without the weights
            values = values[: len(shapes)]
        try:
            if len(values) != len(shapes):
                raise LieError(
                    f"{_count(values, 'value')} and {_count(shapes, 'shape')}: one for each"
                )
            for shape, value in zip(shapes, values, strict=True):
                if not (at_entry and value is None):
                    self._compare(shape, Moment(value, scope, at_entry, site.stated))
        except LieError as lie:
            site.complaint = site.complain(f"# {site.comment}: {lie}")

    def _compare(self, shape: Shape, moment: Moment) -> None:
        value = moment.value
        if not isinstance(value, TENSORS):
            raise LieError(
                f"the value is of another kind, {_kind(value)}: only tensors and arrays have a "
                "shape comment"
            )
        actual = tuple(value.shape)
        expected = tuple(self._axis(axis, moment) for axis in shape.axes)
        tail = actual[len(actual) - len(expected) :] if shape.any_before else actual
        sound = len(tail) == len(expected) and all(
            size is None or size == found for size, found in zip(expected, tail, strict=True)
        )
        if not sound:
            said = ", ".join([*["..."] * shape.any_before, *map(str, expected)])
            raise LieError(
                f"{shape.text} is ({said}) here, but the {_kind(value)} is {actual}: "
                "correct the comment or the code"
            )

    def _axis(self, axis: ast.expr, moment: Moment) -> int | None:
        match axis:
            case ast.Constant(value=number):
                return number
            case ast.Name(id=name):
                return self._size(name, moment)
            case ast.BinOp(left=left, op=op, right=right):
                first, second = self._axis(left, moment), self._axis(right, moment)
                return None if None in (first, second) else _arithmetic(op, first, second)
        raise AssertionError(ast.dump(axis))

    def _size(self, name: str, moment: Moment) -> int | None:
        """What a name stands for here.

        First its value in the function that runs, then what the signature of an exported one says,
        then what the notation page reads from that function's own tensors, then all but the
        signature once more among the chapter's names: a function must not be judged by a size that
        the chapter around it happens to have.  What the value says of itself comes last, for that
        proves little; only where it enters a function, it is the one that says what the sizes are.
        None: the one argument that would say it was not handed over.
        """
        scope, own = moment.scope, []
        if _whole(scope.get(name)) is None and scope is not self._globals:
            module, stated = scope.get("self"), moment.stated.get(name, [])
            if (size := _whole(getattr(module, name, None))) is not None:
                return size
            handed = [(scope.get(parameter), place) for parameter, place in stated]
            for value, place in handed:
                if isinstance(value, ARRAYS) and value is not moment.value:
                    return value.shape[place]
            if stated and all(value is None for value, _ in handed):
                return None
        for names in [self._globals] if scope is self._globals else [scope, self._globals]:
            size = _whole(names.get(name))
            if size is not None:
                return size
            for reading in self._readings.get(name, []):
                if names is not self._globals and not reading.names <= names.keys():
                    continue
                itself = any(self._look_up(part, scope) is moment.value for part in reading.names)
                if itself and not moment.at_entry:
                    own.append(reading)
                elif (size := self._evaluate(reading, scope)) is not None:
                    return size
        for reading in own:
            if (size := self._evaluate(reading, scope)) is not None:
                return size
        raise LieError(
            f"{name} cannot be resolved: no whole number of that name is in scope, and no row of "
            "notation.md reads it here"
        )

    def _look_up(self, name: str, scope: dict) -> Any:
        return scope.get(name, self._globals.get(name))

    def _evaluate(self, reading: Reading, scope: dict) -> int | None:
        try:
            return _whole(eval(reading.code, self._globals, scope))
        except Exception:  # Whatever it is: this is no place where the size can be read.
            return None


def _spread(value: Any, site: Site) -> Sequence[Any]:
    """A tuple of values is checked piece by piece where the comment has several shapes."""
    several = (len(site.comment.shapes) > 1 or site.exported) and isinstance(value, tuple)
    return value if several else [value]


def _whole(value: Any) -> int | None:
    """The whole number that a size is, also as a 0-dimensional tensor."""
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, INTEGERS):
        return int(value)
    if isinstance(value, ARRAYS) and value.ndim == 0:
        number = value.item()
        return number if type(number) is int else None
    return None


def _arithmetic(op: ast.operator, first: int, second: int) -> int:
    match op:
        case ast.Add():
            return first + second
        case ast.Sub():
            return first - second
        case ast.Mult():
            return first * second
        case ast.Pow():
            return first**second
    if second == 0:
        raise LieError("divides by a size that is 0 here")
    return first // second


def _kind(value: Any) -> str:
    kind = type(value)
    named = {torch.Tensor: "tensor", np.ndarray: "array", torch.Size: "torch.Size"}
    return "None" if value is None else named.get(kind, kind.__name__)


def _count(things: Sequence[Any], name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"
