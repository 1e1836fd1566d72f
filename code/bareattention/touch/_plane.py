"""The plane: one query, some keys and their values as arrows and points to be dragged."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from matplotlib.axes import Axes
from torch import Tensor

from bareattention.plotting import panels
from bareattention.shapes import checked, require
from bareattention.touch.figure import TouchFigure

HINT = "Drag an arrow, or type its numbers: which shares change?"
VIOLET, TEAL, AMBER, RUST = "#8f6bc4", "#1a8a8c", "#b3761a", "#cf5f3c"  # as in base.mjs


@checked
def plane(
    names: Sequence[str],
    query: Float[Tensor, "2"],
    keys: Float[Tensor, "n_keys 2"],
    values: Float[Tensor, "n_keys 2"] | None = None,
    *,
    asks: str = "query",
    axes: tuple[str, str] = ("x", "y"),
    hint: str = HINT,
) -> TouchFigure:
    """A query and keys of two channels; with values also their hull and the mixture in it.

    Args:
        names: one a key.
        asks: whose query it is.
        axes: what the two channels of a value say.
    """
    require(len(names) == len(keys), "names", f"{len(keys)} of them", len(names))
    shares = torch.softmax(keys @ query / 2**0.5, dim=-1)
    data = {
        "label": f"Plane: the query of {asks} and {len(names)} keys",
        **{"hint": hint, "names": names, "asks": asks, "query": query, "keys": keys, "axes": axes},
    }
    told = ", ".join(f"{share:.2f} to {n}" for n, share in zip(names, shares, strict=True))
    alt = f"The query of {asks} and the keys as arrows in a plane; the shares are {told}"
    found = panels(1 if values is None else 2, columns=2, size=(6.4, 3.3))
    _arrows(
        found[0], [(asks, query, VIOLET), *((n, k, TEAL) for n, k in zip(names, keys, strict=True))]
    )
    if values is not None:
        data["values"] = values
        mixed = shares @ values
        alt += f". The values mix to {mixed[0]:.2f} {axes[0]} and {mixed[1]:.2f} {axes[1]}"
        _points(found[1], names, values, mixed)
        found[1].set(xlabel=axes[0], ylabel=axes[1])
    return TouchFigure("plane", data, alt=f"{alt}.", picture=found[0].figure)


def _square(ax: Axes, points: Tensor) -> None:
    most = max(1.2, 1.2 * points.abs().max().item())
    ax.set(xlim=(-most, most), ylim=(-most, most), aspect="equal")
    for line in (ax.axhline, ax.axvline):
        line(0, color="0.6", linewidth=0.8, zorder=0)


def _arrows(ax: Axes, arrows: list[tuple[str, Tensor, str]]) -> None:
    """Arrows from 0, each with its name at its tip."""
    for name, tip, colour in arrows:
        place = tuple(tip.tolist())
        ax.annotate("", place, (0, 0), arrowprops={"arrowstyle": "->", "color": colour, "lw": 2.5})
        ax.annotate(name, place, xytext=(0, 5), textcoords="offset points", ha="center")
    _square(ax, torch.stack([tip for _, tip, _ in arrows]))


def _points(ax: Axes, names: Sequence[str], values: Tensor, mixed: Tensor) -> None:
    """The values, and the mixture among them."""
    ax.scatter(*values.T.tolist(), color=AMBER)
    ax.scatter(*mixed.tolist(), color=RUST)
    for name, place in [*zip(names, values.tolist(), strict=True), ("mixture", mixed.tolist())]:
        ax.annotate(name, place, xytext=(0, 6), textcoords="offset points", ha="center")
    _square(ax, values)
