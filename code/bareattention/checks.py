"""Checks of arguments: one place that words the errors.

Every message names the argument, says what was wanted and what came.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def shape_of(tensor: Tensor) -> str:
    """A shape as the book writes it: `(4, 3)`."""
    return str(tuple(tensor.shape))


def check_positive_integer(name: str, value: object) -> None:
    """Refuse everything but a whole number from 1 upwards.

    Raises: TypeError, ValueError.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name}: wanted a whole number, got {value!r} ({type(value).__name__})")
    if value < 1:
        raise ValueError(f"{name}: wanted a whole number of at least 1, got {value}")


def check_tensor(name: str, value: object, dimensions: int = 0) -> None:
    """Refuse everything but a tensor of at least so many dimensions.

    Raises: TypeError, ValueError.
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"{name}: wanted a torch.Tensor, got {type(value).__name__}")
    if value.ndim < dimensions:
        raise ValueError(
            f"{name}: wanted at least {dimensions} dimensions, got shape {shape_of(value)}"
        )


def check_float_tensor(name: str, value: object, dimensions: int = 0) -> None:
    """Refuse everything but a floating-point tensor of at least so many dimensions.

    Raises: TypeError, ValueError.
    """
    check_tensor(name, value, dimensions)
    if not value.is_floating_point():
        raise TypeError(f"{name}: wanted floating-point numbers, got {value.dtype}")


def check_ids(name: str, value: object, n: int) -> None:
    """Refuse everything but whole numbers from 0 to n - 1, which can number the rows of a table.

    Raises: TypeError, ValueError.
    """
    check_tensor(name, value)
    if value.is_floating_point() or value.is_complex() or value.dtype == torch.bool:
        raise TypeError(f"{name}: wanted whole numbers, got {value.dtype}")
    if value.numel() and (value.min() < 0 or value.max() >= n):
        raise ValueError(
            f"{name}: wanted numbers from 0 to {n - 1}, "
            f"got some from {value.min().item()} to {value.max().item()}"
        )


def check_not_empty(name: str, tensor: Tensor, axis: int, counts: str) -> None:
    """Refuse an axis of length 0; `counts` says what the axis counts.

    Raises: ValueError.
    """
    if tensor.shape[axis] == 0:
        raise ValueError(f"{name}: wanted at least one {counts}, got shape {shape_of(tensor)}")


def check_axis(name: str, tensor: Tensor, axis: int, size: int, reason: str) -> None:
    """Refuse a tensor whose axis is not `size` long; `reason` says where the size comes from.

    Raises: ValueError.
    """
    if tensor.shape[axis] != size:
        raise ValueError(
            f"{name}: wanted {size} along axis {axis} ({reason}), got shape {shape_of(tensor)}"
        )


def check_no_nan(name: str, tensor: Tensor) -> None:
    """Refuse NaN, which would spread through a whole row unseen.

    Raises: ValueError.
    """
    if torch.isnan(tensor).any():
        raise ValueError(f"{name}: wanted numbers, got NaN in a tensor of shape {shape_of(tensor)}")


def check_same_kind(names: Sequence[str], tensors: Sequence[Tensor]) -> None:
    """Refuse tensors of different float types.

    Raises: TypeError.
    """
    if len({tensor.dtype for tensor in tensors}) > 1:
        found = ", ".join(
            f"{name}: {tensor.dtype}" for name, tensor in zip(names, tensors, strict=True)
        )
        raise TypeError(f"wanted one float type for all, got {found}")


def check_broadcastable(name: str, tensor: Tensor, shape: Sequence[int], of: str) -> None:
    """Refuse a tensor that cannot be stretched to `shape`; `of` names what has that shape.

    Raises: ValueError.
    """
    wanted = tuple(shape)
    try:
        fits = torch.broadcast_shapes(tensor.shape, wanted) == torch.Size(wanted)
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name}: wanted a shape that can be stretched to {wanted} (the shape of {of}), "
            f"got {shape_of(tensor)}"
        )


def check_mask(name: str, mask: object, shape: Sequence[int], of: str = "the scores") -> None:
    """Refuse everything but a boolean tensor that can be stretched to `shape`.

    Raises: TypeError, ValueError.
    """
    check_tensor(name, mask)
    if mask.dtype != torch.bool:
        raise TypeError(f"{name}: wanted a boolean mask (True = may look), got {mask.dtype}")
    check_broadcastable(name, mask, shape, of)


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Refuse everything that is not on the list.

    Raises: ValueError.
    """
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name}: wanted one of {listed}, got {value!r}")
