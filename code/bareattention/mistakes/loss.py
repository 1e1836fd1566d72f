"""Cross-entropy, and how it goes wrong."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

FLOORS = (6, 7, 8, 9, 10, 12)
LOGARITHMS = (
    Mistake(
        "log_of_softmax",
        "The logarithm of softmax is taken in two steps: a share too small to be written is 0, and "
        "its logarithm −∞.",
    ),
    Mistake("log_of_sum", "Large powers overflow in the sum before its logarithm is taken."),
    Mistake("shares_overflow", "Large powers overflow, and the shares become NaN."),
    *(
        Mistake(
            f"floored_{digits}",
            "A small number within the logarithm, added or as a floor, makes large losses too "
            "small.",
        )
        for digits in FLOORS
    ),
)
SOFTMAXES = (
    Mistake("over_batch", "The softmax runs down the digits, not across the classes."),
    Mistake("softmax_twice", "The shares are taken as logits: there are two softmaxes."),
    Mistake("no_softmax", "There is no softmax: the logits themselves are counted."),
    Mistake("no_log", "The shares themselves are averaged, without a logarithm."),
)
CLASSES = (
    Mistake("every_class", "All classes are counted alike, right or wrong."),
    Mistake("largest", "The largest logit is counted, not that of the right class."),
    Mistake(
        "all_pairs",
        "Each digit is counted with the labels of all digits: `[:, labels]` makes a table.",
    ),
    Mistake("from_1", "The labels are counted from 1: the class before the right one is counted."),
)
MEANS = (
    Mistake("sum", "The surprises are summed, and not averaged."),
    Mistake("each", "Each digit's surprise is returned, and not their mean."),
    Mistake("over_classes_too", "The mean is taken over digits and classes: divide by the digits."),
)
UNITS = (
    Mistake("no_minus", "The minus is missing."),
    Mistake("bits", "The logarithm is that of base 2, and the natural one was asked for."),
)


def cross_entropy(wrong: Wrong, logits: Tensor, labels: Tensor) -> Tensor:
    """Mean surprise in nats: one number."""
    surprises = -_logarithms(wrong, logits)  # (n, n_classes)
    n, n_classes = surprises.shape
    if "no_minus" in wrong:
        surprises = -surprises
    if "bits" in wrong:
        surprises = surprises / math.log(2)
    labels = labels.long()
    if "from_1" in wrong:
        labels = labels - 1
    found = surprises[torch.arange(n), labels]
    if "largest" in wrong:
        found = surprises[torch.arange(n), logits.argmax(-1)]
    if "every_class" in wrong:
        found = surprises.mean(-1)
    if "all_pairs" in wrong:
        found = surprises[:, labels].mean(-1)
    if "over_classes_too" in wrong:
        return found.sum() / n / n_classes
    if "each" in wrong:
        return found
    return found.sum() if "sum" in wrong else found.mean()


def _logarithms(wrong: Wrong, logits: Tensor) -> Tensor:
    axis = 0 if "over_batch" in wrong else -1
    if "softmax_twice" in wrong:
        logits = logits.softmax(axis)
    if "no_softmax" in wrong:
        return logits
    shares = logits.softmax(axis)
    if "shares_overflow" in wrong:
        shares = logits.exp() / logits.exp().sum(axis, keepdim=True)
    if "no_log" in wrong:
        return shares
    floor = next((10.0**-d for d in FLOORS if f"floored_{d}" in wrong), 0.0)
    if floor or wrong & {"log_of_softmax", "shares_overflow"}:
        return (shares + floor).log()
    if "log_of_sum" in wrong:
        return logits - logits.exp().sum(axis, keepdim=True).log()
    return F.log_softmax(logits, axis)


def guesses() -> list[Case]:
    """Two digits of three classes; more; and logits of which the powers overflow."""
    small = (torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 1.0]]), torch.tensor([0, 2]))
    wild = torch.tensor([[1000.0, 998.0, 999.0], [-1000.0, -1001.0, -999.0]])
    return [
        Case(small),
        Case((numbers(1, 5, 4), torch.tensor([3, 0, 1, 1, 2]))),
        Case((wild, torch.tensor([1, 2]))),
        Case((numbers(2, 4, 3) * 1000, torch.tensor([2, 0, 1, 0]))),
    ]


CROSS_ENTROPY = Reference(cross_entropy, (LOGARITHMS, SOFTMAXES, CLASSES, MEANS, UNITS), guesses)
