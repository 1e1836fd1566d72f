"""Teaching and judging a model, and how they go wrong."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

Batches = tuple[tuple[Tensor, Tensor], ...]


class Halved(nn.Module):
    """A linear classifier with a dropout that always drops the same: the first half."""

    def __init__(self, channels: int, classes: int):
        super().__init__()
        self.linear = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            half = x.shape[-1] // 2
            x = torch.cat([torch.zeros_like(x[..., :half]), 2 * x[..., half:]], -1)
        return self.linear(x)

    def __repr__(self) -> str:
        mode = "training" if self.training else "evaluation"
        return f"a linear layer with dropout, in {mode} mode"


def _model(seed: int, channels: int, classes: int) -> Halved:
    torch.manual_seed(seed)
    return Halved(channels, classes)


def _batches(seed: int, sizes: list[int], channels: int, classes: int) -> Batches:
    generator = torch.Generator().manual_seed(seed)
    return tuple(
        (
            numbers(100 * seed + i, n, channels).round(decimals=1),
            torch.randint(classes, (n,), generator=generator),
        )
        for i, n in enumerate(sizes)
    )


GRADIENTS = (
    Mistake(
        "not_forgotten",
        "The gradients are not forgotten between steps: each step follows the sum of all so far.",
    ),
    Mistake(
        "forgotten_late",
        "When `step` comes, the gradients are forgotten or not there yet, so that nothing moves.",
    ),
    Mistake("no_step", "There is no `step`: nothing moves."),
    Mistake("one_step", "There is one step at the end, and not one for each batch."),
)
MODES = (
    Mistake(
        "stays_in_eval",
        "The model is not put into training mode, so it is taught without its dropout.",
    ),
)
LOSSES = (
    Mistake("summed", "The losses of a batch are summed: large batches make large steps."),
    Mistake(
        "softmax_twice", "There is a softmax before the cross-entropy, which takes one itself."
    ),
)
REPORTS = (
    Mistake(
        "mean_of_batches",
        "The means of the batches are averaged: a small batch counts as much as a large one.",
    ),
    Mistake("last_batch", "The loss of the last batch is reported, not the mean of all digits."),
    Mistake("sum_of_batches", "The means of the batches are summed, and not averaged."),
    Mistake("sum_of_digits", "The losses are summed over the digits, and not averaged."),
    Mistake("weighed_twice", "The batches are weighed by their digits twice."),
    Mistake("over_all_digits", "The means of the batches are summed and divided by all digits."),
    Mistake("bits", "The report is in bits, and not in nats."),
    Mistake("after_the_step", "Each batch is judged after the model has learned from it."),
)


def teach(
    wrong: Wrong, model: nn.Module, optimizer: torch.optim.Optimizer, batches: Batches
) -> float:
    """One epoch, one step for each batch; the mean loss of the digits in nats."""
    if "stays_in_eval" not in wrong:
        model.train()
    means, counts, sums = [], [], "summed" in wrong
    for x, y in batches:
        if not wrong & {"not_forgotten", "one_step"}:
            optimizer.zero_grad()
        loss = _loss(wrong, model, x, y)
        (loss * len(x) if sums else loss).backward()
        if "forgotten_late" in wrong:
            optimizer.zero_grad()
        if not wrong & {"no_step", "one_step"}:
            optimizer.step()
        if "after_the_step" in wrong:
            loss = _loss(wrong, model, x, y)
        means.append(loss.item())
        counts.append(len(x))
    if "one_step" in wrong:
        optimizer.step()
    total = sum(mean * count for mean, count in zip(means, counts, strict=True))
    places = {
        "mean_of_batches": sum(means) / len(means),
        "last_batch": means[-1],
        "sum_of_batches": sum(means),
        "sum_of_digits": total,
        "weighed_twice": sum(m * n * n for m, n in zip(means, counts, strict=True)) / sum(counts),
        "over_all_digits": sum(means) / sum(counts),
        "bits": total / sum(counts) / math.log(2),
    }
    return next((places[name] for name in wrong if name in places), total / sum(counts))


def _loss(wrong: Wrong, model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    logits = model(x)
    return F.cross_entropy(logits.softmax(-1) if "softmax_twice" in wrong else logits, y)


def taught(answer: Callable[..., Any], model: nn.Module, batches: Batches) -> Any:
    """What an epoch reports, the steps it takes, and the parameters that it leaves."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    steps = []
    optimizer.register_step_pre_hook(lambda *_: steps.append(1))
    reported = answer(model, optimizer, batches)
    if reported is None and not steps:
        return None
    return (
        reported,
        f"steps: {len(steps)}",
        torch.cat([p.detach().flatten() for p in model.parameters()]),
    )


def epochs() -> list[Case]:
    """Two batches of unequal size, then three; the model comes in evaluation mode."""
    sizes = [(2, 2, [2, 1]), (4, 3, [4, 4, 1]), (6, 3, [3, 5])]
    return [
        Case((_model(i, channels, classes).eval(), _batches(i, each, channels, classes)))
        for i, (channels, classes, each) in enumerate(sizes)
    ]


TEACH = Reference(
    teach,
    (GRADIENTS, MODES, LOSSES, REPORTS),
    epochs,
    observe=taught,
    may_change=("model",),
)

COUNTS = (
    Mistake(
        "mean_of_batches",
        "The accuracies of the batches are averaged: a small batch counts as much as a large one.",
    ),
    Mistake("share", "The result is a share, and not in percent."),
    Mistake("count", "The right answers are counted, and not divided by all digits."),
    Mistake("last_batch", "The last batch alone is counted."),
    Mistake("first_batch", "The first batch alone is counted."),
    Mistake(
        "macro", "The accuracies of the classes are averaged (macro): each digit counts alike."
    ),
    Mistake("errors", "The wrong answers are counted, not the right ones."),
)
ANSWERS = (
    Mistake("wrong_axis", "The largest logit is sought among the digits, not among the classes."),
    Mistake("smallest", "The smallest logit is taken, not the largest."),
)
EVALS = (
    Mistake("dropout_on", "Dropout is left on: the model is not put into evaluation mode."),
    Mistake(
        "left_in_eval",
        "The model is left in evaluation mode, so that a training would go on without dropout.",
    ),
    Mistake(
        "left_in_training",
        "The model is left in training mode, even if it was in evaluation mode before.",
    ),
)


def accuracy(wrong: Wrong, model: nn.Module, batches: Batches) -> float:
    """Share of right answers among all digits, in percent."""
    before = model.training
    if "dropout_on" not in wrong:
        model.eval()
    with torch.no_grad():
        said = [_said(wrong, model(x)) for x, _ in batches]
    model.train("left_in_eval" not in wrong and (before or "left_in_training" in wrong))
    right = [(s == y).float() for s, (_, y) in zip(said, batches, strict=True)]
    if "errors" in wrong:
        right = [1 - each for each in right]
    labels = torch.cat([y.expand_as(r) for (_, y), r in zip(batches, right, strict=True)])
    together = torch.cat(right)
    places = {
        "mean_of_batches": lambda: 100 * torch.stack([each.mean() for each in right]).mean(),
        "share": together.mean,
        "count": together.sum,
        "last_batch": lambda: 100 * right[-1].mean(),
        "first_batch": lambda: 100 * right[0].mean(),
        "macro": lambda: (
            100 * torch.stack([together[labels == c].mean() for c in labels.unique()]).mean()
        ),
    }
    count = sum(len(y) for _, y in batches)
    made = next((places[name] for name in wrong if name in places), None)
    return (made() if made else 100 * together.sum() / count).item()


def _said(wrong: Wrong, logits: Tensor) -> Tensor:
    axis = 0 if "wrong_axis" in wrong else -1
    return logits.argmin(axis) if "smallest" in wrong else logits.argmax(axis)


def judged(answer: Callable[..., Any], model: nn.Module, batches: Batches) -> Any:
    """The accuracy, and the mode in which the model is left."""
    found = answer(model, batches)
    if found is None:
        return None
    return found, f"the model is left in {'training' if model.training else 'evaluation'} mode"


def judgements() -> list[Case]:
    """Batches of unequal size, and of as many digits as classes; models in both modes."""
    sizes = [(2, 3, [4, 2]), (4, 3, [3, 3]), (6, 4, [4, 7, 2, 2]), (4, 3, [9, 4, 2])]
    seeds = [(4, 23), (4, 22), (5, 21), (5, 24)]  # where the known mistakes give other numbers
    models = [_model(seed, *two) for (seed, _), (*two, _) in zip(seeds, sizes, strict=True)]
    return [
        Case((model.train(i != 1), _batches(seeds[i][1], sizes[i][2], *sizes[i][:2])))
        for i, model in enumerate(models)
    ]


ACCURACY = Reference(
    accuracy, (COUNTS, ANSWERS, EVALS), judgements, observe=judged, may_change=("model",)
)
