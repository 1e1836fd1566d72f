"""Softmax with a temperature and a mask, and how it goes wrong."""

import math

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import EMPTY_ROWS, MASKS, numbers

AXES = (
    Mistake("down", "The softmax runs down the columns, and it is each row that shares out 1."),
    Mistake("first", "The softmax runs along the first axis, and the keys are on the last."),
    Mistake("over_all", "The softmax runs over the whole table, not over each row."),
)
TEMPERATURES = (
    Mistake("heat_ignored", "The temperature is ignored."),
    Mistake("heat_times", "The scores are multiplied by the temperature, not divided by it."),
    Mistake("heat_after", "The shares are divided by the temperature, and the scores were to be."),
    Mistake("heat_root", "The scores are divided by the root of the temperature, not by itself."),
)
OVERFLOWS = (
    Mistake("overflow", "The largest score is not subtracted, so large powers overflow."),
    Mistake(
        "overflow_hidden",
        "Powers are multiplied by the mask, but large ones have overflowed before: ∞ · 0 is nan.",
    ),
    Mistake(
        "largest_hidden",
        "The largest score is sought among hidden ones, too, so that those allowed may vanish.",
    ),
)
HIDING = (
    *(mistake for mistake in MASKS if mistake.name != "mask_transposed"),
    Mistake("mask_inf", "0 times −∞ is nan: fill hidden scores, and multiply nothing by −∞."),
    Mistake("mask_low_100", "Hidden scores get −100, which is low, but not low enough: take −∞."),
    Mistake("mask_low", "Hidden scores get a low number that is not low enough: it has to be −∞."),
)


def masked(wrong: Wrong, scores: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """Shares along the last axis, those of hidden keys 0; a row without keys is all 0."""
    found = _hidden(wrong, scores, mask)
    if "heat_ignored" in wrong or "heat_after" in wrong:
        heat = 1.0
    else:
        heat = temperature**0.5 if "heat_root" in wrong else temperature
    found = found * heat if "heat_times" in wrong else found / heat
    axis = -2 if "down" in wrong and scores.ndim > 1 else 0 if "first" in wrong else -1
    weights = _shared(wrong, found, scores * heat if "heat_times" in wrong else scores / heat, axis)
    if "mask_after" in wrong:
        weights = weights * mask
    empty = ~mask.any(-1, keepdim=True)
    if "empty_mean" in wrong:
        weights = weights.where(~empty, 1 / scores.shape[-1])
    elif "empty_nan" not in wrong:
        weights = weights.nan_to_num() if weights.isnan().any() else weights
    return weights / temperature if "heat_after" in wrong else weights


def _hidden(wrong: Wrong, scores: Tensor, mask: Tensor) -> Tensor:
    if wrong & {"mask_ignored", "mask_after"}:
        return scores
    if "mask_added" in wrong:
        return scores + mask
    if "mask_inf" in wrong:
        return scores + ~mask * -math.inf
    if "mask_inverted" in wrong:
        mask = ~mask
    values = {"mask_zero": 0.0, "mask_plus": 1e9, "mask_low": -10.0, "mask_low_100": -100.0}
    value = next((values[name] for name in wrong if name in values), -math.inf)
    return scores.masked_fill(~mask, value)


def _shared(wrong: Wrong, found: Tensor, whole: Tensor, axis: int) -> Tensor:
    if "over_all" in wrong:
        return found.flatten().softmax(0).view_as(found)
    if "overflow" in wrong:
        return found.exp() / found.exp().sum(axis, keepdim=True)
    if "overflow_hidden" in wrong:
        powers = whole.exp() * found.isfinite()
        return powers / powers.sum(axis, keepdim=True)
    if "largest_hidden" in wrong:
        powers = (found - whole.amax(axis, keepdim=True)).exp()
        return powers / powers.sum(axis, keepdim=True)
    return found.softmax(axis)


def hidden_scores() -> list[Case]:
    """A row at two temperatures, tables, batches, wild scores, hidden ones, and an empty row."""
    yes, no = True, False
    row, last = torch.tensor([2.0, 1.0, 0.0]), torch.tensor([yes, yes, no])
    table, some = numbers(80, 3, 3), torch.tensor([[yes, no, yes], [no, yes, no], [yes, yes, yes]])
    empty = torch.tensor([[yes, no, yes], [no, no, no], [no, yes, yes]])
    wild = torch.tensor([[300.0, 299, 0], [-300, -301, -302]])
    loud = torch.tensor([[1.0, 2, 500], [0, 3, 1]])
    batch = numbers(81, 2, 3, 4, 5) * 2, torch.tensor([yes, yes, no, yes, no])
    cases = [(row, last, 1.0), (row, last, 2.0), (table, some, 0.5), (*batch, 3.0)]
    cases += [(wild, last, 1.0), (loud, last, 2.0), (table, empty, 1.0)]
    return [Case(each) for each in cases]


MASKED = Reference(masked, (AXES, TEMPERATURES, OVERFLOWS, HIDING, EMPTY_ROWS), hidden_scores)
