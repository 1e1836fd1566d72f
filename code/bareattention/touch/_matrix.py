"""The matrix: a table of weights to walk through, to break, and to mask."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from bareattention.mistakes.attention import ATTENTION
from bareattention.plotting import heatmap
from bareattention.shapes import checked, require
from bareattention.touch.figure import TouchFigure

HINT = "Choose a cell: the whole sum behind its number stands beside it."
WRITTEN = 16  # tokens; as in matrix.mjs
# What a mistake of the exercise checker is called on its switch.
SHORT = {
    "no_scale": "no √d",
    "scale_d_k": "d for √d",
    "scale_n_keys": "√ of keys",
    "keys_ask": "keys ask",
    "queries_twice": "Q Qᵀ",
    "wrong_axis": "wrong axis",
    "hard": "hard",
    "mask_zero": "mask as 0",
    "mask_after": "mask after softmax",
    "mask_transposed": "mask transposed",
    "mask_inverted": "mask inverted",
    "mask_ignored": "no mask",
    "mask_added": "mask added",
    "weights_transposed": "weights transposed",
    "keys_carried": "values ignored",
}


@checked
def matrix(
    tokens: Sequence[str],
    queries: Float[Tensor, "*heads seq_len d_k"],
    keys: Float[Tensor, "*heads seq_len d_k"],
    values: Float[Tensor, "*heads seq_len d_v"],
    *,
    mask: Bool[Tensor, "seq_len seq_len"] | None = None,
    break_it: Sequence[str] = (),
    channels: Sequence[str] = (),
    first: tuple[int, int] = (0, 0),
    hint: str = HINT,
) -> TouchFigure:
    """The weights of one head or several, and the sum behind each.

    With a mask its cells can be switched; beyond 16 tokens the table is painted, not written.

    Args:
        mask: True = may look.
        break_it: mistakes that can be switched on, by the names that the exercise checker gives
            them.
        channels: what the numbers of the output are called, those of all heads in a row.
        first: row and column of the cell that is chosen at the beginning.
    """
    require(len(tokens) == queries.shape[-2], "tokens", f"{queries.shape[-2]} of them", len(tokens))
    require(queries.ndim < 4, "queries", "one axis of heads at most", tuple(queries.shape))
    for name in break_it:
        require(name in SHORT, "break_it", f"names out of {', '.join(SHORT)}", name)
    as_wide = keys.shape[-1] == values.shape[-1] or "keys_carried" not in break_it
    require(as_wide, "break_it", "values as wide as keys for keys_carried", tuple(values.shape))
    require(max(first) < len(tokens), "first", f"a cell of {len(tokens)} × {len(tokens)}", first)
    heads = [x.reshape(-1, *x.shape[-2:]) for x in (queries, keys, values)]
    scores = heads[0][0] @ heads[1][0].T / keys.shape[-1] ** 0.5
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf)
    weights = torch.softmax(scores, dim=-1).nan_to_num()
    known = ATTENTION.mistakes
    data = {
        "label": f"Table of weights of {len(tokens)} tokens",
        **{"hint": hint, "names": tokens, "first": first, "parts": channels},
        **dict(zip(("queries", "keys", "values"), heads, strict=True)),
        "mistakes": [{"name": n, "short": SHORT[n], "says": known[n].says} for n in break_it],
    }
    if mask is not None:
        data["mask"] = mask
    row, column = first
    alt = (
        f"Table of the weights of {len(tokens)} tokens, rows ask: {tokens[row]} gives "
        f"{tokens[column]} {weights[row, column]:.2f}."
    )
    labels = tokens if len(tokens) <= WRITTEN else None
    ax = heatmap(
        weights,
        rows="token that asks",
        columns="token that is asked",
        row_labels=labels,
        column_labels=labels,
        kind="weights",
        unit="weight",
        mask=mask,
        size=(5.2, 4.2),
    )
    return TouchFigure("matrix", data, alt=alt, picture=ax.figure)
