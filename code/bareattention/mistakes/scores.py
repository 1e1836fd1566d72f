"""Scores written as loops, as cosines and by three people, and how they go wrong."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import ORDERS, SCALES, numbers, scaled
from bareattention.mistakes.projections import LOOPS, TABLES, laid_out, summed

WITHOUT = {"scale_d_v", "scale_d_model"}  # values and other heads are not at hand
DIVISORS = (
    *(scale for scale in SCALES if scale.name not in WITHOUT),
    Mistake("scale_n_queries", "The scores are divided by the root of the number of queries."),
    Mistake("scale_2", "The scores are divided by 2, which is √d_k in the small example alone."),
)
LOOPED_ORDERS = {"keys_ask", "queries_twice", "channels_attend"}  # others need whole tables
WHO = tuple(order for order in ORDERS if order.name in LOOPED_ORDERS)
SLIPS = (
    # "averaged" would be no scale and 1/d_k, and "table_turned" keys that ask.
    *(slip for slip in (*LOOPS, *TABLES) if slip.name not in {"averaged", "table_turned"}),
    Mistake(
        "as_many_keys",
        "The loop over the keys is as long as that over the queries: there may be more or fewer.",
    ),
    Mistake("shares", "The scores went through a softmax, which is the next chapter's step."),
    Mistake("past_alone", "Only keys up to the query's own place are met, and all were asked for."),
    Mistake("others_alone", "No token meets itself here; its own key counts like any other."),
)


def looped(wrong: Wrong, queries: Tensor, keys: Tensor) -> Tensor:
    """Scaled scores of every query with every key."""
    one, other = queries, keys
    if "keys_ask" in wrong:
        one, other = keys, queries
    if "queries_twice" in wrong:
        other = queries
    if "channels_attend" in wrong:
        one, other = queries.T, keys.T
    table = summed(wrong, one[:, None, :] * other)
    table = laid_out(wrong, _divided(wrong, table, queries))
    if "as_many_keys" in wrong:
        if len(keys) < len(queries):
            raise IndexError("index out of range")
        return table[:, : len(queries)]
    if "past_alone" in wrong:
        return table.tril()
    if "others_alone" in wrong:
        return table * (1 - torch.eye(*table.shape))
    return table.softmax(-1) if "shares" in wrong else table


def _divided(wrong: Wrong, table: Tensor, queries: Tensor) -> Tensor:
    if "scale_n_queries" in wrong:
        return table / len(queries) ** 0.5
    return table / 2 if "scale_2" in wrong else scaled(wrong, table, queries, 1)


def queries_and_keys() -> list[Case]:
    """A pencil's size, then more keys than queries and the other way round."""
    small = (
        torch.tensor([[1.0, 1, 1, 1], [0, 2, 0, 2]]),
        torch.tensor([[2.0, 0, 0, 0], [1, 1, 1, 3]]),
    )
    shapes = [((3, 3), (3, 3)), ((3, 4), (5, 4)), ((5, 9), (2, 9))]
    drawn = [(numbers(50 + i, *q), numbers(60 + i, *k)) for i, (q, k) in enumerate(shapes)]
    return [Case(small), *(Case(each) for each in drawn)]


LOOPED = Reference(looped, (DIVISORS, WHO, SLIPS), queries_and_keys)

SIZES = (
    Mistake("divisor_once", "Variance counts squares, so the divisor counts squared."),
    Mistake("divisor_ignored", "The divisor is left out."),
    Mistake("divisor_times", "The divisor makes the variance smaller, and here it grows."),
)
WIDTHS = (
    Mistake("width_ignored", "The number of products that are added up is left out."),
    Mistake("width_root", "The variance of a sum grows with the number of terms, not its root."),
    Mistake(
        "width_squared", "The variance of a sum grows with the number of terms, not its square."
    ),
)
FACTORS = (
    Mistake("variances_added", "The variance of a product is a product, and here it is a sum."),
    Mistake("queries_ignored", "The variance of the queries is left out."),
    Mistake("keys_ignored", "The variance of the keys is left out."),
)
SPREADS = (Mistake("spread", "That is the spread, the root of the variance."),)


def variance(wrong: Wrong, of_queries: float, of_keys: float, d_k: int, divisor: float) -> float:
    """The variance of dot products of independent queries and keys, after a division."""
    widths = {"width_ignored": 1.0, "width_root": d_k**0.5, "width_squared": d_k**2}
    found = next((widths[name] for name in wrong if name in widths), d_k)
    if "variances_added" in wrong:
        found *= of_queries + of_keys
    else:
        found *= 1 if "queries_ignored" in wrong else of_queries
        found *= 1 if "keys_ignored" in wrong else of_keys
    powers = {"divisor_once": -1, "divisor_ignored": 0, "divisor_times": 2}
    found *= divisor ** next((powers[name] for name in wrong if name in powers), -2)
    return found**0.5 if "spread" in wrong else found


def variances() -> list[Case]:
    """Ordinary, then with each of the four numbers made different."""
    each = [(1.0, 1.0, 64, 8.0), (4.0, 1.0, 64, 8.0), (1.0, 9.0, 16, 4.0), (2.0, 3.0, 10, 5.0)]
    return [Case(numbers) for numbers in each]


VARIANCE = Reference(variance, (SIZES, WIDTHS, FACTORS, SPREADS), variances)

STRETCHES = (
    Mistake("not_stretched", "These are the cosines alone: their variance is not yet 1."),
    Mistake("stretched_d_k", "The cosines are multiplied by d_k, which is too much."),
    Mistake("shrunk", "The cosines are divided by √d_k, and they are too small as it is."),
    Mistake("stretched_n_keys", "The factor is the root of the number of keys: it is a width's."),
)
NORMS = (
    Mistake("no_norms", "These are dot products: nothing is divided by the lengths."),
    Mistake("queries_alone", "Only the queries are divided by their lengths."),
    Mistake("keys_alone", "Only the keys are divided by their lengths."),
    Mistake("norms_squared", "The lengths are squared: the root is missing."),
    Mistake("norms_of_channels", "The lengths are those of the columns; each row has its own."),
    Mistake("norm_of_all", "One length is used for the whole table; each row has its own."),
    Mistake("norms_lost_axis", "The lengths lost their axis, so they meet columns (`keepdim`)."),
)
PAIRS = (
    Mistake("same_place", "Query 0 meets key 0 alone, and so on; every query meets every key."),
    *WHO,
)


def cosines(wrong: Wrong, queries: Tensor, keys: Tensor) -> Tensor:
    """Cosines of all queries with all keys, stretched to the variance 1."""
    one = queries if "keys_alone" in wrong else _of_length_1(wrong, queries)
    other = keys if "queries_alone" in wrong else _of_length_1(wrong, keys)
    table = _met(wrong, one, other)
    d_k = queries.shape[-1]
    factors = {
        "not_stretched": 1.0,
        "stretched_d_k": float(d_k),
        "shrunk": d_k**-0.5,
        "stretched_n_keys": len(keys) ** 0.5,
    }
    return table * next((factors[name] for name in wrong if name in factors), d_k**0.5)


def _of_length_1(wrong: Wrong, x: Tensor) -> Tensor:
    if "no_norms" in wrong:
        return x
    if "norms_squared" in wrong:
        return x / x.square().sum(-1, keepdim=True)
    if "norm_of_all" in wrong:
        return x / x.norm()
    if "norms_lost_axis" in wrong:
        return x / x.norm(dim=-1)
    return x / x.norm(dim=0 if "norms_of_channels" in wrong else -1, keepdim=True)


def _met(wrong: Wrong, one: Tensor, other: Tensor) -> Tensor:
    if "same_place" in wrong:
        return (one * other).sum(-1)
    if "keys_ask" in wrong:
        return other @ one.T
    if "queries_twice" in wrong:
        return one @ one.T
    return one.T @ other if "channels_attend" in wrong else one @ other.T


COSINES = Reference(cosines, (STRETCHES, NORMS, PAIRS), queries_and_keys)

ADA = (
    Mistake("ada_right", "Ada's row is the right one, and she has got it wrong."),
    Mistake("ada_keys", "Ada's keys are compared with keys, which does not give her row."),
    Mistake("ada_unscaled", "Ada compares the right things, but does not scale them in her row."),
    Mistake("ada_exchanged", "Ada's queries and keys are exchanged, which does not give her row."),
)
BEN = (
    Mistake("ben_right", "Ben's row is the right one, and he has got it wrong."),
    Mistake("ben_queries", "Ben's queries are compared with queries: that is not his row."),
    Mistake("ben_unscaled", "Ben exchanges the right things, but his row is scaled."),
    Mistake("ben_keys", "Ben's keys are compared with keys, which does not give his row."),
)
CLEO = (
    Mistake("cleo_right", "Cleo's row is the right one, and she has got it wrong."),
    Mistake("cleo_unscaled", "Cleo's row is scaled, and by too much; here it is not at all."),
    Mistake(
        "cleo_d_model", "Cleo's scores are not divided by √d_model: hers are half the right ones."
    ),
    Mistake(
        "cleo_squared", "Cleo's scores are divided by too much here: hers are half the right ones."
    ),
)


def wrong_rows(wrong: Wrong, queries: Tensor, keys: Tensor) -> tuple[Tensor, ...]:
    """The rows that Ada, Ben and Cleo found for the last token."""
    right = (queries @ keys.T)[-1]
    ours, theirs = (queries @ queries.T)[-1], (keys @ queries.T)[-1]
    like_keys, root = (keys @ keys.T)[-1], queries.shape[-1] ** 0.5
    rows = {
        "ada_right": right / root,
        "ada_keys": like_keys / root,
        "ada_unscaled": ours,
        "ada_exchanged": theirs / root,
        "ben_right": right / root,
        "ben_queries": ours / root,
        "ben_unscaled": theirs,
        "ben_keys": like_keys / root,
        "cleo_right": right / root,
        "cleo_unscaled": right,
        "cleo_d_model": right / 3**0.5,
        "cleo_squared": right / root**4,
    }
    usual = {"ada": ours / root, "ben": theirs / root, "cleo": right / root**2}
    return tuple(
        next((rows[name] for name in wrong if name.startswith(who)), row)
        for who, row in usual.items()
    )


def last_rows(
    answer: Callable[[Tensor, Tensor], Sequence[Any]], queries: Tensor, keys: Tensor
) -> tuple[Any, ...] | None:
    """What an answer gives for the last token: three rows, of tables if they are tables."""
    found = answer(queries, keys)
    if found is None:
        return None
    if len(found) != len("ABC"):
        raise ValueError(f"wanted three rows, Ada's, Ben's and Cleo's; got {len(found)}")
    rows = [torch.as_tensor(each) for each in found]
    return tuple(row[-1] if row.ndim > 1 else row for row in rows)


def two_sentences() -> list[Case]:
    """Queries and keys of "boat by the bank" and of "loan by the bank"."""
    boat = [[2.0, -2, -2, -4], [0, 0, -1, -1], [0, 0, 1, 1], [1, -3, 0, -2]]
    offer = [[0.0, -2, 0, 0], [0, 0, -1, -1], [0, 0, 1, 1], [1, -1, 3, 1]]
    loan, owed = [[0.0, -4, -2, -4], *boat[1:]], [[2.0, 0, 2, -2], *offer[1:]]
    pairs = ((boat, offer), (loan, owed))
    return [Case((torch.tensor(q), torch.tensor(k))) for q, k in pairs]


WRONG_ROWS = Reference(wrong_rows, (ADA, BEN, CLEO), two_sentences, observe=last_rows)
