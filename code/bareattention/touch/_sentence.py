"""The sentence: words that look at each other, one of them to be changed, all to be moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from torch import Tensor

from bareattention.plotting import bars, panels
from bareattention.shapes import Count, checked, require
from bareattention.touch.figure import TouchFigure

VIOLET = "#8f6bc4"  # of the style, as in sentence.mjs
COLOURS = ("#3f7fc0", "#b3761a")  # its blue and amber


@checked
def sentence(
    tokens: Sequence[str],
    embeddings: Float[Tensor, "seq_len d_model"],
    W_query: Float[Tensor, "d_model d_k"],
    W_key: Float[Tensor, "d_model d_k"],
    W_value: Float[Tensor, "d_model 2"],
    *,
    hint: str,
    instead: Sequence | None = None,
    places: Float[Tensor, "seq_len d_model"] | None = None,
    movable: bool = False,
    asks: Count = 3,
    meanings: Sequence[str] = ("water", "money"),
) -> TouchFigure:
    """A sentence with arcs from the word that asks to those it looks at, as wide as their weights.

    Args:
        tokens, embeddings, W_query, W_key, W_value: one head and its text, as from `small_example`.
        hint: one line that says what to try.
        instead: tokens and embeddings of the sentence with one word changed, which can be chosen.
        places: rows to add by place, which can be switched on.
        movable: whether the words can be brought into another order.
        asks: the word that asks at the beginning.
        meanings: what the two numbers of a value say.
    """
    require(len(tokens) == len(embeddings), "tokens", f"{len(embeddings)} of them", len(tokens))
    require(asks < len(tokens), "asks", f"a number below {len(tokens)}", asks)
    require(len(meanings) == 2, "meanings", "2 of them", len(meanings))
    data = {
        "label": f"Sentence: which words “{' '.join(tokens)}” makes look at each other",
        **{"hint": hint, "tokens": tokens, "rows": embeddings, "asks": asks},
        **{"W_query": W_query, "W_key": W_key, "W_value": W_value},
        **{"meanings": meanings, "movable": movable or places is not None},
    }
    if instead is not None:
        data["instead"] = _changed(tokens, *instead[:2])
    if places is not None:
        data["places"] = places
    weights = torch.softmax(
        (embeddings @ W_query) @ (embeddings @ W_key).T / W_key.shape[1] ** 0.5, dim=-1
    )
    takes = weights[asks] @ embeddings @ W_value
    shares = ", ".join(f"{w:.2f} to {t}" for t, w in zip(tokens, weights[asks], strict=True))
    alt = (
        f"The words {' '.join(tokens)}, with arcs from {tokens[asks]}, which gives {shares}, "
        f"and takes away {takes[0]:.2f} {meanings[0]}, {takes[1]:.2f} {meanings[1]}."
    )
    return TouchFigure(
        "sentence", data, alt=alt, picture=_picture(tokens, weights, asks, takes, meanings)
    )


def _changed(tokens: Sequence[str], others: Sequence[str], rows: Tensor) -> dict[str, Any]:
    """The one word that another sentence has in another's place."""
    same_length = len(others) == len(tokens)
    places = [i for i, token in enumerate(others) if same_length and token != tokens[i]]
    require(len(places) == 1, "instead", "one word changed", " ".join(others))
    (at,) = places
    return {"at": at, "word": others[at], "row": rows[at]}


def _picture(
    tokens: Sequence[str], weights: Tensor, asks: int, takes: Tensor, meanings: Sequence[str]
) -> Figure:
    """The words and the arcs of the one that asks, its shares, and what it takes away."""
    sky, below = panels(2, columns=1, size=(5.6, 3.4))
    sky.get_gridspec().set_height_ratios([2.4, 1])
    sky.set_axis_off()
    sky.set(xlim=(-0.5, len(tokens) - 0.5), ylim=(-0.7, 1.5))
    for i, (token, share) in enumerate(zip(tokens, weights[asks].tolist(), strict=True)):
        sky.text(i, 0, token, ha="center", va="center", fontsize=15)
        sky.text(i, -0.5, f"{share:.2f}", ha="center", va="center")
        ends = [(asks, 0.25), (i, 0.25)] if i != asks else [(i - 0.12, 0.25), (i + 0.12, 0.25)]
        bend = 0.4 if i < asks else -0.4 if i > asks else -1.2
        arc = FancyArrowPatch(*ends, connectionstyle=f"arc3,rad={bend}", color=VIOLET)
        arc.set(linewidth=0.5 + 9 * share, capstyle="round", arrowstyle="-")
        sky.add_patch(arc)
    bars(takes, labels=meanings, unit=f"what {tokens[asks]} takes away", ax=below)
    for bar, colour in zip(below.patches, COLOURS, strict=True):
        bar.set_color(colour)
    return sky.figure
