"""Local masks and causal attention tile by tile, and how they go wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

REACHES = (
    Mistake("one_short", "It reaches one token less far back than asked."),
    Mistake("one_far", "It reaches one token further back than asked."),
    Mistake("no_end", "It reaches back without end."),
)
SIDES = (
    Mistake("both_sides", "Tokens look ahead as well; they were to look back only."),
    Mistake("ahead", "Tokens look ahead and not back: rows are queries."),
    Mistake("not_itself", "A token does not look at itself."),
)
MEANINGS = (
    Mistake("inverted", "True stands where a token may *not* look."),
    Mistake("numbers", "These are numbers; a mask of yes and no was asked for."),
)


def near(wrong: Wrong, seq_len: int, reach: int) -> Tensor:
    """True where a token may look: at itself, and at as many before it as it reaches."""
    places = torch.arange(seq_len)
    back = places[:, None] - places
    reach += ("one_far" in wrong) - ("one_short" in wrong)
    if "no_end" in wrong:
        reach = seq_len
    seen = (back >= 0) & (back <= reach)
    if "both_sides" in wrong:
        seen = back.abs() <= reach
    if "ahead" in wrong:
        seen = (back <= 0) & (back >= -reach)
    if "not_itself" in wrong:
        seen = seen & (back != 0)
    seen = ~seen if "inverted" in wrong else seen
    return seen.float() if "numbers" in wrong else seen


def reaches() -> list[Case]:
    """Tables that fit on a line, and larger ones."""
    return [Case(each) for each in [(4, 1), (4, 2), (9, 3), (20, 5)]]


NEAR = Reference(near, (REACHES, SIDES, MEANINGS), reaches)

SHRINKS = (
    Mistake("no_shrink", "Where the maximum moves, what was summed before has to shrink."),
    Mistake("total_shrinks", "Only the sum of the powers shrinks, and not the mixture."),
    Mistake("mix_shrinks", "Only the mixture shrinks, and not the sum of the powers."),
    Mistake("no_maximum", "No maximum is subtracted, so that large powers overflow."),
    Mistake("own_maximum", "The maximum is that of the tile alone, and not the largest so far."),
)
MASKS = (Mistake("open_tile", "Within their own tile tokens look into the future."),)
SKIPS = (
    Mistake("nothing_skipped", "Tiles that lie wholly in the future are not skipped."),
    Mistake("own_skipped", "The tile of the queries themselves is skipped as well."),
)
SCALES = (
    Mistake("no_scale", "The scores are not divided by √d_k."),
    Mistake("scale_d_k", "The scores are divided by d_k, and not by its root."),
)
ENDS = (
    Mistake("not_divided", "The mixture is not divided by the sum of the powers at the end."),
    Mistake("divided_early", "Each tile has a softmax of its own, and the tiles are averaged."),
)


def causal_tiled(wrong: Wrong, queries: Tensor, keys: Tensor, values: Tensor, size: int) -> Tensor:
    """Causal attention, a tile at a time."""
    rows = range(0, len(queries), size)
    return torch.cat([_rows(wrong, queries, keys, values, size, start) for start in rows])


def _rows(
    wrong: Wrong, queries: Tensor, keys: Tensor, values: Tensor, size: int, start: int
) -> Tensor:
    """The output for one tile of queries."""
    some, d_k = queries[start : start + size], queries.shape[-1]
    scale = 1.0 if "no_scale" in wrong else d_k if "scale_d_k" in wrong else d_k**0.5
    largest = some.new_full((len(some), 1), -torch.inf)
    total, mix = some.new_zeros(len(some), 1), some.new_zeros(len(some), values.shape[-1])
    for first in range(0, len(keys), size):
        if (first > start and "nothing_skipped" not in wrong) or (
            first == start and "own_skipped" in wrong
        ):
            continue
        scores = some @ keys[first : first + size].mT / scale
        if first == start and "open_tile" not in wrong:
            scores = scores.masked_fill(scores.isnan() | _ahead(scores), -torch.inf)
        new = torch.maximum(largest, scores.amax(1, keepdim=True))
        if "no_maximum" in wrong:
            new = torch.zeros_like(new)
        if "own_maximum" in wrong:
            new = scores.amax(1, keepdim=True)
        shrink, powers = (largest - new).exp(), (scores - new).exp()
        if wrong & {"no_shrink", "own_maximum"} or largest.isinf().all():
            shrink = torch.ones_like(shrink)
        one = torch.ones_like(shrink)
        if "divided_early" in wrong:
            powers, shrink = powers / powers.sum(1, keepdim=True), one
        total = total * (one if "mix_shrinks" in wrong else shrink) + powers.sum(1, keepdim=True)
        mix = (
            mix * (one if "total_shrinks" in wrong else shrink)
            + powers @ values[first : first + size]
        )
        largest = new
    return mix if "not_divided" in wrong else mix / total


def _ahead(scores: Tensor) -> Tensor:
    return torch.ones(scores.shape, dtype=torch.bool).triu(1)


def in_tiles() -> list[Case]:
    """Tiles of one, tiles that divide and do not divide, and scores of hundreds."""
    small = [numbers(seed, 3, 2) for seed in (1, 2, 3)]
    drawn = [numbers(seed, 8, 4) * (2 if seed < 6 else 1) for seed in (4, 5, 6)]
    wide = [numbers(seed, 7, 3) for seed in (7, 8, 9)]
    wild = [30 * drawn[0], drawn[1], drawn[2]]
    cases = [(small, 1), (drawn, 4), (drawn, 2), (wide, 3), (wild, 2)]
    return [Case((*three, size)) for three, size in cases]


def future_touched(answer: Callable[..., Any]) -> str | None:
    """Whether a value that is no number, in a tile of the future, comes into what was before."""
    queries, keys, values = (numbers(seed, 7, 3) for seed in (1, 2, 3))
    values[6] = torch.nan
    output = answer(queries, keys, values, 3)
    output = torch.as_tensor(output[0] if isinstance(output, tuple) else output)
    says = "tiles that lie wholly in the future are worked out and hidden, and not skipped."
    return says if output[:6].isnan().any() else None


TILED = Reference(
    causal_tiled, (SHRINKS, MASKS, SKIPS, SCALES, ENDS), in_tiles, beyond=future_touched
)
