"""Places as rotations, and how they go wrong."""

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

TURNS = (
    Mistake("backwards", "The pairs are turned the other way round."),
    Mistake("sine_first", "Sine and cosine have changed places."),
    Mistake("no_minus", "One of the two sines needs a minus: as it stands it is no rotation."),
    Mistake("added", "The waves are added to the channels, and nothing is turned."),
    Mistake(
        "overwritten",
        "The second channel of a pair is made from the first as it is after the turn, not before.",
    ),
    Mistake("twice", "The pairs are turned by twice their angle."),
)
PAIRS = (
    Mistake("halves", "Channel p is paired with channel p + d_k / 2, not with its neighbour."),
    Mistake("laid_apart", "First all even channels come back, then all odd ones."),
)
ANGLES = (
    Mistake("one_angle", "All pairs turn as fast as the first."),
    Mistake("degrees", "The angles are taken as degrees; here they are radians."),
    Mistake("root", "The exponent counts pairs, but should count channels, two for each pair."),
    Mistake("square", "The exponent is twice as large as asked: 2p is the channel, not the pair."),
    Mistake("growing", "The last pair turns fastest; the first one should."),
)
PLACES = (
    Mistake("from_one", "The first token stands at `first`, and is turned as if one place on."),
    Mistake("first_ignored", "`first` is ignored, so every piece begins at place 0."),
    Mistake("first_axis", "The places run along the first axis, not along the tokens."),
    Mistake("one_place", "All tokens are turned by the angles of one place."),
)


def rotate(wrong: Wrong, x: Tensor, first: int = 0) -> Tensor:
    """Each pair of neighbouring channels turned by the angle of its token's place."""
    angles = _places(wrong, x, first) * _speeds(wrong, x.shape[-1])
    sine, cosine = angles.sin().to(x.dtype), angles.cos().to(x.dtype)
    if "backwards" in wrong:
        sine = -sine
    if "sine_first" in wrong:
        sine, cosine = cosine, sine
    one, other = x.chunk(2, dim=-1) if "halves" in wrong else (x[..., 0::2], x[..., 1::2])
    back = -sine if "no_minus" in wrong else sine
    turned = [one * cosine - other * back, one * sine + other * cosine]
    if "overwritten" in wrong:
        turned[1] = turned[0] * sine + other * cosine
    if "added" in wrong:
        turned = [one + sine, other + cosine]
    if wrong & {"halves", "laid_apart"}:
        return torch.cat(turned, dim=-1)
    return torch.stack(turned, dim=-1).flatten(-2)


def _places(wrong: Wrong, x: Tensor, first: int) -> Tensor:
    """The place of each token, to be multiplied with the speeds of the pairs."""
    if "first_ignored" in wrong:
        first = 0
    axis = 0 if "first_axis" in wrong else -2
    places = first + torch.arange(x.shape[axis], dtype=torch.float64) + ("from_one" in wrong)
    if "one_place" in wrong:
        places = places[:1]
    return places.view(-1, *[1] * (x.ndim - 1)) if axis == 0 else places[:, None]


def _speeds(wrong: Wrong, d_k: int) -> Tensor:
    """By how much each pair turns from one place to the next."""
    exponents = torch.arange(0, d_k, 2, dtype=torch.float64) / d_k
    if "root" in wrong:
        exponents = exponents / 2
    if "square" in wrong:
        exponents = exponents * 2
    if "one_angle" in wrong:
        exponents = exponents * 0
    if "growing" in wrong:
        exponents = exponents.flip(0)
    speeds = 10_000.0**-exponents * (2 if "twice" in wrong else 1)
    return speeds.deg2rad() if "degrees" in wrong else speeds


def to_turn() -> list[Case]:
    """One pair by hand, more channels, a piece from the middle of a text, batches of heads."""
    return [
        Case((torch.tensor([[1.0, 0.0], [1.0, 0.0]]),)),
        Case((numbers(1, 3, 8),)),
        Case((numbers(2, 3, 6), 5)),
        Case((numbers(3, 2, 4, 5, 6),)),
    ]


ROTATE = Reference(rotate, (TURNS, PAIRS, ANGLES, PLACES), to_turn)
