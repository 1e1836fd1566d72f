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
    drawn = 1 if values is None else 2
    found = panels(drawn, columns=drawn, size=(3.3 * drawn, 3.3))
    _arrows(found[0], asks, query, names, keys)
    if values is not None:
        data["values"] = values
        mixed = shares @ values
        alt += f". The values mix to {mixed[0]:.2f} {axes[0]} and {mixed[1]:.2f} {axes[1]}"
        _points(found[1], names, values, mixed)
        found[1].set(xlabel=axes[0], ylabel=axes[1])
    return TouchFigure("plane", data, alt=f"{alt}.", picture=found[0].figure)


def _arrows(ax: Axes, asks: str, query: Tensor, names: Sequence[str], keys: Tensor) -> None:
    """Arrows from 0, the query's and the keys'."""
    for tip, colour in [(query, VIOLET), *((key, TEAL) for key in keys)]:
        style = {"arrowstyle": "->", "color": colour, "lw": 2.5}
        ax.annotate("", tip.tolist(), (0, 0), arrowprops=style)
    _square(ax, torch.stack([query, *keys]))
    _write(ax, [f"{asks} asks"], query[None], side=-1)
    _write(ax, names, keys)


def _points(ax: Axes, names: Sequence[str], values: Tensor, mixed: Tensor) -> None:
    """The values, and the mixture among them."""
    ax.scatter(*values.T.tolist(), color=AMBER)
    ax.scatter(*mixed.tolist(), color=RUST)
    _square(ax, values)
    _write(ax, names, values)
    ax.annotate("mixture", mixed.tolist(), (0, 8), textcoords="offset points", ha="center")


def _square(ax: Axes, points: Tensor) -> None:
    most = max(1.2, 1.4 * points.abs().max().item())
    ax.set(xlim=(-most, most), ylim=(-most, most), aspect="equal")
    for line in (ax.axhline, ax.axvline):
        line(0, color="0.6", linewidth=0.8, zorder=0)


def _write(ax: Axes, names: Sequence[str], points: Tensor, side: int = 1) -> None:
    """A name above or below each point, or beside one on the upright axis; one place, one label."""
    places: dict[tuple[float, ...], list[str]] = {}
    for name, point in zip(names, points.tolist(), strict=True):
        places.setdefault(tuple(point), []).append(name)
    for (x, y), there in places.items():
        up = 1 if y > 0 else -1
        beside = (7 * side, 6 * up), "left" if side > 0 else "right"
        place, align = ((0, 12 * up), "center") if x else beside
        ax.annotate(
            ", ".join(there), (x, y), place, textcoords="offset points", ha=align, va="center"
        )
