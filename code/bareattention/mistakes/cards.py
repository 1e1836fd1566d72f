"""Cards with a digit on either side: parameters by hand, a bound, and how they go wrong."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from bareattention.mistakes import Alike, Case, Mistake, Reference, Wrong

QUERIES = (
    Mistake(
        "no_match",
        "All cards get the same score, whatever is asked. (In the asked token the right half is "
        "empty.)",
    ),
)
KEYS = (
    Mistake("key_right", "The keys read the right halves, but the asked digit stands on the left."),
    Mistake(
        "key_both",
        "The keys read both halves, so a card that has the asked digit on its right fits as well.",
    ),
)
VALUES = (
    Mistake("value_left", "The values read the left halves, so the answer is the asked digit."),
    Mistake("value_both", "The values read both halves, so the asked digit is in the answer, too."),
)
SIZES = (Mistake("soft", "The scores are so small that other cards get much of the weight."),)
SIGNS = (
    Mistake("minus", "The card that fits gets the smallest score, and not the largest."),
    Mistake("value_minus", "The values are negative, so the right digit gets the least."),
)
LEFT, RIGHT_HALF = torch.eye(20)[:, :10], torch.eye(20)[:, 10:]


def by_hand(wrong: Wrong) -> tuple[Tensor, Tensor, Tensor]:
    """W_query, W_key and W_value that find the card, and take what is on its right."""
    size = 1.0 if "soft" in wrong else 40.0
    query = RIGHT_HALF if "no_match" in wrong else LEFT
    key = RIGHT_HALF if "key_right" in wrong else LEFT
    value = LEFT if "value_left" in wrong else RIGHT_HALF
    if "key_both" in wrong:
        key = LEFT + RIGHT_HALF
    if "value_both" in wrong:
        value = LEFT + RIGHT_HALF
    query = -size * query if "minus" in wrong else size * query
    return query, key, -value if "value_minus" in wrong else value


def answers(
    made: Callable[..., tuple[Tensor, Tensor, Tensor]], left: Tensor, right: Tensor, asked: Tensor
) -> str | None:
    """What attention finds, in words: the digits with the largest share, and whether it is all."""
    parameters = made()
    if parameters is None:
        return None
    W_query, W_key, W_value = (torch.as_tensor(W, dtype=torch.float64) for W in parameters)
    if not (len(W_query) == len(W_key) == len(W_value) == 20 and W_query.shape == W_key.shape):
        shapes = (tuple(W.shape) for W in (W_query, W_key, W_value))
        return f"not found with shapes {', '.join(map(str, shapes))}"
    cards = torch.cat([F.one_hot(left, 10), F.one_hot(right, 10)], -1).double()
    shown = F.pad(F.one_hot(asked, 10), (0, 10)).double()
    scores = shown @ W_query @ (cards @ W_key).mT / W_key.shape[-1] ** 0.5
    found = scores.softmax(-1) @ (cards @ W_value)
    found = found / found.abs().sum()
    best = (found > found.max() - 1e-3).nonzero()[:, 0].tolist()
    return f"{' or '.join(map(str, best))}{'' if found.max() > 0.99 else ', but not surely'}"


def deals() -> list[Case]:
    """Two cards, one with a trap, and six; the right digits of a deal differ."""
    rows = [
        ([4, 5], [8, 6], 5),
        ([4, 5, 2], [5, 6, 7], 5),
        ([4, 5, 2, 3, 1, 0], [8, 6, 5, 3, 0, 7], 0),
        ([9, 2, 0, 7, 3, 6], [2, 5, 4, 1, 9, 8], 2),
        ([1, 8, 3], [8, 3, 4], 8),
    ]
    return [Case(tuple(torch.tensor(part) for part in row)) for row in rows]


BY_HAND = Reference(by_hand, (QUERIES, KEYS, VALUES, SIZES, SIGNS), deals, observe=answers)

BESTS = (
    Mistake("one_card", "A digit on several cards is the better guess: its cards count together."),
    Mistake("different", "This is a guess among the different digits, as if each came as often."),
    Mistake("how_many", "This says how many digits differ, not how often the commonest comes."),
    Mistake("largest_digit", "This is the largest digit, and not the largest count."),
    Mistake("mean_count", "This is the mean count; the best answer has the largest."),
    Mistake("fewest", "This is the count of the rarest digit; the best answer has the largest."),
)
TABLES = (
    Mistake("across_deals", "The counts are taken across deals, not within each deal."),
    Mistake("common", "The same digit is answered in all deals; each deal has its own best."),
)
TOTALS = (
    Mistake("by_ten", "The count is divided by ten digits, not by the number of cards."),
    Mistake("not_divided", "This is a count; it needs to be divided by the number of cards."),
)
DEALS = (Mistake("one_number", "All deals are averaged; each was to have its own number."),)


def best(wrong: Wrong, right: Tensor) -> Tensor:
    """The best share of right answers, for each deal, of whom the pairs are hidden from."""
    counts = F.one_hot(right, 10).sum(0 if "across_deals" in wrong else 1).double()
    largest = counts.amax(-1)
    if "common" in wrong:
        largest = counts[..., counts.reshape(-1, 10).sum(0).argmax()]
    if "one_card" in wrong:
        largest = torch.ones_like(largest)
    if "different" in wrong:
        largest = counts.sum(-1) / (counts > 0).sum(-1)
    if "how_many" in wrong:
        largest = (counts > 0).sum(-1).double()
    if "largest_digit" in wrong:
        largest = right.amax(0 if "across_deals" in wrong else 1).double()
    if "mean_count" in wrong:
        largest = counts.mean(-1)
    if "fewest" in wrong:
        largest = counts.where(counts > 0, 99).amin(-1)
    divisor = 10 if "by_ten" in wrong else 1 if "not_divided" in wrong else right.shape[1]
    found = largest / divisor
    return found.mean() if "one_number" in wrong else found


def rights() -> list[Case]:
    """Four cards by hand, and tables of two, six and twelve cards."""
    generator = torch.Generator().manual_seed(2)
    drawn = [torch.randint(10, sizes, generator=generator) for sizes in ((5, 2), (4, 6), (7, 12))]
    by_hand = torch.tensor([[3, 8, 3, 5], [1, 1, 1, 7], [6, 2, 4, 0], [2, 9, 9, 2]])
    return [Case((each,)) for each in [by_hand, *drawn]]


ALIKE = (
    Alike(
        frozenset({"mean_count"}),
        frozenset({"one_card", "by_ten"}),
        "Ten counts sum to the number of cards, so that their share of it is always a tenth.",
    ),
)
BEST = Reference(best, (BESTS, TABLES, TOTALS, DEALS), rights, alike=ALIKE)
