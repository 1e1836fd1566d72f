"""Data split into parts, and brought to scale, and how that goes wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong

DRAWS = (
    Mistake(
        "no_shuffle",
        "The digits are taken as they come, by their place: whatever the seed, the split is the "
        "same.",
    ),
    Mistake("fixed_seed", "The seed is not used: every seed gives the same split."),
    Mistake("no_seed", "The seed is not used: the split differs from call to call."),
    Mistake("replacement", "Some digits are drawn more than once."),
)
CLASSES = (
    Mistake(
        "all_classes_together",
        "The digits are drawn from all classes together, so the classes are not equally many.",
    ),
    Mistake("within_class", "The numbers count within a class, and not among all digits."),
    Mistake("each_in_all", "`each` digits are drawn in all, not of each class."),
)
PARTS = (
    Mistake("overlap", "The training part keeps the validation digits, and can learn them."),
    Mistake("swapped", "The two parts are exchanged: training first, then validation."),
    Mistake(
        "by_place",
        "The training part is cut off by place, and not from the shuffled digits: some digits are "
        "in both parts, and some in neither.",
    ),
    Mistake("left_out", "Some digits are in neither part."),
)


def split(wrong: Wrong, labels: Tensor, each: int, seed: int) -> tuple[Tensor, Tensor]:
    """Numbers of the training and of the validation digits, `each` of each class drawn."""
    seed = 0 if "fixed_seed" in wrong else seed
    generator = None if "no_seed" in wrong else torch.Generator().manual_seed(seed)
    everyone, classes = torch.arange(len(labels)), labels.unique()
    groups = [everyone[labels == c] for c in classes]
    if "all_classes_together" in wrong:
        groups, each = [everyone], each * len(classes)
    if "each_in_all" in wrong:
        groups = [everyone]
    if "within_class" in wrong:
        groups = [torch.arange(len(group)) for group in groups]
    parts = [_draw(wrong, group, each, generator) for group in groups]
    drawn = torch.cat(parts)
    rest = everyone[~torch.isin(everyone, drawn)]
    if "within_class" in wrong:
        pairs = zip(groups, parts, strict=True)
        rest = torch.cat([group[~torch.isin(group, part)] for group, part in pairs])
    if "overlap" in wrong:
        rest = everyone
    if "by_place" in wrong:
        rest = torch.cat([group[each:] for group in groups])
    if "left_out" in wrong:
        rest = rest[:-1]
    return (drawn, rest) if "swapped" in wrong else (rest, drawn)


def _draw(wrong: Wrong, group: Tensor, each: int, generator: torch.Generator | None) -> Tensor:
    if "no_shuffle" in wrong:
        return group[:each]
    if "replacement" in wrong:
        return group[torch.randint(len(group), (each,), generator=generator)]
    return group[torch.randperm(len(group), generator=generator)[:each]]


def looked_at(answer: Callable[..., Any], labels: Tensor, each: int, seed: int) -> Any:
    """What can be said about a split, whatever random numbers it is made with."""
    first = answer(labels, each, seed)
    if first is None:
        return None
    training, validation = _numbers(first)
    again, other = _numbers(answer(labels, each, seed)), _numbers(answer(labels, each, seed + 1))
    drawn = [int((labels[validation] == c).sum()) for c in labels.unique()]
    alike = f"{drawn[0]} of each class" if len(set(drawn)) == 1 else "classes unequally"
    everyone = torch.arange(len(labels))
    missing = ~torch.isin(everyone, torch.cat([training, validation]))
    twice = any(len(part.unique()) < len(part) for part in (training, validation))
    return (
        f"for validation: {len(validation)}, {alike}",
        f"for training and validation: {_some(torch.isin(training, validation).any())}",
        f"for neither: {_some(missing.any())}",
        f"twice in a part: {_some(twice)}",
        f"same seed: {_alike(again[1], validation)}",
        f"next seed: {_alike(other[1], validation)}",
        f"drawn: {_drawn(labels, each, validation)}",
    )


def _numbers(parts: Any) -> tuple[Tensor, Tensor]:
    training, validation = (torch.as_tensor(part) for part in parts)
    if training.dtype == torch.bool:
        return training.nonzero()[:, 0], validation.nonzero()[:, 0]
    return training.long().flatten(), validation.long().flatten()


def _some(there_are: Any) -> str:
    return "some digits" if there_are else "none"


def _alike(one: Tensor, other: Tensor) -> str:
    return "same split" if torch.equal(one.sort().values, other.sort().values) else "another split"


def _drawn(labels: Tensor, each: int, validation: Tensor) -> str:
    everyone = torch.arange(len(labels))
    groups, count = [everyone[labels == c] for c in labels.unique()], len(validation)
    ends = [everyone[:count], everyone[len(labels) - count :]]
    ends += [torch.cat([g[:each] for g in groups]), torch.cat([g[-each:] for g in groups])]
    taken = validation.sort().values
    return "not at all" if any(torch.equal(taken, e.sort().values) for e in ends) else "yes"


def labelled() -> list[Case]:
    """Classes of unequal size, most of the small ones drawn, so that chance hides no mistake."""
    sizes = torch.tensor([44, 9, 7]), torch.full((10,), 20)
    labels = [torch.arange(len(n)).repeat_interleave(n) for n in sizes]
    mixed = labels[0][torch.randperm(60, generator=torch.Generator().manual_seed(0))]
    return [Case((mixed, 5, 0)), Case((labels[0], 5, 1)), Case((labels[1], 13, 2))]


SPLIT = Reference(split, (DRAWS, CLASSES, PARTS), labelled, observe=looked_at)

SOURCES = (
    Mistake(
        "all_parts",
        "Mean and deviation come from all three parts: the test digits helped to prepare their "
        "own judgement.",
    ),
    Mistake("each_own", "Each part is prepared with its own mean and deviation."),
    Mistake("with_validation", "The validation digits helped with mean and deviation, too."),
    Mistake("each_pixel", "Each pixel has a mean and a deviation of its own; one serves all."),
    Mistake("each_image", "Each image has a mean and a deviation of its own; one serves all."),
)
STEPS = (
    Mistake("no_mean", "The mean is not subtracted."),
    Mistake("no_std", "Nothing is divided by the standard deviation."),
    Mistake("divided_first", "The mean is subtracted after the division, not before."),
    Mistake("added", "The mean is added, not subtracted."),
    Mistake("min_max", "The pixels are brought to 0…1 by the smallest and the largest of them."),
    Mistake("whites", "The pixels are divided by 255: their mean is not 0, nor their variance 1."),
)
SPREADS = (
    Mistake("variance", "The pixels are divided by the variance, not by its root."),
    Mistake("population", "The variance divides by the number of pixels; `std` by one less."),
)


def prepared(
    wrong: Wrong, training: Tensor, validation: Tensor, test: Tensor
) -> tuple[Tensor, ...]:
    """The three parts, scaled by mean and standard deviation of the training part."""
    parts = [part.float() for part in (training, validation, test)]
    if "each_own" in wrong:
        return tuple(_scaled(wrong, part, part) for part in parts)
    source = parts[0]
    if "all_parts" in wrong:
        source = torch.cat(parts)
    if "with_validation" in wrong:
        source = torch.cat(parts[:2])
    return tuple(_scaled(wrong, part, source) for part in parts)


def _scaled(wrong: Wrong, part: Tensor, source: Tensor) -> Tensor:
    if "whites" in wrong:
        return part / 255
    if "each_image" in wrong:
        source = part
    if "min_max" in wrong:
        return (part - source.min()) / (source.max() - source.min())
    axes = (0,) if "each_pixel" in wrong else (-2, -1) if "each_image" in wrong else (0, 1, 2)
    mean = source.mean(axes, keepdim=True)
    variance = source.var(axes, keepdim=True, correction=0 if "population" in wrong else 1)
    divisor = variance if "variance" in wrong else variance.sqrt()
    if "no_std" in wrong:
        divisor = torch.tensor(1.0)
    if "no_mean" in wrong:
        mean = torch.tensor(0.0)
    if "added" in wrong:
        mean = -mean
    return part / divisor - mean if "divided_first" in wrong else (part - mean) / divisor


def three_parts() -> list[Case]:
    """Two images of two pixels and one for each other part; then more, whole numbers as read."""
    small = ([[[0, 2]], [[4, 6]]], [[[1, 9]]], [[[3, 8]]])
    generator = torch.Generator().manual_seed(0)

    def images(n: int, most: int) -> Tensor:
        return torch.randint(most, (n, 3, 4), generator=generator).to(torch.uint8)

    return [
        Case(tuple(torch.tensor(part) for part in small)),
        Case((images(5, 256), images(3, 99), images(2, 180))),
    ]


PREPARED = Reference(prepared, (SOURCES, STEPS, SPREADS), three_parts)
