"""Figures of the book: any matrix as a heat map, curves, bars and digits, all in one style.

Queries run down a heat map and keys run across it.  Sizes follow from the data alone, so that the
same numbers give the same picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, wraps
from pathlib import Path
from typing import Literal

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from jaxtyping import Bool, Shaped
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text
from torch import Tensor

from bareattention.shapes import Count, Finite, Positive, Size, checked, refuse, require

__all__ = ["axes", "bars", "heatmap", "panels", "pictures"]

STYLE_FILE = Path(__file__).with_name("bareattention.mplstyle")
STYLE = mpl.rc_params_from_file(STYLE_FILE, use_default_template=False)
INK = STYLE["text.color"]
TYPEFACE = "Inter"  # the page's own, for labels
WIDEST = 7.2  # inches: the page's column
# kind -> colour map and what the colour bar says when nothing else is given
KINDS = {
    "weights": ("viridis", "share of attention"),
    "signed": ("RdBu_r", "value"),
    "magnitude": ("viridis", "size"),
    "pixels": ("gray_r", "ink"),
}
Kind = Literal[*KINDS]
Numbers = Shaped[Tensor, "..."] | np.ndarray | Sequence
Names = Sequence[str] | None
Pair = tuple[Finite, Finite]
Inches = tuple[Positive, Positive]
MANY_KEYS = 16  # up to here weights are drawn from 0 to 1, beyond from 0 to the largest
READABLE_ROWS, READABLE_COLUMNS = 10, 12  # up to here every cell shows its number ...
READABLE_INCHES = 0.3  # ... if the cells are large enough for it


@cache
def _style() -> dict:
    """The style file, with the page's typeface if it is installed: Colab has matplotlib's own."""
    faces = {"": "normal", ":italic": "italic"}
    try:
        import fontpkg

        for style in faces.values():
            font_manager.fontManager.addfont(fontpkg.path(TYPEFACE, style=style))
        face = TYPEFACE
    except (ImportError, LookupError):
        face = "DejaVu Sans"
    math = {"mathtext.rm": face, "mathtext.it": f"{face}:italic", "mathtext.bf": face}
    return {**STYLE, **math, "font.family": [face, "DejaVu Sans"]}


class BookFigure(Figure):
    """A figure that is drawn in the book's style, with all that was added to it outside of that."""

    def draw(self, renderer) -> None:
        plain = mpl.rcParamsDefault
        with mpl.rc_context(_style()):
            for text in self.findobj(Text):
                box = text.get_bbox_patch()
                if text.get_color() == plain["text.color"] and not (box and box.get_fill()):
                    text.set_color(INK)
                if text.get_fontsize() == plain["font.size"]:
                    text.set_fontsize(STYLE["font.size"])
                if text.get_fontfamily() == plain["font.family"]:
                    text.set_fontfamily(_style()["font.family"])
            super().draw(renderer)


def _drawing(draw):
    """Hold a function to its signature, and run it in the book's style, not in the reader's own."""

    @checked
    @wraps(draw)
    def wrapper(*args, **kwargs):
        with mpl.rc_context(_style()):
            return draw(*args, **kwargs)

    return wrapper


def _subplots(n_rows: int, n_columns: int, size: tuple[float, float]) -> tuple[Figure, np.ndarray]:
    """A figure of empty axes, whose ticks keep the book's colour when they come later."""
    fig, grid = plt.subplots(n_rows, n_columns, figsize=size, squeeze=False, FigureClass=BookFigure)
    for ax in grid.flat:
        ax.tick_params(colors=INK, labelsize=STYLE["font.size"])
    return fig, grid


def _as_tensor(name: str, numbers: Numbers, *axes: str) -> Tensor:
    """Real numbers with the axes named, in 64 bits; none named: as they come, in a row."""
    try:
        tensor = torch.as_tensor(numbers).detach().cpu()
    except (TypeError, ValueError, RuntimeError):  # a list of anything, or of rows unlike
        refuse(name, "numbers", type(numbers).__name__, TypeError)
    if tensor.is_complex():
        refuse(name, "real numbers", tensor.dtype, TypeError)
    tensor = tensor if axes else tensor.reshape(-1)
    fits = tensor.numel() and len(axes) in (0, tensor.ndim)
    wanted = f"shape ({', '.join(axes)}), each at least 1" if axes else "at least one"
    require(fits, name, wanted, tuple(tensor.shape) if axes else "none")
    return tensor.to(torch.float64)


def _require_n(name: str, names: Names, n: int) -> None:
    if names is not None:
        require(len(names) == n, name, f"{n} of them", len(names))


def _limits(array: np.ndarray, kind: str) -> tuple[float, float]:
    finite = array[np.isfinite(array)]
    largest = float(np.abs(finite).max(initial=0.0)) or 1.0
    if kind == "signed":
        return -largest, largest
    if kind == "weights" and array.shape[1] <= MANY_KEYS:
        return 0.0, 1.0
    if kind == "pixels":
        return float(finite.min(initial=0.0)), largest
    return 0.0, largest


def _as_text(value: float, decimals: int) -> str:
    text = f"{value:z,.{decimals}f}"  # z: no minus before a zero
    return text.replace("-", "−").replace("inf", "∞").replace("nan", "NaN")


def _ink(paper: Sequence[float]) -> str:
    """Black or white, whichever stands out more: contrast as WCAG 2 measures it."""
    rgb = np.array(paper[:3])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return "#000000" if linear @ (0.2126, 0.7152, 0.0722) > 0.179 else "#ffffff"


def _write_numbers(ax: Axes, array: np.ndarray, image, decimals: int, hidden) -> None:
    for (row, column), value in np.ndenumerate(array):
        if hidden is not None and hidden[row, column]:
            continue
        ink = _ink(image.cmap(image.norm(value))) if np.isfinite(value) else INK
        ax.text(column, row, _as_text(value, decimals), ha="center", va="center", color=ink)


def _hide(ax: Axes, hidden: np.ndarray, small: bool) -> None:
    if not small:  # too fine for hatching: plain grey
        cover = np.where(hidden, 1.0, np.nan)
        ax.imshow(cover, cmap=ListedColormap([INK]), alpha=0.3, aspect=ax.get_aspect())
        return
    style = {"facecolor": "none", "edgecolor": (INK, 0.7), "hatch": "////", "linewidth": 0.0}
    for row, column in np.argwhere(hidden):
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **style))


def _label(axis: Axis, says: str, names: Names, n: int) -> None:
    axis.set_label_text(says)
    if names is not None:
        axis.set_ticks(range(n), list(names))
    else:
        axis.set_ticks(range(0, n, 1 if n <= MANY_KEYS else -(-n // 4)))


def _default_size(rows: int, columns: int) -> tuple[float, float]:
    """Width and height in inches: roomy cells for small matrices, a calm shape for large ones."""
    if rows <= MANY_KEYS and columns <= MANY_KEYS:
        return min(2.2 + 0.62 * max(columns, 3), WIDEST), 1.1 + 0.48 * max(rows, 3)
    tall = min(max(rows / columns, 0.28), 1.5)
    width = 6.4 if tall < 0.9 else 5.2 if tall <= 1.1 else 3.6
    return width, 1.0 + (width - 1.4) * tall


@_drawing
def axes(*, x: str, y: str, title: str | None = None, size: Inches = (6.4, 3.4)) -> Axes:
    """An empty pair of axes in the book's style, both labelled.

    Args:
        x, y: what the axes count, with the unit.
        title: one line above the axes.
        size: width and height in inches.
    Returns: the axes of a new figure.
    """
    ax = _subplots(1, 1, size)[1].item()
    ax.set(xlabel=x, ylabel=y, title=title)
    return ax


@_drawing
def heatmap(
    matrix: Numbers,
    *,
    rows: str,
    columns: str,
    row_labels: Names = None,
    column_labels: Names = None,
    kind: Kind = "signed",
    unit: str | None = None,
    title: str | None = None,
    decimals: Count | None = None,
    mask: Bool[Tensor, "n_rows n_columns"] | None = None,
    limits: Pair | None = None,
    size: Inches | None = None,
    colour_bar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw any matrix, with axes that say what they count and a colour bar with a unit.

    Args:
        matrix: `(rows, columns)`, a tensor, an array or nested lists.
        rows, columns: what the rows (downwards) and the columns (across) count.
        row_labels, column_labels: a name for each row and column.
        kind: "weights" (from 0 to 1, beyond 16 keys to the largest), "signed" (white at 0),
            "magnitude" (from 0), "pixels" (dark is ink).
        unit: what the colour bar measures.
        title: one line above the picture.
        decimals: digits after the point in small matrices; None picks 0 for whole numbers, else 2.
        mask: True = may look; other cells are hatched (grey in large matrices).
        limits: the values at the two ends of the colour bar.
        size: width and height in inches.
        colour_bar: False leaves it out, where the numbers stand in the cells.
        ax: axes to draw on; None makes a new figure.
    Returns: the axes.
    Raises: ValueError for an empty matrix, or a mask or labels that do not fit.
    """
    array = _as_tensor("matrix", matrix, "n_rows", "n_columns").numpy()
    n_rows, n_columns = array.shape
    hidden = None if mask is None else ~mask.cpu().numpy()
    if hidden is not None:
        require(hidden.shape == array.shape, "mask", f"shape {array.shape}", hidden.shape)
    _require_n("column_labels", column_labels, n_columns)
    _require_n("row_labels", row_labels, n_rows)
    small = n_rows <= READABLE_ROWS and n_columns <= READABLE_COLUMNS
    if ax is None:
        ax = _subplots(1, 1, size or _default_size(n_rows, n_columns))[1].item()
    colours, says = KINDS[kind]
    low, high = limits or _limits(array, kind)
    require(low <= high, "limits", "the lower one first", limits)
    aspect = "auto" if not small and n_rows != n_columns else "equal"
    shown = array if hidden is None else np.where(hidden, np.nan, array)
    image = ax.imshow(shown, cmap=colours, vmin=low, vmax=high, aspect=aspect)
    ax.grid(False)
    ax.spines[:].set_visible(True)  # or white cells would have no edge
    ax.tick_params(length=0)
    _label(ax.xaxis, columns, column_labels, n_columns)
    _label(ax.yaxis, rows, row_labels, n_rows)
    if title:
        ax.set_title(title)
    if hidden is not None:
        _hide(ax, hidden, small)
    extent = ax.get_window_extent()
    cell = min(extent.width / n_columns, extent.height / n_rows) / ax.figure.dpi
    if small and cell >= READABLE_INCHES:
        if decimals is None:
            finite = array[np.isfinite(array)]
            decimals = 0 if np.allclose(finite, finite.round(), atol=1e-6) else 2
        _write_numbers(ax, array, image, decimals, hidden)
    if colour_bar:
        bar = ax.figure.colorbar(image, ax=ax, fraction=0.05, pad=0.03)
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0, colors=INK, labelsize=STYLE["font.size"])
        bar.set_label(unit or says)
    return ax


@_drawing
def panels(
    n: Size,
    *,
    columns: Size | None = None,
    size: Inches = (WIDEST, 2.8),
    titles: Names = None,
    x: str | None = None,
    y: str | None = None,
) -> list[Axes]:
    """Empty axes side by side, for heat maps or curves that want comparing.

    Args:
        n: how many.
        columns: how many stand in one row; None puts all in one.
        size: width and height of the whole figure in inches.
        titles: n lines, one above each panel.
        x, y: what the axes of all panels count, with the unit.
    Returns: n axes.
    Raises: ValueError for titles that do not fit.
    """
    _require_n("titles", titles, n)
    columns = columns or n
    fig, grid = _subplots(-(-n // columns), columns, size)
    found = list(grid.flat)
    for extra in found[n:]:
        fig.delaxes(extra)
    for ax, title in zip(found[:n], titles or [""] * n, strict=True):
        ax.set(xlabel=x, ylabel=y, title=title)
    return found[:n]


@_drawing
def bars(
    values: Numbers,
    *,
    labels: Sequence[str],
    unit: str,
    title: str | None = None,
    decimals: Count = 2,
    size: Inches | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one horizontal bar a value, each with its number.

    Args:
        values: `(n,)`, a tensor, an array or a list.
        labels: n names, from top to bottom.
        unit: what the bars measure.
        title: one line above the picture.
        decimals: digits after the point.
        size: width and height in inches.
        ax: axes to draw on; None makes a new figure.
    Returns: the axes.
    Raises: ValueError if there are no values, or not as many labels as values.
    """
    heights = _as_tensor("values", values).numpy()
    _require_n("labels", labels, len(heights))
    if ax is None:
        ax = _subplots(1, 1, size or (6.4, 0.9 + 0.38 * len(heights)))[1].item()
    drawn = ax.barh(range(len(heights)), heights, height=0.62)
    ax.bar_label(drawn, [_as_text(value, decimals) for value in heights], padding=4)
    ax.set_yticks(range(len(heights)), list(labels))
    ax.invert_yaxis()
    if np.abs(heights).max() >= 10_000:
        ax.xaxis.set_major_formatter("{x:,.0f}")
        ax.locator_params(axis="x", nbins=5)
    ax.grid(axis="y", visible=False)
    ax.set(xlabel=unit, xmargin=0.12)
    if title:
        ax.set_title(title)
    return ax


@_drawing
def pictures(
    images: Numbers,
    *,
    titles: Names = None,
    columns: Size = 8,
    limits: Pair | None = None,
    kind: Kind = "pixels",
    cell: Positive = 0.95,
) -> list[Axes]:
    """Draw many small pictures in a grid.

    Args:
        images: `(n, height, width)`.
        titles: n short lines, one above each picture.
        columns: how many stand in one row.
        limits: the values at the two ends of the colour map, one pair for all pictures.
        kind: as for `heatmap`.
        cell: width of one picture in inches.
    Returns: the axes, one a picture.
    Raises: ValueError for images without a height and a width, or titles that do not fit.
    """
    stack = _as_tensor("images", images, "n", "height", "width")
    n = len(stack)
    _require_n("titles", titles, n)
    low, high = limits or _limits(stack.reshape(n, -1).numpy(), kind)
    columns = min(columns, n)
    n_rows = -(-n // columns)
    height = cell * stack.shape[1] / stack.shape[2] + (0.28 if titles is not None else 0.04)
    found = panels(n, columns=columns, size=(cell * columns, height * n_rows))
    for ax, image, title in zip(found, stack.numpy(), titles or [""] * n, strict=True):
        ax.imshow(image, cmap=KINDS[kind][0], vmin=low, vmax=high)
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        ax.spines[:].set(visible=True)
        ax.set_title(title, loc="center")
    return found
