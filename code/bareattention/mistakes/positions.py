"""Waves, turns and shuffles: how a model is told the order, and how that goes wrong."""

import itertools
import math

import torch
from torch import Tensor

from bareattention.mistakes import Alike, Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers
from bareattention.mistakes.named import Named

SPEEDS = (
    Mistake(
        "speed_half",
        "The waves grow half as fast as they should: the exponent is 2i / d, and i counts pairs.",
    ),
    Mistake("speed_twice", "The exponent is too large by a factor of 2: 2i is the channel itself."),
    Mistake("speed_each", "Each channel has a speed of its own; the two of a pair share one."),
    Mistake("speed_up", "The places are multiplied by 10000^(2i/d), and not divided by it."),
    Mistake("speed_no_width", "The exponent is not divided by the number of channels."),
    Mistake("speed_to_last", "The exponent runs to 1 at the last pair: it is divided by d − 2."),
    Mistake("speed_one", "All pairs turn equally fast."),
    Mistake("speed_cut", "This is the table for 512 channels, cut to its first ones."),
    Mistake("speed_base", "The base is not 10,000 (it looks like 1,000)."),
)
PLACES = (
    Mistake("from_one", "The places count from 1; the first one is place 0."),
    Mistake("place_share", "The places are divided by how many they are, so 5 is not always 5."),
    Mistake("place_back", "The places count backwards, from the end to the beginning."),
)
UNITS = (
    Mistake("degrees", "The angles are taken for degrees; sine and cosine ask for radians."),
    Mistake("whole_turns", "The angles are multiplied by 2π: one place is 1, and no whole turn."),
)
WAVES = (
    Mistake("cosine_first", "Sine and cosine are exchanged: even channels are sines."),
    Mistake("sines_alone", "All channels are sines; odd channels are cosines."),
    Mistake("cosines_alone", "All channels are cosines; even channels are sines."),
)
LAYOUTS = (
    Mistake("waves_halves", "All sines come first and then all cosines; they take turns."),
    Mistake("waves_transposed", "The table is transposed: places are its rows."),
)


def angles(wrong: Wrong, seq_len: int, d_model: int, channels: bool = False) -> Tensor:
    """The angle of each place and pair, or of each place and channel."""
    channel = torch.arange(d_model) if "speed_each" in wrong else torch.arange(d_model) // 2 * 2
    exponent = channel.double() / d_model
    exponents = {
        "speed_half": exponent / 2,
        "speed_twice": exponent * 2,
        "speed_up": -exponent,
        "speed_no_width": exponent * d_model,
        "speed_to_last": channel.double() / max(d_model - 2, 1),
        "speed_one": exponent * 0,
        "speed_cut": channel.double() / 512,
        "speed_base": exponent * 0.75,
    }
    exponent = next((exponents[name] for name in wrong if name in exponents), exponent)
    place = torch.arange(seq_len).double()
    if "from_one" in wrong:
        place = place + 1
    if "place_share" in wrong:
        place = place / seq_len
    if "place_back" in wrong:
        place = place.flip(0)
    found = place[:, None] * 10000.0**-exponent
    found = found * (math.pi / 180 if "degrees" in wrong else 1)
    found = found * (2 * math.pi if "whole_turns" in wrong else 1)
    return found if channels else found[:, ::2]


def sinusoids(wrong: Wrong, seq_len: int, d_model: int) -> Tensor:
    """A table of waves: sine in even channels, cosine in odd ones."""
    turns = angles(wrong, seq_len, d_model, channels=True)
    even, odd = turns[:, ::2].sin(), turns[:, 1::2].cos()
    if "cosine_first" in wrong:
        even, odd = turns[:, ::2].cos(), turns[:, 1::2].sin()
    if "sines_alone" in wrong:
        odd = turns[:, 1::2].sin()
    if "cosines_alone" in wrong:
        even = turns[:, ::2].cos()
    if "waves_halves" in wrong:
        return torch.cat([even, odd], dim=1).float()
    table = torch.stack([even, odd], dim=-1).flatten(1).float()
    return table.mT if "waves_transposed" in wrong else table


def sizes() -> list[Case]:
    """Tables of a pencil's size, square, wide and long ones.

    None is so large that a mistake's angles lose their digits in float32: it would not be known.
    """
    return [Case(two) for two in ((2, 2), (3, 4), (4, 4), (2, 6), (40, 2))]


SINUSOIDS = Reference(sinusoids, (SPEEDS, PLACES, UNITS, WAVES, LAYOUTS), sizes)

TURNS = (
    Mistake("turned_back", "The rows are turned the other way: a row times R, not R times a row."),
    Mistake("no_rotation", "A sign is lost: the matrix of a pair is [[c, −s], [s, c]], no other."),
    Mistake("only_cosines", "The rows are multiplied by cosines alone, so nothing turns."),
    Mistake("times_waves", "The rows are multiplied by the table of positions, and not turned."),
    Mistake("plus_waves", "The table of positions is added; a turn is a product."),
    Mistake("not_turned", "The rows are as they were."),
)
PAIRS = (
    Mistake("pairs_halves", "Channel i is paired with i + d/2; its partner is the next channel."),
    Mistake("pairs_apart", "The turned channels are put back as two halves; they take turns."),
)
STEPS = (
    *PLACES[:1],
    *PLACES[2:],
    Mistake("turned_alike", "All rows are turned alike; row p is turned by p steps."),
)


def turned(wrong: Wrong, rows: Tensor) -> Tensor:
    """Row p, turned by p steps."""
    turns = angles(wrong, *rows.shape)
    if "turned_alike" in wrong:
        turns = turns[1:2] if len(turns) > 1 else turns
    sine, cosine = turns.sin(), turns.cos()
    even, odd = rows[:, ::2], rows[:, 1::2]
    if "pairs_halves" in wrong:
        even, odd = rows.chunk(2, dim=1)
    first, second = even * cosine + odd * sine, odd * cosine - even * sine
    if "turned_back" in wrong:
        first, second = even * cosine - odd * sine, odd * cosine + even * sine
    if "no_rotation" in wrong:
        first, second = even * cosine + odd * sine, odd * cosine + even * sine
    if "only_cosines" in wrong:
        first, second = even * cosine, odd * cosine
    if "times_waves" in wrong:
        first, second = even * sine, odd * cosine
    if "plus_waves" in wrong:
        first, second = even + sine, odd + cosine
    if "not_turned" in wrong:
        first, second = even, odd
    if wrong & {"pairs_halves", "pairs_apart"}:
        return torch.cat([first, second], dim=1)
    return torch.stack([first, second], dim=-1).flatten(1)


def rows_to_turn() -> list[Case]:
    """Rows in float64, as the chapter's rotation is: two channels, four, eight."""
    small = torch.tensor([[1.0, 0.0], [1.0, 0.0]]).double()
    return [Case((each,)) for each in (small, *(numbers(n, n, n).double() for n in (4, 8)))] + [
        Case((numbers(5, 30, 6).double(),))
    ]


SPEEDS_OF_PAIRS = tuple(speed for speed in SPEEDS if speed.name != "speed_each")
WHOLE = "A whole turn for each place is no turn, and the slow pairs hardly move."
TURNED = Reference(
    turned,
    (SPEEDS_OF_PAIRS, STEPS, UNITS, TURNS, PAIRS),
    rows_to_turn,
    alike=tuple(
        Alike(frozenset({"whole_turns", speed}), frozenset({"not_turned"}), WHOLE)
        for speed in ("speed_one", "speed_no_width")
    ),
)

SHUFFLES = (
    Mistake("invariant", "The outputs are not shuffled: this asks whether they stay (invariant)."),
    Mistake("tokens_stay", "The tokens are not shuffled before the function, only the outputs."),
    Mistake(
        "shuffled_twice",
        "The outputs are shuffled the wrong way, or once more, which agrees for swaps alone.",
    ),
    Mistake(
        "against_tokens",
        "The outputs are compared with the shuffled tokens, and not with the shuffled outputs.",
    ),
    Mistake("channels_shuffled", "The channels are shuffled, and not the tokens."),
)
ORDERS = (
    Mistake("first_order", "Only the first order is tried."),
    Mistake("last_order", "Only the last order counts: the others are forgotten."),
    Mistake("any_order", "One order that agrees is enough for a yes; all of them must agree."),
)
EQUALS = (
    Mistake("exact", "Rounding counts as a difference: compare with a tolerance."),
    Mistake("too_tolerant", "The tolerance is so large that real differences pass."),
    Mistake("one_sided", "Differences below 0 pass, since their size is not taken."),
    Mistake("sums_alone", "Only sums or means over all tokens are compared, not token by token."),
    Mistake("first_token", "Only the first token's output is compared."),
    Mistake("answer_turned", "Yes and no are exchanged."),
)


def is_equivariant(wrong: Wrong, function: Named, x: Tensor, orders: list[Tensor]) -> bool:
    """Whether shuffling before and shuffling after agree, for all orders."""
    agree = [_agrees(wrong, function, x, order) for order in orders]
    found = any(agree) if "any_order" in wrong else all(agree)
    if "first_order" in wrong:
        found = agree[0]
    if "last_order" in wrong:
        found = agree[-1]
    return found != ("answer_turned" in wrong)


def _agrees(wrong: Wrong, function: Named, x: Tensor, order: Tensor) -> bool:
    if "channels_shuffled" in wrong:
        first, after = function(x[:, order]), function(x)[:, order]
    elif "shuffled_twice" in wrong:
        first, after = function(x[order])[order], function(x)
    else:
        first = function(x if "tokens_stay" in wrong else x[order])
        after = function(x) if "invariant" in wrong else function(x)[order]
        after = x[order] if "against_tokens" in wrong else after
    if "sums_alone" in wrong:
        first, after = first.sum(0), after.sum(0)
    if "first_token" in wrong:
        first, after = first[:1], after[:1]
    if "exact" in wrong:
        return torch.equal(first, after)
    if "one_sided" in wrong:
        return bool((first - after).max() < 1e-4)
    return torch.allclose(first, after, atol=10.0 if "too_tolerant" in wrong else 1e-4)


def shuffles() -> list[Case]:
    """Functions that know the order and functions that do not, with all orders of their tokens."""
    x = torch.tensor([[1.0, 2.0, 0.0], [4.0, -3.0, 1.0], [-2.0, 1.0, 5.0]])
    every = [torch.tensor(order) for order in itertools.permutations(range(3))]
    same, ring, swap = every[0], every[3], every[2]
    drawn = numbers(1, 12, 12)
    return [
        Case((Named("doubles each token", lambda x: 2 * x), x, [swap])),
        Case((Named("doubles each token", lambda x: 2 * x), x, [ring])),
        Case((Named("gives each token back", lambda x: x), x, [swap, ring])),
        Case((Named("subtracts the mean of all tokens", lambda x: x - x.mean(0)), x, [ring, swap])),
        Case((Named("sums of all tokens so far", lambda x: x.cumsum(0)), x, [same, swap])),
        Case((Named("sums of all tokens so far", lambda x: x.cumsum(0)), x, [swap, same])),
        Case((Named("gives each token the mean of all", _mean), x, every)),
        Case((Named("turns the order round", lambda x: x.flip(0)), x, [ring])),
        Case((Named("adds the place to each token", _placed), x, every)),
        Case((Named("adds 1 to all if the first token begins above 0", _first), x, [every[5]])),
        Case((Named("subtracts a tenth of the first token from the last", _last), x, [ring])),
        Case((Named("attends to all tokens", _attend), drawn, _drawn_orders())),
        Case((Named("sorts the tokens by each channel", lambda x: x.sort(0).values), x, [ring])),
        Case((Named("sorts the channels of each token", lambda x: x.sort(-1).values), x, every)),
    ]


def _drawn_orders() -> list[Tensor]:
    return [numbers(seed, 12).argsort() for seed in range(2, 7)]


def _mean(x: Tensor) -> Tensor:
    return x.mean(0).expand_as(x)


def _placed(x: Tensor) -> Tensor:
    return x + torch.arange(len(x), dtype=x.dtype)[:, None] / 100


def _first(x: Tensor) -> Tensor:
    return x + (x[0, 0] > 0)


def _last(x: Tensor) -> Tensor:
    return torch.cat([x[:-1], x[-1:] - x[:1] / 10])


def _attend(x: Tensor) -> Tensor:
    return (x @ x.mT).softmax(-1) @ x


EQUIVARIANT = Reference(
    is_equivariant,
    (SHUFFLES, ORDERS, EQUALS),
    shuffles,
    at_once=2,
    alike=(
        Alike(
            frozenset({"tokens_stay", "sums_alone"}),
            frozenset({"too_tolerant"}),
            "The sum over all outputs is the same in every order, so the answer is always yes.",
        ),
    ),
)
