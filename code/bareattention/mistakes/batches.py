"""Attention for a batch, and a batch in pieces, and how they go wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import (
    ALIKE,
    AXES,
    ORDERS,
    SCALES,
    VALUES,
    numbers,
    products,
    scaled,
    shared,
)

MIXING = (
    Mistake("one_long", "The digits lie in one long sequence, in which every token looks at all."),
    Mistake(
        "batch_summed",
        "The scores of all digits are summed: their letter is missing behind the arrow.",
    ),
    Mistake(
        "all_pairs_summed",
        "The digits have two letters that are missing behind the arrow, so that the scores of all "
        "pairs of digits are summed.",
    ),
    Mistake("first_keys", "All digits look at the tokens of the first one."),
    Mistake(
        "digits_attend",
        "The first axis is taken for the tokens: row 5 of a digit looks at row 5 of the others.",
    ),
)
MATRICES = (
    Mistake("matrices_transposed", "The matrices are transposed, as `nn.Linear` keeps them."),
    Mistake("raw_values", "W_value is left out: the weights mix the tokens themselves."),
    Mistake("raw_keys", "W_key is left out: queries meet the tokens themselves."),
    Mistake("raw_queries", "W_query is left out: the tokens themselves ask."),
    Mistake("keys_carried", "W_key is used for the values as well."),
    Mistake("values_asked", "W_value is used for the keys as well."),
)


def attend(wrong: Wrong, x: Tensor, W_query: Tensor, W_key: Tensor, W_value: Tensor) -> Tensor:
    """One head for each sample of a batch: (batch_size, seq_len, d_model)."""
    shape = x.shape
    if "one_long" in wrong:
        x = x.flatten(0, 1)[None]
    if "digits_attend" in wrong:
        x = x.transpose(0, 1)
    if "matrices_transposed" in wrong:
        W_query, W_key, W_value = W_query.T, W_key.T, W_value.T
    if "values_asked" in wrong:
        W_key = W_value
    if "keys_carried" in wrong:
        W_value = W_key
    queries = x if "raw_queries" in wrong else x @ W_query
    keys = x if "raw_keys" in wrong else x @ W_key
    values = x if "raw_values" in wrong else x @ W_value
    if "first_keys" in wrong:
        keys, values = keys[:1].expand_as(keys), values[:1].expand_as(values)
    scores = products(wrong, queries, keys)
    if "batch_summed" in wrong:
        scores = scores.sum(0, keepdim=True).expand_as(scores)
    if "all_pairs_summed" in wrong:
        scores = products(wrong, queries.sum(0, True), keys.sum(0, True)).expand_as(scores)
    weights = shared(wrong, scaled(wrong, scores, queries, values.shape[-1]))
    mixed = (weights @ values.mT).mT if "channels_attend" in wrong else weights @ values
    if "weights_transposed" in wrong:
        mixed = weights.mT @ values
    return mixed.transpose(0, 1) if "digits_attend" in wrong else mixed.reshape(shape)


def three_axes() -> list[Case]:
    """Two digits of two tokens; then other numbers of digits, tokens and channels."""
    ones = torch.ones(1, 1)
    small = (torch.tensor([[[0.0], [1.0]], [[2.0], [3.0]]]), ones, 2 * ones, 3 * ones)
    shapes = [(3, 5, 4), (4, 2, 3), (1, 6, 4), (4, 4, 4)]
    drawn = [(numbers(i, *s), *numbers(i + 9, 3, s[-1], s[-1])) for i, s in enumerate(shapes)]
    return [Case(small), *(Case(each) for each in drawn)]


def _some(dial: tuple[Mistake, ...], *names: str) -> tuple[Mistake, ...]:
    return tuple(mistake for mistake in dial if mistake.name in names)


ATTEND = Reference(
    attend,
    (
        _some(SCALES, "no_scale", "scale_d_k", "scale_times", "scale_n_keys"),
        _some(ORDERS, "keys_ask", "queries_twice", "channels_attend"),
        _some(AXES, "wrong_axis", "whole_table", "over_batch", "hard", "no_softmax"),
        _some(VALUES, "weights_transposed"),
        MIXING,
        MATRICES,
    ),
    three_axes,
    alike=ALIKE,
)

WEIGHTS = (
    Mistake(
        "pieces_alike",
        "The mean over pieces counts a small last piece like the others: weigh each by its digits.",
    ),
    Mistake(
        "means_summed",
        "The mean of each piece goes back whole, so the gradient is too large by the number of "
        "pieces.",
    ),
    Mistake("sum", "The losses of the digits are summed, not averaged over the batch."),
    Mistake(
        "divided_twice",
        "The mean of each piece is divided by `size` again: a mean has been divided already.",
    ),
    Mistake(
        "mean_by_all",
        "The mean of each piece is divided by all digits: it has been divided by its own already.",
    ),
    Mistake("as_if_full", "The last piece is weighed as if it held `size` digits."),
    Mistake("by_size", "The sums are divided by `size`, not by the number of digits of the batch."),
)
PIECES = (
    Mistake("forgotten", "The gradients are forgotten between pieces: only those of one remain."),
    Mistake("last_left_out", "A last piece that is smaller than `size` is left out."),
    Mistake("first_only", "Only the first piece is looked at."),
    Mistake("number_for_size", "`size` is taken for the number of pieces."),
    Mistake("overlap", "Neighbouring pieces share a digit."),
)
MEMORY = (
    Mistake(
        "one_backward",
        "All digits wait for one `backward`, so that all of them are in memory at once.",
    ),
)
STEPS = (
    Mistake("stepped", "The parameters are moved; only their gradients were asked for."),
    Mistake(
        "softmax_twice",
        "There is a softmax before the cross-entropy, which takes one itself.",
    ),
    Mistake("no_backward", "There is no `backward`: the parameters have no gradient."),
)


def gradients(wrong: Wrong, model: nn.Module, x: Tensor, y: Tensor, size: int) -> None:
    """The gradients of the mean cross-entropy of a batch, added up piece by piece."""
    starts = range(0, len(x), size)
    if "number_for_size" in wrong:
        size = -(-len(x) // size)
        starts = range(0, len(x), size)
    if "last_left_out" in wrong:
        starts = [s for s in starts if s + size <= len(x)]
    if "first_only" in wrong:
        starts = starts[:1]
    width = size + 1 if "overlap" in wrong else size
    losses = []
    for start in starts:
        if "forgotten" in wrong:
            model.zero_grad()
        piece, right = x[start : start + width], y[start : start + width]
        logits = model(piece)
        if "softmax_twice" in wrong:
            logits = logits.softmax(-1)
        loss = F.cross_entropy(logits, right, reduction="sum")
        loss = loss / _divisor(wrong, len(x), len(piece), size, len(starts))
        if wrong & {"one_backward", "no_backward"}:
            losses.append(loss)
        else:
            loss.backward()
    if losses and "no_backward" not in wrong:
        sum(losses).backward()
    if "stepped" in wrong:
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter -= 0.1 * parameter.grad


def _divisor(wrong: Wrong, n: int, of_piece: int, size: int, pieces: int) -> float:
    places = {
        "pieces_alike": of_piece * pieces,
        "means_summed": of_piece,
        "sum": 1,
        "divided_twice": of_piece * size,
        "mean_by_all": of_piece * n,
        "as_if_full": of_piece * n / size,
        "by_size": size,
    }
    return next((places[name] for name in wrong if name in places), n)


class Watched(nn.Module):
    """A linear classifier that counts the digits which wait for their way back."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.linear = nn.Linear(channels, classes)
        self.calls = self.waiting = self.most = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        logits = self.linear(x)
        if logits.requires_grad:
            self.waiting += len(x)
            self.most = max(self.most, self.waiting)
            logits.register_hook(lambda _: self._let_go(len(x)))
        return logits

    def _let_go(self, count: int) -> None:
        self.waiting -= count

    def __repr__(self) -> str:
        return f"a linear layer {self.linear.in_features} → {self.linear.out_features}"


def seen(answer: Callable[..., Any], model: Watched, x: Tensor, y: Tensor, size: int) -> Any:
    """The gradients, how far the parameters moved, and how many digits waited at once."""
    before = torch.cat([p.detach().flatten().clone() for p in model.parameters()])
    answer(model, x, y, size)
    if not model.calls:
        return None
    after = torch.cat([p.detach().flatten() for p in model.parameters()])
    grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters()]
    moved = "moved" if not torch.equal(before, after) else "as they were"
    waited = min(model.most, len(x))
    return (
        torch.cat([g.flatten() for g in grads]),
        f"digits in memory at once: {waited}",
        f"parameters: {moved}",
    )


def pieces() -> list[Case]:
    """Three digits in pieces of two; five, of two and of four; six, of two; nine, of four."""
    cases = []
    for i, (n, size, channels) in enumerate(
        [(3, 2, 1), (5, 2, 3), (5, 4, 2), (6, 2, 3), (9, 4, 2)]
    ):
        torch.manual_seed(i)
        model = Watched(channels, 2 + (i > 0))
        y = torch.arange(n) % (2 + (i > 0))
        cases.append(Case((model, numbers(i, n, channels).round(decimals=1), y, size)))
    return cases


GRADIENTS = Reference(
    gradients,
    (WEIGHTS, PIECES, MEMORY, STEPS),
    pieces,
    observe=seen,
    may_change=("model",),
)
