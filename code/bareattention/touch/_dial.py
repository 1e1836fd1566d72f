"""The dial: what softmax does to dot products of more and more numbers, divided or not."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from bareattention.plotting import bars, panels
from bareattention.shapes import Size, checked, require
from bareattention.touch.figure import TouchFigure

SIDES = ("not divided", "divided by √d")
COLOURS = ("#cf5f3c", "#1a8a8c")  # the style's rust and teal, as in dial.mjs
HINT = "Move d: on which side can a share still change?"


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
    # In float64, since the last digits of float32 differ from processor to processor.
    queries, keys = queries.double(), keys.double()
    products = torch.stack([queries[:, :d] @ keys[:, :d].T for d in sizes])
    data = {
        "label": "Dial: shares against d, what divides the scores, and the temperature",
        "hint": hint,
        "names": names,
        "sizes": sizes,
        "first": first,
        "products": products,
    }
    row = products[sizes.index(first), 0]
    divided = [torch.softmax(scores, dim=-1) for scores in (row, row / first**0.5)]
    alt = (
        f"Two bar charts of the shares of one query over {len(names)} keys at d = {first}: "
        f"the largest is {divided[0].max():.2f} where the scores are not divided, "
        f"and {divided[1].max():.2f} where they are divided by the root of d."
    )
    return TouchFigure("dial", data, alt=alt, picture=_picture(products, sizes, names, divided))


def _slopes(products: Tensor) -> Tensor:
    """The size of softmax's Jacobian, averaged over all queries: one a size of d."""
    shares = torch.softmax(products, dim=-1)  # (n_sizes, n_queries, n_keys)
    tables = torch.diag_embed(shares) - shares[..., :, None] * shares[..., None, :]
    return tables.flatten(2).norm(dim=-1).mean(dim=-1)


def _picture(
    products: Tensor, sizes: list[int], names: Sequence[str], divided: list[Tensor]
) -> Figure:
    """The shares of the first query on both sides, and the curves below."""
    found = panels(4, columns=2, size=(7.2, 4.6), titles=[*SIDES, "", ""])
    roots = torch.tensor(sizes)[:, None, None] ** 0.5
    for i, (side, scores) in enumerate(zip(SIDES, (products, products / roots), strict=True)):
        bars(divided[i], labels=names, unit="share", title=side, ax=found[i])
        found[i].set_xlim(0, 1.2)
        for bar in found[i].patches:
            bar.set_color(COLOURS[i])
        (curve,) = found[2].plot(sizes, _slopes(scores), color=COLOURS[i])
        found[2].text(sizes[-1], curve.get_ydata()[-1], f" {side}", va="center")
    found[2].set(xlabel="d", ylabel="size of the Jacobian", ylim=(0, None), xscale="log")
    found[3].remove()
    return found[0].figure
