"""Norms, dropout and the block around them, and how they go wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from bareattention.mistakes import Alike, Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers
from bareattention.mistakes.named import Named

SQUARES = (
    Mistake("rms_centred", "The mean is subtracted: that is what layer norm does."),
    Mistake("rms_deviation", "The tokens are divided by their deviation from the mean."),
    Mistake(
        "rms_sample",
        "The tokens are divided by their deviation from the mean, with one less in the divisor.",
    ),
    Mistake("rms_unbiased", "The squares are divided by one less than the number of channels."),
    Mistake("rms_sum", "The squares are summed; their mean is asked for."),
    Mistake("rms_no_root", "The tokens are divided by the mean square, and not by its root."),
    Mistake("rms_absolute", "The mean of the sizes stands in place of the mean of the squares."),
    Mistake("rms_times", "The tokens are multiplied by the root, and not divided by it."),
    Mistake("rms_squares", "The squares are scaled; the tokens themselves are asked for."),
)
RMS_AXES = (
    Mistake("rms_over_tokens", "The mean runs over the tokens, not over the channels of each."),
    Mistake("rms_first_axis", "The mean runs over the first axis; it runs over the last one."),
    Mistake("rms_over_all", "One mean is taken over all tokens; each has its own."),
    Mistake(
        "rms_lost_axis",
        "The means lost their axis, so they meet channels and not tokens (`keepdim`).",
    ),
)
EPSILONS = (
    Mistake("eps_missing", "Nothing is added to the mean square, so a token of zeros gives NaN."),
    Mistake(
        "eps_small",
        "What is added is smaller than 1e-5, or it is added after the root and not under it.",
    ),
)
GAINS = (
    Mistake(
        "gain_missing",
        "Nothing in it can be learned: a number that is learned is an `nn.Parameter`.",
    ),
    Mistake("gain_zero", "The learned numbers start at 0; they start at 1."),
    Mistake("gain_one", "One learned number serves all channels; each has its own."),
    Mistake("gain_unused", "The learned numbers are there, and nothing is multiplied by them."),
    Mistake("gain_plus_one", "They start at 0, and 1 is added; the numbers themselves start at 1."),
    Mistake("gain_first", "The learned numbers are multiplied before the norm, not after it."),
    Mistake("gain_added", "The learned numbers are added; they are to be multiplied."),
    Mistake("gain_shift", "A learned shift is added as well; there is none in this norm."),
    Mistake("gain_divides", "The learned numbers divide; they are to be multiplied."),
)


class RMSNorm(nn.Module):
    """RMSNorm, or what mistakes make of it."""

    def __init__(self, wrong: Wrong, d_model: int):
        super().__init__()
        self.wrong = wrong
        size = 1 if "gain_one" in wrong else d_model
        if "gain_missing" not in wrong:
            start = (
                torch.zeros(size) if wrong & {"gain_zero", "gain_plus_one"} else torch.ones(size)
            )
            self.gain = nn.Parameter(start)
        if "gain_shift" in wrong:
            self.shift = nn.Parameter(torch.zeros(d_model))

    def forward(self, x: Tensor) -> Tensor:
        wrong = self.wrong
        if "gain_first" in wrong:
            x = x * self.gain
        if "rms_centred" in wrong:
            x = x - x.mean(-1, keepdim=True)
        root = self._root(x)
        taken = x * x if "rms_squares" in wrong else x
        found = taken * root if "rms_times" in wrong else taken / root
        if wrong & {"gain_missing", "gain_unused", "gain_first"}:
            return found
        if "gain_added" in wrong:
            return found + self.gain
        if "gain_divides" in wrong:
            return found / self.gain
        found = found * (self.gain + ("gain_plus_one" in wrong))
        return found + self.shift if "gain_shift" in wrong else found

    def _root(self, x: Tensor) -> Tensor:
        wrong = self.wrong
        squares = x.abs() if "rms_absolute" in wrong else x.square()
        if wrong & {"rms_deviation", "rms_sample"}:
            squares = (x - x.mean(-1, keepdim=True)).square()
        axis: Any = -2 if "rms_over_tokens" in wrong and x.ndim > 1 else -1
        if "rms_first_axis" in wrong:
            axis = 0
        if "rms_over_all" in wrong:
            axis = tuple(range(x.ndim))
        keep = "rms_lost_axis" not in wrong
        mean = squares.sum(axis, keepdim=keep)
        if "rms_sum" not in wrong:
            count = squares.numel() / mean.numel()
            mean = mean / (count - bool(wrong & {"rms_sample", "rms_unbiased"}))
        mean = mean + (0 if "eps_missing" in wrong else 1e-7 if "eps_small" in wrong else 1e-5)
        return mean if wrong & {"rms_no_root", "rms_absolute"} else mean.sqrt()


def use_norm(answer: Callable[[int], Any], d_model: int, x: Tensor, gains: Tensor) -> Any:
    """What a fresh norm gives, how many numbers it learns, and what it gives with these in it."""
    norm = answer(d_model)
    learned = list(norm.parameters()) if isinstance(norm, nn.Module) else []
    with torch.no_grad():
        fresh = norm(x)
        for parameter in learned:
            if parameter.numel() == d_model:
                parameter.copy_(gains.view_as(parameter))
        if fresh is None:
            return None
        return fresh, sum(parameter.numel() for parameter in learned), norm(x)


def to_norm() -> list[Case]:
    """Tokens of a pencil's size, square tables, batches, a token of zeros and small ones."""
    small, zeros = torch.tensor([[3.0, 4.0], [1.0, 1.0]]), torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    tiny = numbers(5, 3, 6) / 10
    several = [numbers(1, 4, 4) * 2 + 1, numbers(2, 2, 3, 5) + 1, numbers(3, 6), zeros, tiny]
    return [Case((x.shape[-1], x, torch.arange(2.0, x.shape[-1] + 2))) for x in (small, *several)]


RMS_NORM = Reference(RMSNorm, (SQUARES, RMS_AXES, EPSILONS, GAINS), to_norm, use_norm)

KEEPS = (
    Mistake("keeps_p", "p is taken for the share that is kept; it is the share set to 0."),
    Mistake("drops_nothing", "Nothing is set to 0."),
    Mistake("drops_p", "A draw that is exactly p counts as below it."),
    Mistake("drops_large", "Large numbers are set to 0; chance decides, and not their size."),
)
RESCALES = (
    Mistake("not_enlarged", "What is kept is not enlarged, so that numbers shrink on average."),
    Mistake("enlarged_p", "What is kept is divided by p; 1 − p of the numbers are kept."),
    Mistake("shrunk", "What is kept is multiplied by 1 − p; it is to be divided."),
    Mistake("enlarged_count", "What is kept is divided by the share that this draw kept."),
)
MODES = (
    Mistake("always_on", "Dropout stays on when the model is used: `training` is ignored."),
    Mistake("modes_exchanged", "Dropout is on when the model is used, and off when it trains."),
    Mistake("shrunk_in_use", "When the model is used, numbers are multiplied by 1 − p."),
    Mistake("enlarged_in_use", "When the model is used, numbers are still enlarged."),
)


def dropout(wrong: Wrong, x: Tensor, p: float, training: bool, draws: Tensor) -> Tensor:
    """x, with the numbers whose draw is below p set to 0 while training."""
    kept = draws < p if "keeps_p" in wrong else draws >= p
    if "drops_p" in wrong:
        kept = draws > p
    if "drops_nothing" in wrong:
        kept = torch.ones_like(kept)
    if "drops_large" in wrong:
        kept = x >= p
    factors = {
        "not_enlarged": 1.0,
        "enlarged_p": 1 / p,
        "shrunk": 1 - p,
        "enlarged_count": 1 / kept.float().mean(),
    }
    factor = next((factors[name] for name in wrong if name in factors), 1 / (1 - p))
    if "modes_exchanged" in wrong:
        training = not training
    if training or "always_on" in wrong:
        return x * kept * factor
    if "shrunk_in_use" in wrong:
        return x * (1 - p)
    return x * factor if "enlarged_in_use" in wrong else x


def to_drop() -> list[Case]:
    """Numbers by hand and drawn ones, while the model trains and while it is used."""
    by_hand = torch.tensor([1.0, 2.0, -3.0, 4.0]), 0.25, torch.tensor([0.9, 0.1, 0.25, 0.3])
    drawn = numbers(1, 2, 5, 4) * 3, 0.4, torch.rand(2, 5, 4, generator=torch.Generator())
    both = [(*by_hand[:2], on, by_hand[2]) for on in (True, False)]
    return [Case(each) for each in [*both, *((*drawn[:2], on, drawn[2]) for on in (True, False))]]


DROPOUT = Reference(dropout, (KEEPS, RESCALES, MODES), to_drop)

NORMS = (
    Mistake("norm_after", "The norms come after the sums; they belong before each step."),
    Mistake("norm_of_step", "What a step gives is normalised, and not what goes into it."),
    Mistake("norms_missing", "Both norms are missing."),
    Mistake("norm_1_missing", "The norm before attention is missing."),
    Mistake("norm_2_missing", "The norm before the feed-forward network is missing."),
    Mistake("norm_1_twice", "The first norm is used twice; each step has its own."),
    Mistake("norms_exchanged", "The two norms are exchanged."),
    Mistake("norm_first_only", "The block begins with the two norms; the second comes later."),
)
SUMS = (
    Mistake("sums_missing", "Nothing is added: each step replaces the stream."),
    Mistake("sum_1_missing", "Attention replaces the stream; it is to be added."),
    Mistake("sum_2_missing", "The feed-forward network replaces the stream; it is to be added."),
    Mistake(
        "sums_of_norms",
        "The normalised tokens go on; the stream itself has to, as it was before the norm.",
    ),
    Mistake("sum_1_of_norm", "Attention is added to the normalised tokens, not to the stream."),
    Mistake("sum_2_of_norm", "The second step is added to normalised tokens, not to the stream."),
    Mistake("sum_2_twice", "The block's input is added a second time at the end."),
    Mistake(
        "one_sum",
        "There is one sum for both steps, so that what attention found is not in the stream.",
    ),
    Mistake(
        "sum_2_from_start",
        "The second sum starts from the block's input again, so attention's part is lost.",
    ),
)
STEPS = (
    Mistake("feed_forward_first", "The feed-forward network comes first; attention does."),
    Mistake(
        "side_by_side", "Both steps read the same input; the second reads what the first made."
    ),
    Mistake("attention_missing", "Attention is missing."),
    Mistake("feed_forward_missing", "The feed-forward network is missing."),
    Mistake("attention_twice", "Attention is done twice, and no feed-forward network follows."),
)
LAST = (Mistake("norm_last", "A norm at the end squeezes the stream; it runs on as it is."),)


def block(
    wrong: Wrong, x: Tensor, attention: Named, feed_forward: Named, norm_1: Named, norm_2: Named
) -> Tensor:
    """x + attention(norm(x)), then the same with the feed-forward network."""
    steps = [attention, feed_forward]
    if "attention_twice" in wrong:
        steps = [attention, attention]
    norms = _norms(wrong, norm_1, norm_2)
    numbered = [0, 1]
    if "feed_forward_first" in wrong:
        steps, norms, numbered = steps[::-1], norms[::-1], [1, 0]
    if wrong & {"attention_missing", "feed_forward_missing"}:
        left = int("attention_missing" in wrong)
        position = numbered.index(left)
        steps, norms, numbered = [steps[position]], [norms[position]], [left]
    start = x
    if "norm_first_only" in wrong:
        x, norms = norm_2(norm_1(x)), [_same, _same]
    first = x
    for step, norm, number in zip(steps, norms, numbered, strict=True):
        seen = first if "side_by_side" in wrong else x
        x = _sum(wrong, x, seen, start, step, norm, number)
    return norm_2(x) if "norm_last" in wrong else x


def _sum(
    wrong: Wrong, x: Tensor, seen: Tensor, start: Tensor, step: Any, norm: Any, number: int
) -> Tensor:
    """The stream after one step."""
    if "norm_after" in wrong:
        found = step(seen)
    elif "norm_of_step" in wrong:
        found = norm(step(seen))
    else:
        found = step(norm(seen))
    if wrong & {"sums_of_norms", f"sum_{number + 1}_of_norm"}:
        x = norm(x)
    if number == 1 and "sum_2_twice" in wrong:
        x = x + start
    if number == 1 and "sum_2_from_start" in wrong:
        x = start
    if "sums_missing" in wrong or f"sum_{number + 1}_missing" in wrong:
        x = torch.zeros_like(x)
    if "one_sum" in wrong:
        x = start if number == 1 else torch.zeros_like(x)
    return norm(x + found) if "norm_after" in wrong else x + found


def _norms(wrong: Wrong, norm_1: Any, norm_2: Any) -> list:
    if "norms_missing" in wrong:
        return [_same, _same]
    first = _same if "norm_1_missing" in wrong else norm_2 if "norms_exchanged" in wrong else norm_1
    second = norm_1 if wrong & {"norm_1_twice", "norms_exchanged"} else norm_2
    return [first, _same if "norm_2_missing" in wrong else second]


def _same(x: Tensor) -> Tensor:
    return x


def parts() -> list[Case]:
    """A stream of one token, of three and of a batch; parts that all differ from each other."""
    most = Named("the largest of all tokens, channel by channel", _most)
    bend = Named("relu, plus 1", lambda x: x.relu() + 1)
    centre = Named("subtracts the mean", lambda x: x - x.mean(-1, keepdim=True))
    shrink = Named("divides by the largest size", lambda x: x / x.abs().amax(-1, keepdim=True))
    streams = [torch.tensor([[1.0, 3.0]]), numbers(1, 3, 4), numbers(2, 2, 5, 6)]
    return [Case((x, most, bend, shrink, centre)) for x in streams]


def _most(x: Tensor) -> Tensor:
    return x.amax(-2, keepdim=True).expand_as(x)


ALONE = "The second step reads the input and is added to it, so attention is lost."
BLOCK = Reference(
    block,
    (NORMS, SUMS, STEPS, LAST),
    parts,
    alike=tuple(
        Alike(frozenset({"side_by_side", total}), frozenset({"attention_missing"}), ALONE)
        for total in ("sum_2_from_start", "one_sum")
    ),
)
