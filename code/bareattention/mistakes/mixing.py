"""Whether a function mixes the samples of a batch, and tests that cannot tell."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from bareattention.mistakes import Alike, Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import attend_all, numbers

TESTS = (
    Mistake("never", "It never says yes: it compares what agrees anyway, shapes or the same call."),
    Mistake("always", "It says yes whatever the function."),
    Mistake(
        "own_result",
        "It looks at the results of the digits that it changed itself: of course they change.",
    ),
    Mistake(
        "first_only",
        "It looks at the first digit's result alone, which may depend on no other while the rest "
        "do.",
    ),
    Mistake(
        "last_only",
        "It looks at the last digit's result alone, which may depend on no other while the rest "
        "do.",
    ),
    Mistake(
        "first_changed",
        "It changes the first digit alone; others may matter while that one does not.",
    ),
    Mistake(
        "last_changed",
        "It changes the last digit alone; others may matter while that one does not.",
    ),
    Mistake(
        "shuffled",
        "It shuffles the digits and looks whether the results are shuffled: so are those of a "
        "function that mixes all digits alike.",
    ),
)
LIMITS = (
    Mistake("exactly", "It compares without tolerance, so that rounding counts as mixing."),
    Mistake("generous", "Its tolerance is so large that it overlooks a weak influence."),
)
ANSWERS = (Mistake("inverted", "Its yes and its no are exchanged."),)


def mixes(wrong: Wrong, function: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    """Whether the result for one digit depends on other digits of the batch."""
    limit = 0.0 if "exactly" in wrong else 0.2 if "generous" in wrong else 1e-4
    return _found(wrong, function, x, limit) != ("inverted" in wrong)


def _found(wrong: Wrong, function: Callable, x: Tensor, limit: float) -> bool:
    if wrong & {"never", "always"}:
        return "always" in wrong
    results = function(x)
    if "shuffled" in wrong:
        order = torch.arange(len(x)).roll(1)
        return _differ(function(x[order]), results[order], limit)
    changes = range(len(x))  # which digits are changed, which are looked at
    looks = changes
    if "first_changed" in wrong:
        changes = changes[:1]
    if "last_changed" in wrong:
        changes = changes[-1:]
    if "first_only" in wrong:
        looks = looks[:1]
    if "last_only" in wrong:
        looks = looks[-1:]
    for change in changes:
        other = x.clone()
        other[change] = 2 - 3 * other[change]
        after = function(other)
        if any(_differ(results[look], after[look], limit) for look in looks if look != change):
            return True
        if "own_result" in wrong and _differ(results, after, limit):
            return True
    return False


def _differ(one: Tensor, other: Tensor, limit: float) -> bool:
    return not torch.allclose(one, other, atol=limit, rtol=limit / 10)


@dataclass(frozen=True)
class Known:
    """A function that shows itself by what it does."""

    what: str
    function: Callable[[Tensor], Tensor]

    def __call__(self, x: Tensor) -> Tensor:
        return self.function(x)

    def __repr__(self) -> str:
        return self.what


def _in_pairs(x: Tensor) -> Tensor:
    """Digits 0 and 1, 2 and 3, … are mixed; the last of an odd number is alone."""
    even = len(x) // 2 * 2
    means = x[:even].unflatten(0, (-1, 2)).mean(1).repeat_interleave(2, 0)
    return torch.cat([means, x[even:]])


def _long(x: Tensor) -> Tensor:
    tokens = x.flatten(0, 1)
    return attend_all(frozenset(), tokens, tokens, tokens).view(x.shape)


KNOWN = (
    Known("each digit, squared", torch.square),
    Known("each digit minus the mean of the batch", lambda x: x - x.mean(0)),
    Known("attention of all digits as one long sequence", _long),
    Known("attention of each digit", lambda x: attend_all(frozenset(), x, x, x)),
    Known("sums from the first digit to each", lambda x: x.cumsum(0)),
    Known("sums from the last digit to each", lambda x: x.flip(0).cumsum(0).flip(0)),
    Known("means of two neighbours", _in_pairs),
    Known("means of two neighbours from the end", lambda x: _in_pairs(x.flip(0)).flip(0)),
    Known("each digit, a little rounded", lambda x: (x + 50 * x.sum(0)) - 50 * x.sum(0)),
    Known("each digit and 3 % of the batch's mean", lambda x: x + 0.03 * x.mean(0)),
    Known("nothing but zeros", torch.zeros_like),
)


def functions() -> list[Case]:
    """Three digits of two tokens; then five of three, with channels."""
    small = torch.tensor([[[0.0], [1.0]], [[0.5], [0.25]], [[0.75], [0.0]]])
    return [Case((known, x)) for x in (small, numbers(1, 5, 3, 2)) for known in KNOWN]


ALIKE = tuple(
    Alike(frozenset({one, "inverted"}), frozenset({other}), "Always yes is the opposite of never.")
    for one, other in (("never", "always"), ("always", "never"))
)
MIXES = Reference(mixes, (TESTS, LIMITS, ANSWERS), functions, alike=ALIKE)
