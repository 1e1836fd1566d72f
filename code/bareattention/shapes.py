"""The signature is the contract: every call is held against the shapes and types that it states.

    @checked
    def attention_scores(
        queries: Float[Tensor, "*#batch n_queries d_k"],
        keys: Float[Tensor, "*#batch n_keys d_k"],
        scale: float | None = None,
    ) -> Float[Tensor, "*#batch n_queries n_keys"]: ...

    attention_scores(torch.zeros(4, 3), torch.zeros(5, 2))
    # ValueError: keys: wanted shape (*#batch, n_keys, d_k=3), got (5, 2)

The language is jaxtyping's.  A name has one size in a call, whether it stands in another tensor, in
an argument (`seq_len`) or in an attribute of the module (`self.d_model`), and is at least 1;
`*batch` stands for any number of axes, `#` for "or 1, which stretches", `...` for whatever comes.
All floats of a call, and those of a module, are of one type, except under autocast.
While PyTorch traces (`torch.compile`, `torch.export`) it sees the bare function.
"""

import inspect
import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial, wraps
from typing import Annotated, Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Rule:
    """What a value must be beyond its type, in words and as a question."""

    wanted: str
    holds: Callable[[Any], bool]
    error: type[Exception] = ValueError


Size = Annotated[int, Rule("a whole number of at least 1", lambda size: size >= 1)]
Count = Annotated[int, Rule("a whole number of at least 0", lambda count: count >= 0)]
Share = Annotated[float, Rule("a share from 0 to below 1", lambda share: 0 <= share < 1)]
Positive = Annotated[float, Rule("a positive number", lambda x: 0 < x < float("inf"))]
NonNegative = Annotated[float, Rule("a number of at least 0", lambda x: 0 <= x < float("inf"))]
Finite = Annotated[float, Rule("a finite number", lambda x: abs(x) < float("inf"))]
FloatType = Annotated[torch.dtype, Rule("a float type", lambda x: x.is_floating_point, TypeError)]

# Results are held to their hints as well: tests switch it on.
HOLD_RESULTS = False

KINDS = {
    "Float": "floating-point numbers",
    "Bool": "booleans (True = may look)",
    "Int": "whole numbers",
    "Integer": "whole numbers",
    "Real": "real numbers",
}
WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    Tensor: "a torch.Tensor",
    nn.Module: "a torch.nn.Module",
    types.NoneType: "None",
    os.PathLike: "a path",
}


def checked(wrapped: Any) -> Any:
    """Hold every call of a function, or of a class's `__init__` and `forward`, to its signature.

    Raises: TypeError for a wrong kind, ValueError for a wrong shape or size; one line that names
        the argument, what was wanted and what came.
    """
    if inspect.isclass(wrapped):
        for name in {"__init__", "forward"} & vars(wrapped).keys():
            setattr(wrapped, name, checked(vars(wrapped)[name]))
        return wrapped
    # Read at the first call: a hint may name what its module defines further down.
    contract = cache(lambda: _Contract(wrapped))

    @wraps(wrapped)
    def held(*args: Any, **kwargs: Any) -> Any:
        if torch.compiler.is_compiling():
            return wrapped(*args, **kwargs)
        call = contract().hold(args, kwargs)
        result = wrapped(*args, **kwargs)
        if HOLD_RESULTS:
            contract().result(call, "result", result)
        return result

    return held


def refuse(name: str, wanted: object, came: object, error: type[Exception] = ValueError) -> None:
    """Raise the one kind of error that the book has: `name: wanted this, got that`.

    Of a tensor that came, whole numbers are told by their range, others by their shape.
    """
    if isinstance(came, Tensor):
        whole = came.numel() and not came.is_floating_point() and came.dtype != torch.bool
        came = f"{came.min()} to {came.max()}" if whole else tuple(came.shape)
    raise error(f"{name}: wanted {wanted}, got {came}")


def require(holds: object, name: str, wanted: object, came: object) -> None:
    """Refuse an argument where no signature can say it: `holds` is what must be true.

    Raises: ValueError.
    """
    if not holds:
        refuse(name, wanted, came)


class _Contract:
    """What one signature asks for: a check for each argument, and one for the result."""

    def __init__(self, function: Callable):
        hints = typing.get_type_hints(function, include_extras=True)
        self.parameters = inspect.signature(function).parameters
        self.result = _check_of(hints.pop("return", Any))
        self.checks = {name: _check_of(hint) for name, hint in hints.items()}
        kinds = {parameter.kind: name for name, parameter in self.parameters.items()}
        one_place = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        self.places = [name for name, each in self.parameters.items() if each.kind in one_place]
        self.rest = kinds.get(inspect.Parameter.VAR_POSITIONAL)
        self.others = kinds.get(inspect.Parameter.VAR_KEYWORD)

    def hold(self, args: tuple, kwargs: dict) -> "_Call":
        arguments = dict(zip(self.places, args, strict=False)) | kwargs
        call = _Call(arguments)
        for name, value in arguments.items():
            known = name if name in self.parameters else self.others
            if known in self.checks:
                self.checks[known](call, name, value)
        if self.rest in self.checks:
            for value in args[len(self.places) :]:
                self.checks[self.rest](call, self.rest, value)
        return call  # what is missing, or too much, Python itself says better


class _Call:
    """The sizes and the float type that one call has settled so far."""

    def __init__(self, arguments: Mapping[str, Any]):
        self.arguments, self.module = arguments, arguments.get("self")
        self.sizes: dict[str, int] = {}
        self.axes: dict[str, tuple[int, ...]] = {}
        self.exact: set[str] = set()
        self.float_type = _float_type(self.module)
        self.float_of = "the parameters"

    def size(self, name: str) -> int | None:
        """The size that a name has in this call, as far as it is known."""
        if name in self.sizes:
            return self.sizes[name]
        given = self.arguments.get(name)
        if given is None and self.module is not None:
            given = getattr(self.module, name, None)
        return given if type(given) is int else None


def _float_type(module: Any) -> torch.dtype | None:
    if not isinstance(module, nn.Module) or "_parameters" not in vars(module):
        return None  # its `__init__` has only begun
    return next((each.dtype for each in module.parameters() if each.is_floating_point()), None)


_Check = Callable[[_Call, str, Any], None]


def _check_of(hint: Any) -> _Check:
    """How a value is held against a hint."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hasattr(hint, "dim_str"):
        return _tensor_check(hint)
    if origin in (types.UnionType, typing.Union):
        checks = [_check_of(part) for part in parts if part is not types.NoneType]
        return partial(_hold_union, checks, types.NoneType in parts)
    if origin is Annotated:
        rules = [part for part in parts if isinstance(part, Rule)]
        return partial(_hold_rules, _check_of(parts[0]), rules)
    if origin is typing.Literal:
        return partial(_hold_choice, parts)
    if origin is tuple and Ellipsis not in parts:
        return partial(_hold_tuple, [_check_of(part) for part in parts])
    if origin in (list, tuple, Sequence, dict, Mapping):
        item = parts[1] if issubclass(origin, Mapping) else parts[0]
        return partial(_hold_each, origin, _check_of(item))
    if inspect.isclass(origin or hint) and hint is not Any:
        return partial(_hold_kind, origin or hint)
    return lambda call, name, value: None


def _hold_kind(kind: type, call: _Call, name: str, value: Any) -> None:
    allowed = (int, float) if kind is float else kind
    no_bool = kind in (int, float) and isinstance(value, bool)
    if no_bool or not (isinstance(value, allowed) or _twin(value, kind)):
        article = "an" if kind.__name__[0] in "AEIOU" else "a"
        refuse(name, WORDS.get(kind, f"{article} {kind.__name__}"), _kind(value), TypeError)


def _hold_rules(first: _Check, rules: list[Rule], call: _Call, name: str, value: Any) -> None:
    first(call, name, value)
    for rule in rules:
        if not rule.holds(value):
            refuse(name, rule.wanted, value, rule.error)


def _hold_choice(choices: tuple, call: _Call, name: str, value: Any) -> None:
    if not any(isinstance(value, type(each)) and value == each for each in choices):
        refuse(name, f"one of {', '.join(map(repr, choices))}", repr(value))


def _hold_union(checks: list[_Check], optional: bool, call: _Call, name: str, value: Any) -> None:
    if value is None and optional:
        return
    *first, last = checks
    for each in first:
        try:
            return each(call, name, value)
        except (TypeError, ValueError):
            continue
    last(call, name, value)


def _hold_tuple(checks: list[_Check], call: _Call, name: str, value: Any) -> None:
    if not isinstance(value, tuple | list) or len(value) != len(checks):
        refuse(name, f"a tuple of {len(checks)}", _kind(value), TypeError)
    for i, (each, part) in enumerate(zip(value, checks, strict=True)):
        part(call, f"{name}[{i}]", each)


def _hold_each(whole: type, part: _Check, call: _Call, name: str, value: Any) -> None:
    _hold_kind(whole, call, name, value)
    if isinstance(value, str | bytes):  # a sequence, and never the one that is meant
        refuse(name, "a sequence", _kind(value), TypeError)
    for place, each in value.items() if isinstance(value, Mapping) else enumerate(value):
        part(call, f"{name}[{place!r}]", each)


def _tensor_check(hint: Any) -> _Check:
    kind = hint.__name__.partition("[")[0]
    any_type = kind == "Shaped"
    allowed = set() if any_type else {getattr(torch, each, None) for each in hint.dtypes}
    dims = hint.dim_str.split()
    stretch = next((i for i, dim in enumerate(dims) if dim[0] in "*."), None)

    def check(call: _Call, name: str, value: Any) -> None:
        if not isinstance(value, Tensor):
            refuse(name, WORDS[Tensor], _kind(value), TypeError)
        if not any_type and value.dtype not in allowed:
            refuse(name, KINDS.get(kind, kind), value.dtype, TypeError)
        shape = tuple(value.shape)
        before = call.sizes.copy(), call.axes.copy()
        if not _fits(call, shape, dims, stretch):
            call.sizes, call.axes = before
            wanted = ", ".join(_with_size(call, dim) for dim in dims)
            refuse(name, f"shape ({wanted}){', each at least 1' if 0 in shape else ''}", shape)
        if kind == "Float" and value.dtype != call.float_type:
            if call.float_type is None:
                call.float_type, call.float_of = value.dtype, name
            elif not _autocast(value):
                refuse(name, f"{call.float_type}, as {call.float_of}", value.dtype, TypeError)

    return check


def _autocast(value: Tensor) -> bool:
    device = value.device.type
    return torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)


def _fits(call: _Call, shape: tuple[int, ...], dims: list[str], stretch: int | None) -> bool:
    if stretch is None:
        return len(shape) == len(dims) and all(map(partial(_axis_fits, call), shape, dims))
    end = len(shape) - (len(dims) - stretch - 1)
    if end < stretch:
        return False
    return (
        _fits(call, shape[:stretch], dims[:stretch], None)
        and _fits(call, shape[end:], dims[stretch + 1 :], None)
        and _axes_fit(call, shape[stretch:end], dims[stretch])
    )


def _axis_fits(call: _Call, size: int, dim: str) -> bool:
    if dim == "_" or (dim[0] == "#" and size == 1):
        return True
    if dim.isdecimal():
        return size == int(dim)
    known = call.size(name := dim.lstrip("#"))
    call.sizes.setdefault(name, size)
    return size >= 1 and known in (None, size)


def _axes_fit(call: _Call, axes: tuple[int, ...], dim: str) -> bool:
    if dim == "...":
        return True
    name = dim.lstrip("*#")
    known = call.axes.setdefault(name, axes)
    if not dim.startswith("*#"):
        call.exact.add(name)
        return axes == known
    try:
        together = tuple(torch.broadcast_shapes(known, axes)) if axes != known else axes
    except RuntimeError:
        return False
    if name in call.exact:
        return together == known
    call.axes[name] = together
    return True


def _with_size(call: _Call, dim: str) -> str:
    name = dim.lstrip("*#")
    known = call.axes.get(name) if dim[0] == "*" else call.size(name)
    open_end = known == () and name not in call.exact
    return dim if known is None or open_end else f"{dim}={known}"


def _twin(value: Any, kind: type) -> bool:
    """Whether a reader who ran the cell of a class again has two classes of that name."""
    alike = [each for each in type(value).__mro__ if each.__name__ == kind.__name__]
    return any("__main__" in (each.__module__, kind.__module__) for each in alike)


def _kind(value: Any) -> str:
    plain = isinstance(value, bool | int | float | str | None)
    return f"{value!r} ({type(value).__name__})" if plain else type(value).__name__
