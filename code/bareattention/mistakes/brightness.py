"""Attention by counted brightnesses, and how it goes wrong."""

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

COUNTS = (
    Mistake("ignored", "The counts are ignored: a brightness that never occurs weighs as much."),
    Mistake(
        "not_below",
        "The counts stand above the fraction alone; the sum that it is divided by needs them, too.",
    ),
    Mistake(
        "not_above", "The counts stand below the fraction alone; the values need them above, too."
    ),
    Mistake("in_exponent", "The counts multiply the scores, not the powers of e."),
    Mistake("added", "The counts are added to the scores; their logarithms would have to be."),
    Mistake("squared", "The counts are used twice."),
    Mistake("presence", "What counts is how often a brightness occurs, not whether it does."),
    Mistake(
        "one_more", "Each count is one too large (log(1 + count)), so what never occurs counts."
    ),
    Mistake("of_asking", "The counts are those of the brightnesses that ask, not of those asked."),
)
AXES = (
    Mistake("keys_ask", "Rows and columns are exchanged: row i holds the scores of brightness i."),
    Mistake("powers_turned", "The table of powers is transposed: its rows ask."),
    Mistake("down", "The sum below runs over those that ask, not over those that are asked."),
    Mistake("not_divided", "Nothing is divided by the sum of the powers."),
)
COUNTED = (Mistake("counted_too", "The result is divided by the number of pixels as well."),)
STABLE = (
    Mistake("overflow", "The largest score is not subtracted, so large powers overflow."),
    Mistake(
        "largest_of_all",
        "The largest of all scores is subtracted, not that of each row, so other rows vanish.",
    ),
)


def by_counts(wrong: Wrong, scores: Tensor, counts: Tensor, values: Tensor) -> Tensor:
    """What each brightness takes away in each image: (n_images, n_levels)."""
    scores = scores.T if "keys_ask" in wrong else scores
    largest = scores.amax(-1, keepdim=True)
    if "largest_of_all" in wrong:
        largest = scores.max()
    if "overflow" in wrong:
        largest = torch.tensor(0.0)
    powers = (scores - largest).exp()[None]  # (1, asking, asked)
    if "powers_turned" in wrong:
        powers = powers.mT
    counts = counts.float()[:, None]  # (n_images, 1, asked)
    if "presence" in wrong:
        counts = (counts > 0).float()
    if "one_more" in wrong:
        counts = counts + 1
    if "in_exponent" in wrong:
        shifted = scores * counts
        powers, counts = (shifted - shifted.amax(-1, keepdim=True)).exp(), torch.ones(1)
    if "added" in wrong:
        shifted = scores + counts
        powers, counts = (shifted - shifted.amax(-1, keepdim=True)).exp(), torch.ones(1)
    if "of_asking" in wrong:
        counts = counts.mT
    above, below = powers * counts, powers * counts
    if wrong & {"ignored", "not_above"}:
        above = powers.expand_as(powers * counts)
    if wrong & {"ignored", "not_below"}:
        below = powers
    if "squared" in wrong:
        above, below = above * counts, below * counts
    taken = above @ values
    if "counted_too" in wrong:
        taken = taken / counts.sum(-1)
    if "not_divided" in wrong:
        return taken
    return taken / below.sum(-2 if "down" in wrong else -1)


def levels() -> list[Case]:
    """Two brightnesses in one image; then more, with counts of 0, and large scores."""
    small = (torch.tensor([[0.0, 1.0], [0.0, 0.0]]), torch.tensor([[3, 1]]), torch.tensor([0.0, 1]))
    counts = torch.tensor([[3, 1, 0, 2], [1, 5, 2, 1], [4, 0, 1, 7]])
    scores, values = numbers(1, 4, 4), numbers(2, 4)
    wild = torch.tensor([[[1000.0, 999.0], [-1000.0, -1001.0]], [[1000, -1000], [999, -1001]]])
    return [
        Case(small),
        Case((scores, counts, values)),
        *(Case((each, torch.tensor([[1, 4], [2, 3]]), torch.tensor([1.0, -1.0]))) for each in wild),
    ]


BY_COUNTS = Reference(by_counts, (COUNTS, AXES, COUNTED, STABLE), levels)
