"""How shares answer to a nudge of a score, and how the table of slopes goes wrong."""

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

TERMS = (
    Mistake("own_alone", "Only the share whose own score is nudged changes; all of them do."),
    Mistake("others_alone", "A share's answer to its own score lacks its positive part."),
    Mistake("plus", "The sign of the second part is wrong: what one share wins, others lose."),
    Mistake("second_missing", "The second part is missing: what one share wins, others lose."),
    Mistake("own_everywhere", "The positive part belongs on the diagonal alone."),
    Mistake("minus", "All signs are turned round: a share grows when its own score does."),
    Mistake("of_logarithms", "Those are the slopes of the logarithms of the shares."),
    Mistake("ones", "The positive part is 1, and it is the share itself."),
    Mistake("one_row", "There is one number for each share, and it is one for each pair."),
    Mistake("sums", "The slopes are summed over the shares, which always gives 0."),
    Mistake("squares", "The second part has the square of one share, where two shares meet."),
)
INPUTS = (
    Mistake("raw", "The scores are used as though they were shares already."),
    Mistake("unstable", "The largest score is not subtracted, so large powers overflow."),
)


def slopes(wrong: Wrong, scores: Tensor) -> Tensor:
    """Row i, column j: by how much share i answers to score j."""
    shares = scores.softmax(-1)
    if "raw" in wrong:
        shares = scores
    if "unstable" in wrong:
        shares = scores.exp() / scores.exp().sum()
    own, pairs = torch.diag(shares), torch.outer(shares, shares)
    terms = {
        "own_alone": torch.diag(shares * (1 - shares)),
        "others_alone": -pairs,
        "plus": own + pairs,
        "second_missing": own,
        "own_everywhere": shares[:, None] - pairs,
        "minus": pairs - own,
        "of_logarithms": torch.eye(len(shares), dtype=shares.dtype) - shares,
        "ones": torch.eye(len(shares), dtype=shares.dtype) - pairs,
        "one_row": shares * (1 - shares),
        "sums": (own - pairs).sum(0),
        "squares": own - shares.square(),
    }
    return next((terms[name] for name in wrong if name in terms), own - pairs)


def rows() -> list[Case]:
    """Two scores, three, five, and two that are large; in 64 bits, so that nudges can be small."""
    small = [torch.tensor([0.0, 1.0]), torch.tensor([2.0, 0.0, 1.0]), numbers(90, 5)]
    large = torch.tensor([1000.0, 999.0])
    return [Case((each.double(),)) for each in [*small, large]]


SLOPES = Reference(slopes, (TERMS, INPUTS), rows)
