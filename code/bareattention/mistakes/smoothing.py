"""Kernel smoothing, attention's older cousin, and how it goes wrong."""

import math

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

EXPONENTS = (
    Mistake("no_half", "The 2 below the squared distance is missing, so the bell is narrower."),
    Mistake("width_once", "The width is not squared."),
    Mistake("width_alone", "The squared distance is divided by the width alone."),
    Mistake("width_ignored", "The width is left out."),
    Mistake("width_times", "The distance is multiplied by the width, not divided by it."),
    Mistake("far_counts", "The minus is missing: the farthest places count most."),
    Mistake("not_squared", "The distance is not squared: that is a tent, not Gauss's bell."),
    Mistake("tent", "The distance is divided by the width, and neither is squared: a tent."),
    Mistake("signed", "The distance keeps its sign, so places on one side count most."),
    Mistake("products", "Places are multiplied as in attention, and their distance was wanted."),
)
SHARES = (
    Mistake("not_shared", "The powers are not divided by their sum."),
    Mistake("density", "The powers are divided by the area of the bell, not by their own sum."),
    Mistake("constant", "A constant in the sum makes far places 0; subtract the largest exponent."),
    Mistake("averaged", "The powers are divided by how many they are, not by their sum."),
    Mistake("among_askers", "The shares sum to 1 over the places asked, not over the points."),
    Mistake("nearest", "The nearest point gets everything."),
    Mistake("equal", "All points count alike."),
    Mistake("underflow", "Far from all points each power is 0, and 0 / 0 has no value."),
)
HEIGHTS = (
    Mistake("places_mixed", "The places are mixed, not the heights."),
    Mistake("shares_alone", "These are the shares; they have yet to mix the heights."),
)


def smoothed(wrong: Wrong, asked: Tensor, places: Tensor, heights: Tensor, width: float) -> Tensor:
    """Heights at the places asked, near points counting most."""
    shares = _shares(wrong, _exponents(wrong, asked, places, width), width)
    if "shares_alone" in wrong:
        return shares
    return shares @ (places if "places_mixed" in wrong else heights)


def _exponents(wrong: Wrong, asked: Tensor, places: Tensor, width: float) -> Tensor:
    apart = asked[:, None] - places
    squares = apart.square()
    exponents = {
        "no_half": -squares / width**2,
        "width_once": -squares / (2 * width),
        "width_alone": -squares / width,
        "width_ignored": -squares / 2,
        "width_times": -squares * width**2 / 2,
        "far_counts": squares / (2 * width**2),
        "not_squared": -apart.abs() / (2 * width**2),
        "tent": -apart.abs() / width,
        "signed": -apart / (2 * width**2),
        "products": asked[:, None] * places / (2 * width**2),
    }
    return next((exponents[name] for name in wrong if name in exponents), -squares / (2 * width**2))


def _shares(wrong: Wrong, exponents: Tensor, width: float) -> Tensor:
    if "density" in wrong:
        return exponents.exp() / (width * (2 * math.pi) ** 0.5)
    if "constant" in wrong:
        return exponents.exp() / (exponents.exp().sum(-1, keepdim=True) + 1e-9)
    if "not_shared" in wrong:
        return exponents.exp()
    if "averaged" in wrong:
        return exponents.exp() / exponents.shape[-1]
    if "nearest" in wrong:
        return (exponents == exponents.amax(-1, keepdim=True)).to(exponents.dtype)
    if "equal" in wrong:
        return torch.full_like(exponents, 1 / exponents.shape[-1])
    if "underflow" in wrong:
        return exponents.exp() / exponents.exp().sum(-1, keepdim=True)
    return exponents.softmax(0 if "among_askers" in wrong else -1)


def points() -> list[Case]:
    """Two points and one place, then more of both, several widths, and a place far away."""
    two = torch.tensor([0.0, 1.0]), torch.tensor([0.0, 2.0])
    some = torch.linspace(0.5, 5, 7), numbers(70, 7)
    asked = torch.tensor([0.1, 1.3, 2.9])
    return [
        Case((torch.tensor([0.0]), *two, 1.0)),
        Case((torch.tensor([0.25, 0.5]), *two, 0.5)),
        Case((asked, *some, 0.3)),
        Case((asked, *some, 2.0)),
        Case((torch.tensor([40.0, 1.0]), *some, 0.3)),
    ]


SMOOTHED = Reference(smoothed, (EXPONENTS, SHARES, HEIGHTS), points)
