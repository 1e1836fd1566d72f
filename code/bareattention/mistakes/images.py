"""Images put together from patches, and classed by averages, and how that goes wrong."""

import math

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

# Of the axes (patch row, patch column, row within, column within), which go where.
IN_ORDER = (0, 2, 1, 3)
AXES = {
    "torn": (0, 1, 2, 3),
    "grid_transposed": (1, 2, 0, 3),
    "pixels_transposed": (0, 3, 1, 2),
    "image_transposed": (1, 3, 0, 2),
    "interleaved": (2, 0, 3, 1),
}
ORDERS = (
    Mistake("torn", "The patches are laid end to end as memory has them: `view` tears them."),
    Mistake(
        "grid_transposed",
        "The patches are put down column by column; they are counted row by row.",
    ),
    Mistake("pixels_transposed", "Each patch lies on its side: its rows became columns."),
    Mistake("image_transposed", "The whole image lies on its side: rows became columns."),
    Mistake(
        "interleaved",
        "The pixels of a patch are spread over the image: the axes that count patches have to come "
        "before those that count pixels within one.",
    ),
)
SEVERAL = (Mistake("leading_flattened", "Several leading axes are flattened into one."),)
ALONE = (Mistake("leading_added", "An image alone gets a leading axis that it did not have."),)
SHAPES = (
    Mistake("channel_kept", "An axis of size 1 is left over before the rows."),
    Mistake("still_flat", "The pixels of an image lie in one row: height and width are missing."),
)


def together(wrong: Wrong, patches: Tensor, size: int) -> Tensor:
    """Square images from patches that lie side by side, in reading order."""
    side = math.isqrt(patches.shape[-2])
    order = next((AXES[name] for name in wrong if name in AXES), IN_ORDER)
    flat = patches.reshape(-1, side, side, size, size)
    images = flat.permute(0, *(axis + 1 for axis in order)).reshape(-1, side * size, side * size)
    leading = patches.shape[:-2]
    if "leading_flattened" in wrong and leading:
        leading = (-1,)
    if "leading_added" in wrong:
        leading = leading or (1,)
    if "still_flat" in wrong:
        return images.reshape(*leading, -1)
    one = (1,) if "channel_kept" in wrong else ()
    return images.reshape(*leading, *one, side * size, side * size)


def patches() -> list[Case]:
    """Four patches of four pixels, each with a number of its own; other sizes, and batches."""
    small = torch.arange(16.0).view(4, 4)
    drawn = [(numbers(1, 3, 9, 16), 4), (numbers(2, 2, 3, 4, 9), 3), (numbers(3, 16, 49), 7)]
    return [Case((small, 2)), *(Case(each) for each in drawn)]


TOGETHER = Reference(together, (ORDERS, SEVERAL, ALONE, SHAPES), patches)

AVERAGES = (
    Mistake("sums", "The images of a class are summed, so that many images make a dark average."),
    Mistake(
        "single",
        "The nearest single training image decides, not the nearest average.",
    ),
    Mistake("image_number", "The number of the nearest image is returned, not a class."),
    Mistake(
        "mean_distance",
        "The distances to all images of a class are averaged, not the images themselves.",
    ),
    Mistake("brightness", "An average is one number, the mean brightness of a class: no picture."),
)
DISTANCES = (
    Mistake("farthest", "The farthest average is chosen, not the nearest."),
    Mistake(
        "signed",
        "The differences are summed as they are, so that too dark and too light cancel out.",
    ),
    Mistake("absolute", "The distance is a sum of absolute differences, not of squared ones."),
    Mistake(
        "dot_product",
        "The largest dot product decides: it favours averages with much ink.",
    ),
)
CHOICES = (
    Mistake(
        "wrong_axis",
        "The smallest is sought among the images for each class, not among the "
        "classes for each image.",
    ),
    Mistake("distance_returned", "The smallest distance is returned, not the class that has it."),
)
COUNTS = (
    Mistake(
        "ten",
        "Ten classes are averaged, though the labels may be fewer: an average of no images is nan, "
        "and counts as the smallest.",
    ),
)


def nearest(wrong: Wrong, images: Tensor, labels: Tensor, unseen: Tensor) -> Tensor:
    """For each unseen image, the class whose average is nearest by squared distance."""
    classes = int(labels.max()) + 1
    flat = images.flatten(1)
    parts = [flat[labels == c] for c in range(classes)]
    if "ten" in wrong:
        parts += [flat.new_full((1, flat.shape[1]), torch.nan)] * (10 - classes)
    if "image_number" in wrong:
        parts = [image[None] for image in flat]
    if not wrong & {"single", "image_number", "mean_distance"}:
        parts = [p.sum(0, True) if "sums" in wrong else p.mean(0, True) for p in parts]
    if "brightness" in wrong:
        parts = [p.mean(1, True).expand_as(p) for p in parts]
    each = [_distances(wrong, unseen.flatten(1), part) for part in parts]
    if "mean_distance" in wrong:
        each = [distances.clamp(min=0).sqrt().mean(1, True) for distances in each]
    distances = torch.stack([one.amin(1) for one in each], 1)  # (n_unseen, n_classes)
    axis = 0 if "wrong_axis" in wrong else 1
    smallest = distances.min(axis)
    return smallest.values if "distance_returned" in wrong else smallest.indices


def _distances(wrong: Wrong, ones: Tensor, others: Tensor) -> Tensor:
    differences = ones[:, None] - others
    if "signed" in wrong:
        return differences.sum(-1)
    if "absolute" in wrong:
        return differences.abs().sum(-1)
    if "dot_product" in wrong:
        return -(ones @ others.T)
    squared = differences.square().sum(-1)
    return -squared if "farthest" in wrong else squared


def classes() -> list[Case]:
    """Two pixels and two classes; then drawn images of three classes, unequally many."""
    images = torch.tensor([[[0.0, 1.0]], [[0.0, 3.0]], [[1.0, 0.0]]])
    unseen = torch.tensor([[[0.0, 1.5]], [[2.0, 0.0]], [[0.5, 1.5]]])
    labels = torch.tensor([0] * 5 + [1] * 9 + [2] * 7)[torch.randperm(21, generator=_drawn(5))]
    centres = numbers(6, 3, 2, 3)[labels]
    drawn = centres + numbers(7, 21, 2, 3)
    return [
        Case((images, torch.tensor([0, 0, 1]), unseen)),
        Case((drawn, labels, numbers(8, 20, 2, 3) * 1.5)),
        Case((drawn + 1, labels, numbers(9, 30, 2, 3) + 1)),
        Case((drawn - 1, (labels + 1) % 3, numbers(10, 30, 2, 3) - 1)),
    ]


def _drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


NEAREST = Reference(nearest, (AVERAGES, DISTANCES, CHOICES, COUNTS), classes)
