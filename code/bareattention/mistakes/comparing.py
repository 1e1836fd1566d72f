"""Two models on the same digits: how comparisons of them go wrong."""

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from bareattention.mistakes import Case, Mistake, Reference, Wrong

TAILS = (
    Mistake("one_sided", "Only one side is counted, but a coin may be as lopsided the other way."),
    Mistake("beyond_one", "Where both are equal the result is more than 1: nothing is that often."),
)
TERMS = (
    Mistake("exactly", "Only this very count is taken, and not those that are more lopsided."),
    Mistake("more_only", "What is exactly as lopsided is left out, and should count."),
    Mistake("complement", "This is how often a coin is *less* lopsided."),
    Mistake("bell", "This is a bell curve, which a coin approaches only with many tosses."),
    Mistake(
        "bell_corrected",
        "This is a bell curve with a correction, and still not the coin itself.",
    ),
)
SIDES = (
    Mistake("first_side", "The side of `one` is counted, even where it is the larger of the two."),
    Mistake("larger_side", "The sum runs up to the larger count, so it is never small."),
)


def coin(wrong: Wrong, one: int, other: int) -> float:
    """How often a fair coin is as lopsided as this, or more."""
    n, few = one + other, min(one, other)
    if wrong & {"bell", "bell_corrected"}:
        apart = abs(one - other) - ("bell_corrected" in wrong)
        both = math.erfc(max(apart, 0) / math.sqrt(2 * n))
        return both / 2 if "one_sided" in wrong else both
    if "first_side" in wrong:
        few = one
    if "larger_side" in wrong:
        few = max(one, other)
    places = range(few + 1 - ("more_only" in wrong))
    if "exactly" in wrong:
        places = range(few, few + 1)
    side = sum(math.comb(n, k) for k in places) / 2**n
    both = side if "one_sided" in wrong else 2 * side
    both = both if "beyond_one" in wrong else min(1.0, both)
    return 1 - both if "complement" in wrong else both


def counts() -> list[Case]:
    """Counts that a pencil can do, equal ones, and ones from both sides."""
    pairs = [(1, 3), (0, 5), (3, 3), (4, 1), (10, 18), (18, 4), (30, 13), (21, 22)]
    return [Case(pair) for pair in pairs]


COIN = Reference(coin, (TAILS, TERMS, SIDES), counts)

WHOSE = (Mistake("exchanged", "The two counts have changed places."),)
WHICH = (
    Mistake("all_right", "Digits that both read right are counted as well."),
    Mistake("all_wrong", "These are counts of wrong answers, those that both got wrong included."),
    Mistake("both_wrong", "Where both are wrong in different ways, nobody alone is right."),
    Mistake("disagree", "Every disagreement counts, though both answers may be wrong."),
    Mistake("alike", "These are the digits on which both are right, or both wrong."),
)
UNITS = (
    Mistake("share", "These are shares of all digits; counts were asked for."),
    Mistake("percent", "These are percentages; counts were asked for."),
    Mistake("net", "Only the difference of the two counts is left, which says too little."),
    Mistake("not_counted", "There is a yes or no for each digit: count them."),
)


def pairs(wrong: Wrong, one: Tensor, other: Tensor, labels: Tensor) -> tuple | Tensor:
    """On how many digits only the first is right, and on how many only the second."""
    good, fine = one == labels, other == labels
    found = good & ~fine, fine & ~good
    if "all_right" in wrong:
        found = good, fine
    if "all_wrong" in wrong:
        found = ~good, ~fine
    if "both_wrong" in wrong:
        found = ~fine & (one != other), ~good & (one != other)
    if "disagree" in wrong:
        found = one != other, one != other
    if "alike" in wrong:
        found = good & fine, ~good & ~fine
    if "exchanged" in wrong:
        found = found[1], found[0]
    if "not_counted" in wrong:
        return found
    first, second = (each.sum() for each in found)
    if "net" in wrong:
        return first - second
    factor = 1 / len(labels) if "share" in wrong else 100 / len(labels) if "percent" in wrong else 1
    return first * factor, second * factor


def answers() -> list[Case]:
    """Five digits, and two hundred."""
    small = [[7, 2, 1, 0, 4], [7, 3, 1, 0, 9], [7, 2, 8, 6, 4]]
    drawn = torch.Generator().manual_seed(1)
    labels = torch.randint(4, (200,), generator=drawn)
    noise = [torch.rand(200, generator=drawn) < chance for chance in (0.3, 0.5)]
    guesses = [torch.randint(4, (200,), generator=drawn) for _ in noise]
    many = [torch.where(where, guess, labels) for where, guess in zip(noise, guesses, strict=True)]
    return [Case(tuple(torch.tensor(row) for row in small)), Case((*many, labels))]


PAIRS = Reference(pairs, (WHOSE, WHICH, UNITS), answers)

SHARED = (
    Mistake("itself", "What comes back is the model itself, so that both are one."),
    Mistake("shallow", "The copy is shallow: it holds the very parameters of the model."),
)
STARTS = (Mistake("fresh", "The parameters are drawn anew, so that the two do not start alike."),)
BUFFERS = (
    Mistake("buffers", "What the model holds beside its parameters, its buffers, is not copied."),
)
STATES = (
    Mistake("frozen", "The parameters of the twin cannot be trained."),
    Mistake("evaluates", "The twin is in evaluation mode, whatever the model is in."),
    Mistake("trains", "The twin is in training mode, whatever the model is in."),
)


def twin(wrong: Wrong, model: nn.Module) -> nn.Module:
    """A model that starts alike and shares nothing."""
    made = copy.deepcopy(model)
    if "itself" in wrong:
        made = model
    if "shallow" in wrong:
        made = copy.copy(model)
    if "fresh" in wrong:
        for parameter in made.parameters():
            parameter.data = torch.rand_like(parameter)
    if "buffers" in wrong:
        for buffer in made.buffers():
            buffer.zero_()
    if "frozen" in wrong:
        made.requires_grad_(False)
    if wrong & {"evaluates", "trains"}:
        made.train("trains" in wrong)
    return made


def told_apart(answer: Callable[..., nn.Module], model: nn.Module) -> str | tuple[str, ...] | None:
    """What one sees of a twin, in words: its start, its state, and what its training changes."""
    model = copy.deepcopy(model)
    before = copy.deepcopy(model)
    made = answer(model)
    if made is None:
        return None
    if not isinstance(made, nn.Module):
        return "no model"
    seen = [
        "the model itself" if made is model else "another object",
        _alike("parameters", made.parameters(), before.parameters()),
        _alike("buffers", made.buffers(), before.buffers()),
        "can be trained" if all(p.requires_grad for p in made.parameters()) else "cannot",
        "same mode" if made.training == before.training else "other mode",
    ]
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(1)
        for own, old in zip(model.parameters(), made.parameters(), strict=False):
            if own.data_ptr() == old.data_ptr():
                return (*seen, "training it trains the model")
    return (*seen, "training it leaves the model alone")


def _alike(name: str, these: object, those: object) -> str:
    alike = all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(these, those, strict=True))
    return f"{name} alike" if alike else f"other {name}"


def models() -> list[Case]:
    """A linear layer, and a model with buffers, in either mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        layer = nn.Linear(2, 1)
        normed = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
        normed(torch.randn(8, 3))
    return [Case((layer,)), Case((normed,)), Case((copy.deepcopy(normed).eval(),))]


TWIN = Reference(twin, (SHARED, STARTS, BUFFERS, STATES), models, observe=told_apart)
