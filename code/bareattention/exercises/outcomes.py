"""What an answer gave, in a form that can be compared, and where two of them differ."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

TOLERANCE = 1e-4  # absolute, and relative to the size of the number


@dataclass(frozen=True)
class Raised:
    """The call ended in an error."""

    error: BaseException


def plain(value: Any) -> Any:
    """Tensors, tuples of them, texts and None: lists, arrays and numbers are turned into these."""
    if isinstance(value, Tensor):
        return value.detach().cpu()
    if isinstance(value, np.ndarray | np.generic | bool | int | float):
        return torch.as_tensor(value)
    if isinstance(value, Real):  # a fraction, say
        return torch.tensor(float(value), dtype=torch.float64)
    if isinstance(value, dict):
        return tuple((plain(key), plain(each)) for key, each in value.items())
    if isinstance(value, list | tuple):
        return _rows(value)
    return value


def _rows(value: Any) -> Any:
    """Nested numbers become one tensor; anything else a tuple."""
    if any(isinstance(each, np.ndarray | Tensor) for each in value):  # PyTorch would warn
        return tuple(plain(each) for each in value)
    try:
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError):
        return tuple(plain(each) for each in value)


def difference(came: Any, wanted: Any) -> str | None:
    """Where what came is not what was wanted, without saying what was wanted; None if they agree.

    Where one tensor is wanted and several things come, these are its rows or the first counts.
    """
    if isinstance(came, Raised):
        alike = isinstance(wanted, Raised) and type(came.error) is type(wanted.error)
        return None if alike else "it ends in an error"
    if isinstance(wanted, Raised):
        return "an error was wanted"
    if isinstance(wanted, Tensor) and isinstance(came, tuple) and came:
        came = torch.stack(came) if _are_rows(came, wanted) else came[0]
    if isinstance(wanted, tuple):
        return _difference_of_several(came, wanted)
    if not isinstance(wanted, Tensor) or not isinstance(came, Tensor):
        same = type(came) is type(wanted) and came == wanted
        return None if same else f"{_kind(wanted)} was wanted, and {_kind(came)} came"
    return _difference_of_tensors(came, wanted)


def _are_rows(came: tuple, wanted: Tensor) -> bool:
    shapes = [each.shape if isinstance(each, Tensor) else None for each in came]
    return bool(wanted.ndim) and shapes == [wanted.shape[1:]] * len(wanted)


def _difference_of_several(came: Any, wanted: tuple) -> str | None:
    if isinstance(came, Tensor) and came.ndim:
        came = tuple(came)
    if not isinstance(came, tuple) or len(came) != len(wanted):
        return f"{len(wanted)} things were wanted, and {_kind(came)} came"
    for part, what in enumerate(map(difference, came, wanted), 1):
        if what:
            return f"in part {part} of {len(wanted)}, {what}"
    return None


def _difference_of_tensors(came: Tensor, wanted: Tensor) -> str | None:
    if came.shape != wanted.shape:
        return f"the shape {tuple(wanted.shape)} was wanted, and {tuple(came.shape)} came"
    if _numbers(came) != _numbers(wanted):
        return f"{_numbers(wanted)} were wanted, and {_numbers(came)} came"
    one, other = came.to(torch.float64), wanted.to(torch.float64)
    near = torch.isclose(one, other, atol=TOLERANCE, rtol=TOLERANCE, equal_nan=True)
    if near.all():
        return None
    place = tuple((~near).nonzero()[0].tolist())
    number = shown(came[place])
    if number == shown(wanted[place]):
        number += ", which is close, and not close enough"
    return (
        f"the first difference is at {list(place)}, where yours is {number}"
        if place
        else f"yours is {number}"
    )


def _numbers(tensor: Tensor) -> str:
    return {torch.bool: "booleans"}.get(tensor.dtype, "numbers")


def _kind(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, Tensor):
        return "a tensor" if value.ndim else "a number"
    if isinstance(value, tuple):
        return "one thing" if len(value) == 1 else f"{len(value)} things"
    return repr(value) if isinstance(value, str) else type(value).__name__


def shown(value: Any, most: int = 24) -> str:
    """A value on one line: small tensors by their numbers, others by their shape."""
    if isinstance(value, Raised):
        return f"{type(value.error).__name__}: {value.error}"
    if isinstance(value, Tensor):
        if value.numel() > most:
            return f"a tensor of shape {tuple(value.shape)}"
        return _rounded(value.tolist())
    if isinstance(value, tuple):
        return "(" + ", ".join(shown(each, most) for each in value) + ")"
    return repr(value)


def _rounded(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_rounded(each) for each in value) + "]"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
