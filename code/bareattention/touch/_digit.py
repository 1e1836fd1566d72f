"""The digit: drawn on the page, read by the book's final model."""

from __future__ import annotations

import base64

from jaxtyping import Float, UInt8
from matplotlib.figure import Figure
from torch import Tensor

from bareattention.plotting import bars, heatmap, panels
from bareattention.shapes import Count, checked, require
from bareattention.touch.figure import TouchFigure
from bareattention.touch.models import configuration

HINT = (
    "Take another digit, or clear the pad and draw one. Then cover a square, and switch heads off."
)


@checked
def digit(
    examples: UInt8[Tensor, "10 28 28"],
    shares: Float[Tensor, "10 10"],
    *,
    first: Count = 0,
    hint: str = HINT,
) -> TouchFigure:
    """A pad to draw on, and what the final model of the book says of the drawing.

    Args:
        examples: a picture of each digit, in order.
        shares: what the model gives to the ten classes for each of them.
        first: the example that is there at the beginning.
    """
    require(first < 10, "first", "a digit", first)
    made = configuration("digit")
    of = made["transformer"]
    data = {
        "label": "Digit: a drawing, read by the final model",
        **{"hint": hint, "first": first, "shares": shares.round(decimals=4)},
        "examples": base64.b64encode(examples.contiguous().numpy().tobytes()).decode(),
        "config": {
            **{"size": of["patch_size"], "stride": of["stride"], "padding": of["padding"]},
            **{"heads": of["n_heads"], "blocks": of["n_blocks"]},
            **{"mean": made["pixel_mean"], "std": made["pixel_std"]},
        },
    }
    best = int(shares[first].argmax())
    alt = f"A handwritten {first}; the model reads a {best}, share {shares[first, best]:.2f}."
    return TouchFigure(
        "digit", data, alt=alt, picture=_picture(examples[first], shares[first]), model="digit"
    )


def _picture(image: Tensor, shares: Tensor) -> Figure:
    """The picture, and the shares of the ten classes."""
    left, right = panels(2, columns=2, size=(6.4, 3.2))
    heatmap(image, rows="", columns="", kind="pixels", colour_bar=False, ax=left)
    bars(shares, labels=[str(i) for i in range(10)], unit="share", ax=right)
    return left.figure
