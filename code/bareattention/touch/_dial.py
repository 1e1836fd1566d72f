"""The dial: what softmax does to dot products of more and more numbers, divided or not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from bareattention.plotting import bars, panels
from bareattention.shapes import Size, checked, require
from bareattention.touch.figure import TouchFigure

HINT = "Move d, and see on which side a share can still change."


@checked
def dial(
    queries: Float[Tensor, "n_queries d"],
    keys: Float[Tensor, "n_keys d"],
    *,
    names: Sequence[str],
    first: Size = 64,
    hint: str = HINT,
) -> TouchFigure:
    """Sliders for d, for what the scores are divided by and for the temperature.

    The bars are the shares of the first query; the curves average over all queries the size of
    softmax's Jacobian, its Frobenius norm.

    Args:
        queries, keys: of which the first d numbers are taken, for d = 1, 2, 4 and so on.
        names: one a key.
        first: the d at the beginning.
        hint: one line that says what to try.
    """
    sizes = [2**i for i in range(keys.shape[1].bit_length())]
    require(len(names) == len(keys), "names", f"{len(keys)} of them", len(names))
    require(first in sizes, "first", f"one of {sizes}", first)
    products = torch.stack([queries[:, :d] @ keys[:, :d].T for d in sizes]).double()
    data = {
        "label": "Dial: shares against d, what divides the scores, and the temperature",
        "hint": hint,
        "names": names,
        "sizes": sizes,
        "first": first,
        "products": products,
    }
    row = products[sizes.index(first), 0]
    titles = ["not divided", f"divided by √d = {first**0.5:.2f}"]
    divided = [torch.softmax(scores, dim=-1) for scores in (row, row / first**0.5)]
    for ax, shares in zip(found := panels(2, titles=titles, size=(7.2, 2.4)), divided, strict=True):
        bars(shares, labels=names, unit="share", title=ax.get_title(loc="left"), ax=ax)
        ax.set_xlim(0, 1.2)
    alt = (
        f"Two bar charts of the shares of one query over {len(names)} keys at d = {first}: "
        f"the largest is {divided[0].max():.2f} where the scores are not divided, "
        f"and {divided[1].max():.2f} where they are divided by the root of d."
    )
    return TouchFigure("dial", data, alt=alt, picture=found[0].figure)
