"""Diagrams of matrices that belong together: a product, and the whole head with one step lit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path
from matplotlib.text import Text
from torch import Tensor

from bareattention.plotting import heatmap, panels
from bareattention.shapes import checked, require

__all__ = ["product", "whole_head"]

# A step -> the matrices that it makes.
STEPS = {
    "embeddings": ("embeddings",),
    "projections": ("queries", "keys", "values"),
    "scores": ("scores",),
    "weights": ("weights",),
    "output": ("output",),
}
TITLES = {
    "embeddings": "embeddings X",
    "queries": "queries Q = X W_query",
    "keys": "keys K = X W_key",
    "values": "values V = X W_value",
    "scores": "scores S = Q Kᵀ / √d_k",
    "weights": "weights A = softmax",
    "output": "output O = A V",
}
Step = Literal[*STEPS]
Place = tuple[float, float, float, float]  # left, top, right, bottom, in inches from above
FAINT = 0.3  # how much is left of what is not lit
CELL_WIDTH, CELL_HEIGHT = 0.44, 0.31  # inches: a number fits, and two matrices a phone
WORDS, GAP, LANE = 0.6, 0.9, 0.4  # inches: left of all, between two, the way of the values
TITLE, BELOW, ARROW = 0.3, 0.5, 0.3  # inches: above and below a matrix, between two rows
_IN_PLACE = ("embeddings", "values", "queries", "keys", "scores", "weights", "output")


def _stages(embeddings, W_query, W_key, W_value, mask) -> dict[str, Tensor]:
    """All matrices of one head, in the order in which they are made."""
    queries, keys, values = embeddings @ W_query, embeddings @ W_key, embeddings @ W_value
    scores = queries @ keys.T / keys.shape[-1] ** 0.5
    hidden = scores if mask is None else scores.masked_fill(~mask, -torch.inf)
    weights = torch.softmax(hidden, dim=-1).nan_to_num(0.0)  # zeros for a row of nobody
    return {
        "embeddings": embeddings,
        "queries": queries,
        "keys": keys,
        "values": values,
        "scores": scores,
        "weights": weights,
        "output": weights @ values,
    }


def _fade(ax: Axes) -> None:
    for artist in (*ax.images, *ax.patches, *ax.spines.values(), *ax.findobj(Text)):
        artist.set_alpha(FAINT)
    for number in ax.texts:  # black or white for a full colour: neither reads on a faint one
        number.set(color=ax.xaxis.label.get_color(), alpha=0.5)


def _places(stages: dict[str, Tensor]) -> dict[str, Place]:
    """Where each matrix is drawn: four rows, two columns, equal cells."""
    left, right = (
        WORDS,
        WORDS + GAP + CELL_WIDTH * max(len(stages["keys"]), stages["keys"].shape[1]),
    )
    step = TITLE + CELL_HEIGHT * len(stages["keys"]) + BELOW + ARROW
    corners = {
        "embeddings": (left, 0),
        "values": (right, 0),
        "queries": (left, 1),
        "keys": (right, 1),
        "scores": (left, 2),
        "weights": (right, 2),
        "output": (right, 3),
    }
    places = {}
    for name, (x, row) in corners.items():
        y, (n_rows, n_columns) = TITLE + row * step, stages[name].shape
        places[name] = x, y, x + CELL_WIDTH * n_columns, y + CELL_HEIGHT * n_rows
    return places


def _arrows(places: dict[str, Place]) -> dict[str, list[list[tuple[float, float]]]]:
    """The corners of each arrow, under the step that it leads to."""
    x, v, q, k, s, a, o = (places[name] for name in _IN_PLACE)
    lane = max(v[2], k[2], a[2]) + LANE / 2
    below, above = BELOW + 0.05, TITLE + 0.02
    middle = {name: (place[1] + place[3]) / 2 for name, place in places.items()}

    def down(start: Place, end: Place, leaves: float = 0.35, arrives: float = 0.35):
        return [(start[0] + leaves, start[3] + below), (end[0] + arrives, end[1] - above)]

    return {
        "projections": [
            [(x[2] + 0.12, middle["values"]), (v[0] - WORDS + 0.02, middle["values"])],
            down(x, q),
            down(x, k, leaves=0.95),
        ],
        "scores": [down(q, s), down(k, s, arrives=0.95)],
        "weights": [[(s[2] + 0.1, middle["scores"]), (a[0] - WORDS + 0.02, middle["scores"])]],
        "output": [
            down(a, o),
            [
                (v[2] + 0.1, middle["values"]),
                (lane, middle["values"]),
                (lane, middle["output"]),
                (o[2] + 0.1, middle["output"]),
            ],
        ],
    }


def _put(ax: Axes, place: Place) -> None:
    width, height = ax.figure.get_size_inches()
    left, top, right, bottom = place
    ax.figure.set_layout_engine("none")
    ax.set_position(
        (left / width, 1 - bottom / height, (right - left) / width, (bottom - top) / height)
    )


def _draw(ax: Axes, name: str, matrix: Tensor, place: Place, names: dict, mask) -> None:
    """One matrix, its tokens and channels named."""
    _put(ax, place)
    among_tokens = name in ("scores", "weights")
    heatmap(
        matrix,
        rows="",
        columns="key" if among_tokens else "channel",
        row_labels=names["tokens"],
        column_labels=names["tokens"] if among_tokens else names.get(name),
        kind="weights" if name == "weights" else "signed",
        limits=None if name == "weights" else (-5.0, 5.0),
        mask=mask if among_tokens else None,
        title=TITLES[name],
        colour_bar=False,
        ax=ax,
    )
    ax.set_aspect("auto")


def _diagram(stages: dict[str, Tensor], names: dict, lit: str | None, mask) -> dict[str, Axes]:
    places = _places(stages)
    width = max(right for _, _, right, _ in places.values()) + LANE
    height = max(bottom for *_, bottom in places.values()) + BELOW
    axes = dict(zip(stages, panels(len(stages), size=(width, height)), strict=True))
    figure = axes["output"].figure
    for step, made in STEPS.items():
        for name in made:
            _draw(axes[name], name, stages[name], places[name], names, mask)
            if lit not in (None, step):
                _fade(axes[name])
    for step, arrows in _arrows(places).items():
        alpha = 1.0 if lit in (None, step) else FAINT
        for corners in arrows:
            path = Path([(x / width, 1 - y / height) for x, y in corners])
            figure.add_artist(
                FancyArrowPatch(
                    path=path,
                    transform=figure.transFigure,
                    color=axes["output"].xaxis.label.get_color(),
                    alpha=alpha,
                    arrowstyle="-|>",
                    mutation_scale=12,
                    linewidth=1.4,
                )
            )
    return axes


@checked
def product(
    left: Float[Tensor, "rows inner"],
    right: Float[Tensor, "inner columns"],
    *,
    titles: Sequence[str],
    says: Sequence[str],
    labels: Sequence[Sequence[str]],
    kind: Literal["weights", "signed"] = "signed",
) -> list[Axes]:
    """Draw left @ right: each number stands right of its row and below its column.

    Args:
        titles: one line above the left matrix, the right one and the product.
        says: what the rows, the inner axis and the columns count.
        labels: a name for each row, for each place of the inner axis and for each column.
        kind: of the left matrix; the others are signed.
    Returns: the axes of the left matrix, the right one and the product.
    """
    require(len(titles) == 3, "titles", "3 of them", len(titles))
    require(len(says) == 3, "says", "3 of them", len(says))
    require(len(labels) == 3, "labels", "3 lists of names", len(labels))
    (rows, inner), columns = left.shape, right.shape[1]
    x, y = WORDS + 0.3, TITLE  # where the left matrix and the right one begin
    across = x + CELL_WIDTH * inner + GAP
    down = y + CELL_HEIGHT * inner + BELOW + TITLE
    low = down + CELL_HEIGHT * rows
    places = [
        (x, down, x + CELL_WIDTH * inner, low),
        (across, y, across + CELL_WIDTH * columns, y + CELL_HEIGHT * inner),
        (across, down, across + CELL_WIDTH * columns, low),
    ]
    found = panels(3, size=(across + CELL_WIDTH * max(columns, 3) + 0.1, low + BELOW))
    result = left @ right
    largest = max(matrix.abs().max().item() for matrix in (left, right, result))
    kinds, axes_of = (kind, "signed", "signed"), ((0, 1), (1, 2), (0, 2))
    for i, (ax, matrix) in enumerate(zip(found, (left, right, result), strict=True)):
        _put(ax, places[i])
        down_axis, across_axis = axes_of[i]
        heatmap(
            matrix,
            rows=says[down_axis],
            columns=says[across_axis],
            row_labels=list(labels[down_axis]),
            column_labels=list(labels[across_axis]),
            kind=kinds[i],
            limits=None if kinds[i] == "weights" else (-1.2 * largest, 1.2 * largest),
            title=titles[i],
            colour_bar=False,
            ax=ax,
        )
        ax.set_aspect("auto")
    return found


@checked
def whole_head(
    tokens: Sequence[str],
    embeddings: Float[Tensor, "seq_len d_model"],
    W_query: Float[Tensor, "d_model d_k"],
    W_key: Float[Tensor, "d_model d_k"],
    W_value: Float[Tensor, "d_model d_v"],
    *,
    lit: Step | None = None,
    mask: Bool[Tensor, "seq_len seq_len"] | None = None,
    channels: Sequence[str] = ("water", "money", "joins"),
) -> dict[str, Axes]:
    """Draw every matrix of one small head with its numbers, from top to bottom.

    Args:
        tokens: a word for each row of the embeddings.
        lit: the step in full colour while the others are faint; None lights all.
        mask: True = may look; other scores and weights are hatched.
        channels: names of the embeddings' channels; values and output have the first d_v of them.
    Returns: the axes of each matrix, by its name.
    """
    require(len(tokens) == len(embeddings), "tokens", f"{len(embeddings)} of them", len(tokens))
    require(len(channels) == len(W_query), "channels", f"{len(W_query)} of them", len(channels))
    told = list(channels[: W_value.shape[1]]) if W_value.shape[1] <= len(channels) else None
    names = {"tokens": list(tokens), "embeddings": list(channels), "values": told, "output": told}
    stages = _stages(embeddings, W_query, W_key, W_value, mask)
    return _diagram(stages, names, lit, mask)
