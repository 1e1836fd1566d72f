"""Moving pictures by looking elsewhere, and how it goes wrong."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

WAYS = (
    Mistake(
        "backwards",
        "The picture moves the other way: what moves to the right has to look to the left.",
    ),
    Mistake("backwards_right", "To the right and left it moves the other way."),
    Mistake("backwards_down", "Up and down it moves the other way."),
)
AXES = (
    Mistake("exchanged", "`right` moves it down, and `down` moves it to the right."),
    Mistake("transposed", "Across and down are exchanged, so the picture is turned over as well."),
)
UNITS = (
    Mistake("in_pixels", "The steps are pixels, but the grid is measured in half sides."),
    Mistake("whole_sides", "The steps are shares of a side, but the grid counts in half sides."),
    Mistake("other_side", "Steps across are measured by the height, and steps down by the width."),
    Mistake(
        "one_side",
        "Both steps are measured by the height, but pictures are not always square.",
    ),
    Mistake("corners", "With `align_corners=True` a side is one pixel shorter than here."),
    Mistake("corners_mixed", "`affine_grid` and `grid_sample` disagree about `align_corners`."),
)
BETWEEN = (
    Mistake("nearest", "Between pixels the nearest is taken; neighbours should count in shares."),
    Mistake("whole_pixels", "Only whole pixels are moved."),
)
CHANNELS = (Mistake("channel_kept", "The axis of channels that was added is still there."),)


def shift_by(wrong: Wrong, images: Tensor, right: float, down: float) -> Tensor:
    """Images moved by so many pixels; what comes in continues the edge."""
    n, height, width = images.shape
    if "whole_pixels" in wrong:
        right, down = int(right), int(down)
    if wrong & {"backwards", "backwards_right"}:
        right = -right
    if wrong & {"backwards", "backwards_down"}:
        down = -down
    if "exchanged" in wrong:
        right, down = down, right
    units = {
        "in_pixels": (1.0, 1.0),
        "whole_sides": (1 / width, 1 / height),
        "other_side": (2 / height, 2 / width),
        "one_side": (2 / height, 2 / height),
    }
    across, along = next((units[u] for u in wrong if u in units), (2 / width, 2 / height))
    theta = torch.tensor([[1.0, 0.0, -right * across], [0.0, 1.0, -down * along]])
    if "transposed" in wrong:
        theta = theta.flip(0)
    corners = "corners" in wrong
    grid = F.affine_grid(
        theta.expand(n, 2, 3),
        [n, 1, height, width],
        align_corners=corners or "corners_mixed" in wrong,
    )
    mode = "nearest" if "nearest" in wrong else "bilinear"
    found = F.grid_sample(
        images[:, None], grid, mode=mode, padding_mode="border", align_corners=corners
    )
    return found if "channel_kept" in wrong else found[:, 0]


def inner(
    answer: Callable[..., Tensor], images: Tensor, right: float, down: float
) -> Tensor | None:
    """The pixels to which nothing comes from outside."""
    moved = answer(images, right, down)
    return None if moved is None else moved[..., 4:-4, 4:-4]


def steps() -> list[Case]:
    """Whole steps each way, and parts of a pixel."""
    images = numbers(3, 2, 12, 14)
    ways = [(1, 0), (0, 1), (0, -2), (3, 2), (-1, 2), (0.5, 0.0), (1.25, -2.5), (2.7, 1.6)]
    return [Case((images, *way)) for way in ways]


SHIFT = Reference(shift_by, (WAYS, AXES, UNITS, BETWEEN, CHANNELS), steps, observe=inner)
