"""Softmax and the entropy of its rows, and how they go wrong."""

import math

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

AXES = (
    Mistake("down_columns", "The shares sum to 1 down the columns, not along each row."),
    Mistake(
        "over_all", "The exponentials are divided by the sum of all, not by that of their row."
    ),
    Mistake("first_axis", "The softmax runs along the first axis, not along the last."),
    Mistake(
        "lost_axis",
        "The sums of the rows lost their axis, so they meet columns and not rows (`keepdim`).",
    ),
)
STABLE = (
    Mistake("overflow", "The largest score is not subtracted, so large powers overflow."),
    Mistake("clipped", "Large scores are clipped, so shares beyond the limit are false."),
    Mistake(
        "largest_of_all",
        "The largest of all scores is subtracted, not that of each row, so other rows vanish.",
    ),
    Mistake(
        "constant",
        "The largest score is not subtracted, so large powers overflow; a constant in the sum "
        "is no cure.",
    ),
    Mistake(
        "largest_of_columns",
        "The largest score of each column is subtracted, not that of each row, and shares change.",
    ),
    Mistake("clipped_far", "Large scores are clipped, so shares beyond the limit are false."),
    Mistake(
        "largest_size",
        "The largest size is subtracted, its sign left out: where it is that of a negative score, "
        "all powers may vanish.",
    ),
    Mistake(
        "patched",
        "The largest score is not subtracted; what overflows is turned into 0 afterwards "
        "(`nan_to_num`), and the shares are lost.",
    ),
    Mistake("smallest", "The smallest score is subtracted, so the large powers still overflow."),
)
POWERS = (
    Mistake("two", "The powers are those of 2, not of e."),
    Mistake("minus", "The powers are those of minus the scores: the smallest score wins."),
    Mistake("no_exp", "The scores are divided by their sum without a power of e."),
    Mistake("squared", "Squares stand in place of the powers of e."),
    Mistake("argmax", "The largest score gets everything: that is no softmax."),
    Mistake("log_softmax", "These are the logarithms of the shares."),
    Mistake("sigmoid", "Each score is judged alone (a sigmoid), so the shares sum to no 1."),
)
SUMS = (
    Mistake(
        "not_divided",
        "The powers are divided by nothing, or by the largest alone, not by their sum.",
    ),
    Mistake("by_count", "The powers are divided by how many they are, not by their sum."),
    Mistake("by_mean", "The powers are divided by their mean, not by their sum."),
    Mistake("by_norm", "The powers are divided by the length of their row, not by its sum."),
    Mistake("floored", "A constant is added to the sum, so that the shares sum to less than 1."),
)


def softmax(wrong: Wrong, scores: Tensor) -> Tensor:
    """Shares along the last axis."""
    axis = -2 if "down_columns" in wrong and scores.ndim > 1 else 0 if "first_axis" in wrong else -1
    largest = scores.amax(axis, keepdim=True)
    if "largest_of_all" in wrong:
        largest = scores.max()
    if "largest_of_columns" in wrong:
        largest = scores.amax(-2 if scores.ndim > 1 else -1, keepdim=True)
    if "smallest" in wrong:
        largest = scores.amin(axis, keepdim=True)
    if "clipped" in wrong:
        scores, largest = scores.clamp(-20, 20), torch.tensor(0.0)
    if "clipped_far" in wrong:
        scores, largest = scores.clamp(-80, 80), torch.tensor(0.0)
    if "largest_size" in wrong:
        largest = scores.abs().amax(axis, keepdim=True)
    if wrong & {"overflow", "constant", "patched"}:
        largest = torch.tensor(0.0)
    found = _divided(wrong, scores, _powers(wrong, scores - largest, scores, axis), axis)
    return found.nan_to_num() if "patched" in wrong else found


def _powers(wrong: Wrong, shifted: Tensor, scores: Tensor, axis: int) -> Tensor:
    if "two" in wrong:
        return 2**shifted
    if "minus" in wrong:
        return (-scores - (-scores).amax(axis, keepdim=True)).exp()
    if "no_exp" in wrong:
        return scores
    if "squared" in wrong:
        return scores**2
    if "argmax" in wrong:
        return (scores == scores.amax(axis, keepdim=True)).to(scores.dtype)
    if "sigmoid" in wrong:
        return torch.sigmoid(scores)
    return shifted.exp()


def _divided(wrong: Wrong, scores: Tensor, powers: Tensor, axis: int) -> Tensor:
    if "log_softmax" in wrong:
        return scores.log_softmax(axis)
    if wrong & {"not_divided", "sigmoid"}:
        return powers
    if "over_all" in wrong:
        return powers / powers.sum()
    if "lost_axis" in wrong:
        return powers / powers.sum(axis)
    divisors = {
        "by_count": lambda: powers.shape[axis],
        "by_mean": lambda: powers.mean(axis, keepdim=True),
        "by_norm": lambda: powers.norm(dim=axis, keepdim=True),
        "floored": lambda: powers.sum(axis, keepdim=True) + 1e-2,
    }
    made = next((divisors[name] for name in wrong if name in divisors), None)
    total = made() if made else powers.sum(axis, keepdim=True)
    return powers / (total + 1e-9 if "constant" in wrong else total)


def scores() -> list[Case]:
    """A row, square and other tables, a batch, and wild scores of every sign."""
    small = [torch.tensor([0.0, 1.0]), torch.tensor([[0.0, 1.0], [2.0, 0.0]])]
    drawn = [numbers(1, 4, 4) * 2, numbers(2, 2, 3, 5), numbers(3, 5), numbers(6, 2, 3, 4, 4)]
    wild = [numbers(4, 3, 4) * 10_000, torch.tensor([[-10_000.0, -10_001.0], [0.0, 3.0]])]
    return [Case((each,)) for each in [*small, *drawn, *wild, torch.tensor([[30.0, 29.0, 31.0]])]]


SOFTMAX = Reference(softmax, (AXES, STABLE, POWERS, SUMS), scores)

LOGARITHMS = (
    Mistake("zero_nan", "A share of 0 makes NaN: 0 · log 0 counts as 0."),
    Mistake("zero_floored", "Something is added within the logarithm, and it is not small enough."),
)
SIGNS = (
    Mistake("no_minus", "The minus is missing."),
    Mistake("bits", "The logarithm is that of base 2, and the natural one was asked for."),
    Mistake("no_share", "The logarithms are summed without their shares as factors."),
    Mistake("share_squared", "Shares times shares are summed, without a logarithm."),
)
TOTALS = (
    Mistake("of_all_rows", "All rows are summed into one number; each row has its own entropy."),
    Mistake("down", "The sum runs down the columns, not along the rows."),
    Mistake("first", "The sum runs along the first axis, not along the last."),
    Mistake("mean", "The mean is taken along a row, not the sum."),
    Mistake("axis_kept", "The result keeps an axis of size 1, and no such axis was asked for."),
    Mistake("mean_of_rows", "The entropies of all rows are averaged; each row has its own."),
    Mistake("normalised", "The entropy is divided by its largest possible value."),
    Mistake("exponential", "That is e to the power of the entropy."),
)


def entropy(wrong: Wrong, weights: Tensor) -> Tensor:
    """Entropy of each row of shares, in nats."""
    floor = 1e-2 if "zero_floored" in wrong else 0.0
    logs = (weights + floor).log()
    parts = weights * (logs / torch.tensor(2.0).log() if "bits" in wrong else logs)
    if "no_share" in wrong:
        parts = logs
    if "share_squared" in wrong:
        parts = -weights * weights
    if "zero_nan" not in wrong:
        parts = parts.nan_to_num(neginf=0.0)
    parts = parts if "no_minus" in wrong else -parts
    return _totalled(wrong, parts)


def _totalled(wrong: Wrong, parts: Tensor) -> Tensor:
    of_rows = parts.sum(-1)
    if "of_all_rows" in wrong:
        return parts.sum()
    if "mean_of_rows" in wrong:
        return of_rows.mean()
    if "axis_kept" in wrong:
        return of_rows[..., None]
    if "normalised" in wrong:
        return of_rows / math.log(parts.shape[-1])
    if "exponential" in wrong:
        return of_rows.exp()
    if "mean" in wrong:
        return parts.mean(-1)
    if "first" in wrong:
        return parts.sum(0)
    return parts.sum(-2) if "down" in wrong and parts.ndim > 1 else of_rows


def shares() -> list[Case]:
    """Rows, tables and batches of shares, some with a share of 0."""
    small = [torch.tensor([0.25, 0.75]), torch.tensor([[1.0, 0.0], [0.5, 0.5]])]
    drawn = [numbers(1, 3, 4).softmax(-1), numbers(2, 2, 3, 5).softmax(-1)]
    return [Case((each,)) for each in [*small, *drawn]]


ENTROPY = Reference(entropy, (LOGARITHMS, SIGNS, TOTALS), shares)
