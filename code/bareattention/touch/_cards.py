"""The cards: the book's card reader plays on the page."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from jaxtyping import Int, UInt8
from matplotlib.figure import Figure
from torch import Tensor

from bareattention.plotting import heatmap, panels
from bareattention.shapes import Count, checked, require
from bareattention.touch.figure import TouchFigure
from bareattention.touch.models import configuration

HINT = "Ask for another digit: which card does it look at? Then add cards, and shuffle them."


@checked
def cards(
    pictures: UInt8[Tensor, "n side side"],
    labels: Int[Tensor, "n"],
    dealt: Sequence[tuple[int, int]],
    asked: Count,
    *,
    hint: str = HINT,
) -> TouchFigure:
    """Cards with a digit on either side, and the trained reader of chapter 18.

    Args:
        pictures: 14 × 14 pixels, of which all cards and questions are made; every digit several
            times.
        labels: which digit each shows.
        dealt: the numbers of the two pictures of each card at the beginning.
        asked: the number of the picture that is asked for.
    """
    wanted = configuration("cards")["image_size"]
    require(pictures.shape[1] == wanted, "pictures", f"{wanted} pixels a side", pictures.shape[1])
    few = min((labels == digit).sum().item() for digit in range(10))
    require(few >= 2, "labels", "every digit twice", f"{few} of one")
    numbers = [number for card in dealt for number in card] + [asked]
    require(max(numbers) < len(labels), "dealt", f"numbers below {len(labels)}", max(numbers))
    made = configuration("cards")
    data = {
        "label": "Cards: a reader that looks one up by its left digit",
        **{"hint": hint, "labels": labels, "side": wanted, "cards": dealt, "asked": asked},
        "pictures": base64.b64encode(pictures.contiguous().numpy().tobytes()).decode(),
        "config": {"mean": made["pixel_mean"], "std": made["pixel_std"]},
    }
    names = ", ".join(f"{labels[left]} and {labels[right]}" for left, right in dealt)
    alt = f"{len(dealt)} cards, {names}; asked is what stands beside the {labels[asked]}."
    picture = _picture(pictures, labels, dealt, asked)
    return TouchFigure("cards", data, alt=alt, picture=picture, model="cards")


def _picture(pictures: Tensor, labels: Tensor, dealt: Sequence, asked: int) -> Figure:
    """The cards in two rows, left over right, and the picture that is asked for."""
    found = panels(2 * len(dealt) + 2, columns=len(dealt) + 1, size=(7.2, 2.4))
    above = [left for left, _ in dealt] + [asked]
    below = [right for _, right in dealt]
    for ax, number in zip(found, above + below, strict=False):
        heatmap(pictures[number], rows="", columns="", kind="pixels", colour_bar=False, ax=ax)
        ax.set(xticks=[], yticks=[])
    found[len(dealt)].set_title("asked")
    found[-1].remove()
    return found[0].figure
