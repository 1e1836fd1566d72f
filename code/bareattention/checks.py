"""Checks of arguments: one place that words the errors.

Every message names the argument, says what was wanted and what came.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = [
    "check_axis",
    "check_batch",
    "check_broadcastable",
    "check_choice",
    "check_float_tensor",
    "check_float_type",
    "check_ids",
    "check_images",
    "check_leading_axes",
    "check_mask",
    "check_matrix",
    "check_no_nan",
    "check_not_empty",
    "check_number",
    "check_positive_integer",
    "check_same_kind",
    "check_tensor",
    "shape_of",
]


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


def check_number(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> None:
    """Refuse everything but a finite number from `low` to `high`.

    Raises: TypeError, ValueError.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name}: wanted a number, got {value!r} ({type(value).__name__})")
    if not (-math.inf < value < math.inf and low <= value <= high):
        bounds = f"from {low:.3g} to {high:.3g}" if math.isfinite(high) else "that is finite"
        raise ValueError(f"{name}: wanted a number {bounds}, got {value}")


def check_float_type(name: str, value: object) -> None:
    """Refuse everything but a float type of PyTorch.

    Raises: TypeError.
    """
    if not isinstance(value, torch.dtype) or not value.is_floating_point:
        raise TypeError(f"{name}: wanted a float type, got {value}")


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


def check_matrix(name: str, value: object) -> None:
    """Refuse everything but a floating-point tensor of exactly two dimensions.

    Raises: TypeError, ValueError.
    """
    check_float_tensor(name, value)
    if value.ndim != 2:
        raise ValueError(f"{name}: wanted a matrix of 2 dimensions, got shape {shape_of(value)}")


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


def check_leading_axes(names: Sequence[str], tensors: Sequence[Tensor]) -> None:
    """Refuse tensors whose leading axes, all but the last two, cannot be stretched to one shape.

    Raises: ValueError.
    """
    try:
        torch.broadcast_shapes(*(tensor.shape[:-2] for tensor in tensors))
    except RuntimeError:
        found = ", ".join(
            f"{name}: {shape_of(tensor)}" for name, tensor in zip(names, tensors, strict=True)
        )
        raise ValueError(f"wanted leading axes that fit together, got {found}") from None


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


def check_batch(name: str, x: object, seq_len: int, d_model: int) -> None:
    """Refuse everything but a batch `(batch_size, seq_len, d_model)` of numbers.

    Raises: TypeError, ValueError.
    """
    check_float_tensor(name, x, dimensions=3)
    if x.ndim > 3:
        raise ValueError(f"{name}: wanted three axes, got shape {shape_of(x)}")
    check_not_empty(name, x, 0, "sample")
    check_axis(name, x, -2, seq_len, "seq_len of this model")
    check_axis(name, x, -1, d_model, "d_model of this model")
    check_no_nan(name, x)


def check_choice(name: str, value: object, choices: Sequence[object]) -> None:
    """Refuse everything that is not on the list.

    Raises: ValueError.
    """
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name}: wanted one of {listed}, got {value!r}")


def check_images(name: str, images: object, side: int | None = None) -> None:
    """Refuse everything but a batch of images `(n, height, width)`, floats, at least one of them.

    `side` is what height and width must be; None takes images of any size.

    Raises: TypeError, ValueError.
    """
    check_float_tensor(name, images, dimensions=3)
    if images.ndim > 3:
        raise ValueError(f"{name}: wanted three axes, got shape {shape_of(images)}")
    check_not_empty(name, images, 0, "image")
    for axis in (-2, -1) if side is not None else ():
        check_axis(name, images, axis, side, "image_size of this model")
