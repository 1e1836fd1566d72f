"""Looking up, turning and comparing embeddings, and how that goes wrong."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

LENGTHS = (
    Mistake("not_divided", "That is the dot product: it is not divided by the lengths."),
    Mistake("first_alone", "It is divided by the length of x alone, and not by that of y."),
    Mistake("second_alone", "It is divided by the length of y alone, and not by that of x."),
    Mistake("no_root", "The roots are missing: a length is the root of a row's own dot product."),
    Mistake("absolute_sum", "The lengths are sums of absolute values, and not as with a ruler."),
    Mistake("lengths_added", "The lengths are added, not multiplied."),
    Mistake("times_lengths", "It is multiplied by the lengths, not divided by them."),
    Mistake("of_all_rows", "The lengths are those of the whole tensor; each row has its own."),
)
SUMS = (
    Mistake("averaged", "The mean of the products is taken, not their sum."),
    Mistake("not_summed", "The products of the channels are not added up."),
    Mistake("all_summed", "All rows are summed into one number; each pair of rows has its own."),
    Mistake("first_axis", "The sums run along the first axis, and the channels are on the last."),
    Mistake("axis_kept", "The result keeps an axis of size 1, and no such axis was asked for."),
    Mistake("all_pairs", "Every row meets every other; row 0 was to meet row 0 alone, and so on."),
)
ZEROS = (
    Mistake("zero_nan", "With a row of zeros it is 0 / 0, which gives nan; 0 was asked for."),
    Mistake("zero_one", "With a row of zeros it gives 1, and 0 was asked for."),
)
RESULTS = (
    Mistake("radians", "That is the angle in radians, not its cosine."),
    Mistake("degrees", "That is the angle in degrees, not its cosine."),
    Mistake("distance", "That is 1 minus the cosine: a distance."),
    Mistake("no_sign", "The sign is lost: opposite directions have the cosine −1."),
    Mistake("squared", "The cosine is squared."),
)


def cosine(wrong: Wrong, x: Tensor, y: Tensor) -> Tensor:
    """The cosine of the angle between x and y, along the last axis."""
    axis = 0 if "first_axis" in wrong else -1
    lengths = [_length(wrong, each, axis) for each in (x, y)]
    divisors: dict[str, Callable[[], Tensor]] = {
        "not_divided": lambda: torch.tensor(1.0),
        "first_alone": lambda: lengths[0],
        "second_alone": lambda: lengths[1],
        "lengths_added": lambda: lengths[0] + lengths[1],
        "times_lengths": lambda: 1 / (lengths[0] * lengths[1]),
    }
    made = next((divisors[name] for name in wrong if name in divisors), None)
    divisor = made() if made else lengths[0] * lengths[1]
    products, divisor = _products(wrong, x, y, axis), _fitting(wrong, divisor, lengths, x.ndim)
    if "zero_nan" not in wrong:
        divisor = divisor.clamp_min(1e-16)
    found = products / divisor
    return _result(wrong, found.where(divisor > 1e-16, 1.0) if "zero_one" in wrong else found)


def _length(wrong: Wrong, x: Tensor, axis: int) -> Tensor:
    if "no_root" in wrong:
        return x.square().sum(axis)
    if "of_all_rows" in wrong:
        return x.norm()
    return x.abs().sum(axis) if "absolute_sum" in wrong else x.norm(dim=axis)


def _products(wrong: Wrong, x: Tensor, y: Tensor, axis: int) -> Tensor:
    if "averaged" in wrong:
        return (x * y).mean(axis)
    if "not_summed" in wrong:
        return x * y
    if "all_summed" in wrong:
        return (x * y).sum()
    if "all_pairs" in wrong and x.ndim > 1:
        return x @ y.mT
    return (x * y).sum(axis, keepdim="axis_kept" in wrong)


def _fitting(wrong: Wrong, divisor: Tensor, lengths: list[Tensor], ndim: int) -> Tensor:
    """The divisor with the axes of the products."""
    if divisor.ndim == 0:
        return divisor
    if "all_pairs" in wrong and ndim > 1:
        column, row = lengths[0][..., :, None], lengths[1][..., None, :]
        pairs = {
            "first_alone": column,
            "second_alone": row,
            "lengths_added": column + row,
            "times_lengths": 1 / (column * row),
        }
        return next((pairs[name] for name in wrong if name in pairs), column * row)
    return divisor[..., None] if wrong & {"not_summed", "axis_kept"} else divisor


def _result(wrong: Wrong, found: Tensor) -> Tensor:
    if "radians" in wrong:
        return found.clamp(-1, 1).acos()
    if "degrees" in wrong:
        return found.clamp(-1, 1).acos() * (180 / math.pi)
    if "distance" in wrong:
        return 1 - found
    if "squared" in wrong:
        return found.square()
    return found.abs() if "no_sign" in wrong else found


def pairs_of_rows() -> list[Case]:
    """Two rows, rows at an obtuse angle, tables, a batch, and rows of zeros."""
    rows = [([2.0, 0, 0], [1.0, 1, 2]), ([3.0, 4], [1.0, -2]), ([0.0, 0, 0], [1.0, 1, 2])]
    shapes = [(4, 4), (3, 5), (2, 3, 4)]
    drawn = [(numbers(10 + i, *s), 2 * numbers(20 + i, *s)) for i, s in enumerate(shapes)]
    some = torch.tensor([[1.0, 2], [0, 0], [3, 1]])
    cases = [*((torch.tensor(x), torch.tensor(y)) for x, y in rows), *drawn, (some, some.flip(1))]
    return [Case(each) for each in cases]


COSINE = Reference(cosine, (LENGTHS, SUMS, ZEROS, RESULTS), pairs_of_rows)

# Rows found with a pencil: many answers are right, so what is asked of them is looked at.
RIVER = (
    Mistake("river_length", "The row of river points as boat does, but their product is not 6."),
    Mistake(
        "river_turned",
        "The product of river and boat is 6, but their cosine is not 1: there is more than water.",
    ),
    Mistake("river_lost", "The row of river has neither the cosine 1 with boat nor the product 6."),
)
SQUARE = (
    Mistake("square_missed", "The second row is not at a right angle to bank."),
    Mistake("square_nothing", "The second row is all zeros, and has no direction."),
)


def two_rows(wrong: Wrong) -> list[list[float]]:
    """A row for river, and one at a right angle to bank."""
    rivers = {"river_length": [6.0, 0, 0], "river_turned": [3.0, 1, 0], "river_lost": [1.0, 1, 0]}
    squares = {"square_missed": [1.0, 0, 0], "square_nothing": [0.0, 0, 0]}
    river = next((rivers[name] for name in wrong if name in rivers), [3.0, 0, 0])
    return [river, next((squares[name] for name in wrong if name in squares), [1.0, -1, 0])]


def look_at_rows(answer: Callable[[], Any]) -> tuple[str, ...] | None:
    """What is so of two rows."""
    rows = answer()
    if rows is None:
        return None
    river, square = (torch.as_tensor(row, dtype=torch.float32) for row in rows)
    if river.shape != (3,) or square.shape != (3,):
        shapes = f"{tuple(river.shape)} and {tuple(square.shape)}"
        raise ValueError(f"wanted two rows of three numbers; got shapes {shapes}")
    boat, bank = torch.tensor([2.0, 0, 0]), torch.tensor([1.0, 1, 2])
    along = torch.cosine_similarity(river, boat, dim=0) > 1 - 1e-4
    six = torch.isclose(river @ boat, torch.tensor(6.0), atol=1e-3)
    right = (square @ bank).abs() < 1e-3 * square.norm().clamp_min(1)
    return (
        "cosine 1" if along else "another cosine than 1",
        "product 6" if six else "another product than 6",
        "a right angle" if right else "another angle",
        "not all zeros" if square.abs().max() > 1e-6 else "all zeros",
    )


ROWS = Reference(two_rows, (RIVER, SQUARE), lambda: [Case()], observe=look_at_rows)

COUNTS = (
    Mistake(
        "counted_once", "A token that is looked up twice counts once; each look-up adds its own."
    ),
    Mistake("everybody", "Rows that were not looked up get a gradient, too; theirs is 0."),
    Mistake("by_place", "The rows are those of the places in the text, not those of the ids."),
    Mistake("shares", "It is divided by the number of look-ups: that is the gradient of the mean."),
    Mistake("from_one", "The ids are taken to count from 1; they count from 0."),
)
SHAPES = (
    Mistake("one_column", "Each row has one number, and it has d: one for each channel."),
    Mistake("one_channel", "Only the first channel has a gradient, and all of them were summed."),
    Mistake("spread", "Each row's number is divided among its channels; each has all of it."),
    Mistake("transposed", "The table is transposed: a row belongs to a token."),
    Mistake("cut", "Rows after the largest id are missing: tell `bincount` its `minlength`."),
    Mistake("per_token", "There is one row for each look-up, and it is one for each of the table."),
)


def gradient(wrong: Wrong, ids: Tensor, n: int, d: int) -> Tensor:
    """The gradient of the sum of all embeddings that are looked up, for the table (n, d)."""
    flat = ids.flatten()
    if "by_place" in wrong:
        flat = torch.arange(len(flat))
    counts = torch.zeros(n)
    for each in flat.tolist():
        counts[each - ("from_one" in wrong)] += 1
    if "counted_once" in wrong:
        counts = counts.clamp(max=1)
    if "everybody" in wrong:
        counts = counts.clamp(min=1)
    if "shares" in wrong:
        counts = counts / len(flat)
    return _spread(wrong, counts, flat, d)


def _spread(wrong: Wrong, counts: Tensor, flat: Tensor, d: int) -> Tensor:
    rows = counts[:, None].expand(-1, d)
    if "one_column" in wrong:
        return counts
    if "one_channel" in wrong:
        return rows * (torch.arange(d) == 0)
    if "spread" in wrong:
        return rows / d
    if "per_token" in wrong:
        return rows[flat]
    if "cut" in wrong:
        return rows[: int(flat.max()) + 1]
    return rows.T if "transposed" in wrong else rows


def texts() -> list[Case]:
    """Three tokens, "the boat by the boat", a batch of texts, one token."""
    ids = [[0, 0, 2], [3, 0, 2, 3, 0], [[1, 1, 5], [2, 1, 0]], [4]]
    sizes = [(4, 2), (5, 3), (7, 4), (6, 3)]
    return [Case((torch.tensor(i), *s)) for i, s in zip(ids, sizes, strict=True)]


GRADIENT = Reference(gradient, (COUNTS, SHAPES), texts)

TURNS = (
    Mistake(
        "viewed", "The numbers are cut anew in the order of memory: the pixels are torn apart."
    ),
    Mistake("pictures_swapped", "Pictures and rows are swapped; rows and columns were to be."),
    Mistake("reversed", "All three axes are reversed, so the pictures are no longer the first."),
    Mistake("moved_round", "The axes move round, so the pictures are no longer the first."),
    Mistake("moved_back", "The last axis moves to the front, where the pictures belong."),
    Mistake(
        "rotated_left", "The pictures are rotated to the left: their rows come out upside down."
    ),
    Mistake(
        "rotated_right", "The pictures are rotated to the right: each row comes out backwards."
    ),
    Mistake("unchanged", "Nothing is swapped."),
)


def turned(wrong: Wrong, pictures: Tensor) -> Tensor:
    """Pictures with rows and columns swapped."""
    n, rows, columns = pictures.shape
    turns: dict[str, Callable[[], Tensor]] = {
        "viewed": lambda: pictures.reshape(n, columns, rows),
        "pictures_swapped": lambda: pictures.transpose(0, 1),
        "reversed": lambda: pictures.permute(2, 1, 0),
        "moved_round": lambda: pictures.permute(1, 2, 0),
        "moved_back": lambda: pictures.permute(2, 0, 1),
        "rotated_left": lambda: torch.rot90(pictures, 1, (1, 2)),
        "rotated_right": lambda: torch.rot90(pictures, -1, (1, 2)),
        "unchanged": lambda: pictures,
    }
    made = next((turns[name] for name in wrong if name in turns), None)
    return made() if made else pictures.transpose(1, 2)


def batches() -> list[Case]:
    """One small picture, several, square ones, and some of the size that the chapter names."""
    return [
        Case((torch.arange(6.0).view(1, 2, 3),)),
        Case((torch.arange(12.0).view(2, 2, 3),)),
        Case((torch.arange(27.0).view(3, 3, 3),)),
        Case((numbers(5, 8, 28, 20),)),
    ]


TURNED = Reference(turned, (TURNS,), batches)
