"""Attention, and how it goes wrong."""

import math

import torch
from torch import Tensor

from bareattention.mistakes import Alike, Case, Mistake, Reference, Wrong

# Dials that attention shares with its steps: scores, softmax, the mask.
SCALES = (
    Mistake("no_scale", "The scores are not divided by √d_k."),
    Mistake("scale_d_k", "The scores are divided by d_k, and not by its root."),
    Mistake("scale_times", "The scores are multiplied by √d_k, not divided by it."),
    Mistake(
        "scale_n_keys",
        "The scores are divided by the root of the number of keys, not by that of their width.",
    ),
    Mistake("scale_fixed", "The scores are divided by √3, whatever the width of a key."),
    Mistake("scale_d_v", "The scores are divided by the root of the width of the values."),
    Mistake(
        "scale_d_model",
        "The scores are divided by √d_model, all heads' channels together, and not by √d_k.",
    ),
)
ORDERS = (
    Mistake("keys_ask", "Keys and queries are exchanged: the keys ask (K Qᵀ)."),
    Mistake("queries_twice", "The queries are compared with queries, not with the keys."),
    Mistake("channels_attend", "Channels attend to channels (Qᵀ K), not tokens to tokens."),
    Mistake(
        "channels_within",
        "The channels of each token attend to each other, and no token sees another.",
    ),
    Mistake("keys_by_view", "The keys are cut anew by `view` where they should be transposed."),
)
AXES = (
    Mistake(
        "wrong_axis",
        "The softmax runs down the queries, not across the keys, so the rows do not sum to 1.",
    ),
    Mistake("whole_table", "The softmax runs over the whole table, not over each row."),
    Mistake("over_batch", "The softmax runs over the first axis, not over the keys."),
    Mistake("hard", "Each query takes the key with the largest score alone: that is no softmax."),
    Mistake("not_normalised", "The exponentials are not divided by their sum."),
    Mistake(
        "overflow",
        "The largest score is not subtracted before the powers are taken, so large ones overflow.",
    ),
    Mistake("no_softmax", "There is no softmax: the scores themselves are the weights."),
)
MASKS = (
    Mistake("mask_ignored", "The mask is ignored."),
    Mistake("mask_inverted", "The mask is used the wrong way round: True hides."),
    Mistake("mask_zero", "Hidden scores are set to 0 before the softmax, which still pays e⁰ = 1."),
    Mistake(
        "mask_after",
        "The mask is applied after the softmax, so the rows that remain do not sum to 1.",
    ),
    Mistake("mask_transposed", "The mask is transposed: rows are queries, columns are keys."),
    Mistake("mask_plus", "Hidden scores get +∞ (or a large positive number), not −∞."),
    Mistake("mask_added", "The mask of yes and no is added to the scores as 1 and 0."),
)
EMPTY_ROWS = (
    Mistake("empty_nan", "A query that may look at nobody gets NaN; it gets zeros here."),
    Mistake("empty_mean", "A query that may look at nobody gets the mean of all; it gets zeros."),
)
VALUES = (
    Mistake("weights_transposed", "The weights are transposed before they meet the values."),
    Mistake("values_counted", "The output is divided by the number of keys as well."),
    Mistake("keys_carried", "The weights mix the keys, and the values are ignored."),
    Mistake("values_scaled", "The output is divided by √d_k: only the scores are."),
)


def scaled(wrong: Wrong, scores: Tensor, queries: Tensor, d_v: int, n_heads: int = 2) -> Tensor:
    """Scores divided by √d_k, or by what a mistake puts in its place."""
    d_k = queries.shape[-1]
    places = {
        "no_scale": 1.0,
        "scale_d_k": float(d_k),
        "scale_times": d_k**-0.5,
        "scale_fixed": 3**0.5,
        "scale_n_keys": scores.shape[-1] ** 0.5,
        "scale_d_v": d_v**0.5,
        "scale_d_model": (n_heads * d_k) ** 0.5,
    }
    return scores / next((places[name] for name in wrong if name in places), d_k**0.5)


def products(wrong: Wrong, queries: Tensor, keys: Tensor) -> Tensor:
    """Q Kᵀ, or what a mistake puts in its place."""
    if "keys_ask" in wrong:
        return keys @ queries.mT
    if "queries_twice" in wrong:
        return queries @ queries.mT
    if "channels_attend" in wrong:
        return queries.mT @ keys
    if "channels_within" in wrong:
        return queries[..., :, None] * keys[..., None, :]
    if "keys_by_view" in wrong:
        return queries @ keys.reshape(*keys.shape[:-2], *keys.shape[:-3:-1])
    return queries @ keys.mT


def hidden(wrong: Wrong, scores: Tensor, mask: Tensor | None) -> Tensor:
    """Scores with −∞ where the mask forbids to look, or what a mistake puts there."""
    if mask is None or wrong & {"mask_ignored", "mask_after"}:
        return scores
    if "mask_transposed" in wrong:
        mask = mask.mT
    if "mask_inverted" in wrong:
        mask = ~mask
    if "mask_added" in wrong:
        return scores + mask
    value = -math.inf
    if "mask_zero" in wrong:
        value = 0.0
    if "mask_plus" in wrong:
        value = 1e9
    return scores.masked_fill(~mask, value)


def shared(wrong: Wrong, scores: Tensor) -> Tensor:
    """Softmax over the keys, or what a mistake puts in its place; a row of −∞ gives zeros."""
    if "no_softmax" in wrong:
        return scores
    if "hard" in wrong:
        return (scores == scores.amax(-1, keepdim=True)).to(scores.dtype)
    if "not_normalised" in wrong:
        return scores.exp()
    if "overflow" in wrong:
        return scores.exp() / scores.exp().sum(-1, keepdim=True)
    if "whole_table" in wrong:
        weights = scores.flatten(-2).softmax(-1).view_as(scores)
    else:
        axis = -2 if "wrong_axis" in wrong else 0 if "over_batch" in wrong else -1
        weights = scores.softmax(axis)
    if "empty_nan" in wrong:
        return weights
    if "empty_mean" in wrong:
        return weights.where(~weights.isnan(), 1 / scores.shape[-1])
    return weights.nan_to_num()


def attend(
    wrong: Wrong, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
) -> Tensor:
    """Attention: the output alone."""
    scores = hidden(
        wrong, scaled(wrong, products(wrong, queries, keys), queries, values.shape[-1]), mask
    )
    weights = shared(wrong, scores)
    if "mask_after" in wrong and mask is not None:
        weights = weights * mask
    if "weights_transposed" in wrong:
        weights = weights.mT
    if "channels_attend" in wrong:
        return (weights @ values.mT).mT
    if "channels_within" in wrong:
        return (weights @ values[..., None])[..., 0]
    output = weights @ (keys if "keys_carried" in wrong else values)
    if "values_counted" in wrong:
        output = output / values.shape[-2]
    return output / queries.shape[-1] ** 0.5 if "values_scaled" in wrong else output


def attend_all(wrong: Wrong, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention without a mask."""
    return attend(wrong, queries, keys, values)


def numbers(seed: int, *shape: int) -> Tensor:
    """Random numbers of variance 1 by a seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def small_and_large() -> list[Case]:
    """Queries, keys and values: a pencil's size, other widths, more queries than keys, batches."""
    one = [torch.tensor(rows) for rows in ([[1.0], [2.0]], [[0.0], [1.0]], [[1.0], [3.0]])]
    shapes = [
        ((3, 4), (3, 4), (3, 2)),
        ((5, 3), (4, 3), (4, 3)),
        ((2, 3, 5, 4),) * 2 + ((2, 3, 5, 6),),
    ]
    drawn = [
        tuple(numbers(7 * i + j, *s) for j, s in enumerate(three)) for i, three in enumerate(shapes)
    ]
    square = tuple(numbers(30 + i, 3, 3) for i in range(3))
    wild = tuple(factor * part for factor, part in zip((40, 40, 1), drawn[0], strict=True))
    return [Case(tuple(one)), Case(square), *(Case(three) for three in drawn), Case(wild)]


def masked() -> list[Case]:
    """The same, and with masks: causal, of one row, of a batch, and one that leaves nobody."""
    causal = torch.ones(5, 5, dtype=torch.bool).tril()
    q, k, v = small_and_large()[-2].args
    empty = torch.tensor([[True, False, True], [False, False, False], [True, True, False]])
    small = small_and_large()[2].args
    last = torch.tensor([True, True, True, False, False]).expand(5, 5)
    masks = [Case((*small, torch.ones(3, 3, dtype=torch.bool).tril())), Case((q, k, v, causal))]
    return [*small_and_large(), *masks, Case((q, k, v, last)), Case((*small, empty))]


# Attention as chapter 6 builds it; `scale_d_model` needs several heads, and is with those.
ONE_HEAD = tuple(scale for scale in SCALES if scale.name != "scale_d_model")
# Each of these three transposes the table of weights in its own way, so two of them are the third.
TRANSPOSES = ("keys_ask", "wrong_axis", "weights_transposed")
ALIKE = tuple(
    Alike(
        frozenset(TRANSPOSES) - {one},
        frozenset({one}),
        "K Qᵀ is the transpose of Q Kᵀ, and the columns of one are the rows of the other.",
    )
    for one in TRANSPOSES
)
PLAIN = Reference(attend_all, (ONE_HEAD, ORDERS, AXES, VALUES), small_and_large, alike=ALIKE)
ATTENTION = Reference(
    attend, (ONE_HEAD, ORDERS, AXES, MASKS, EMPTY_ROWS, VALUES), masked, alike=ALIKE
)
