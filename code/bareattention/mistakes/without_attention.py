"""What stands in attention's place, uniform weights and linear attention, and how it goes wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from bareattention.mistakes import Mistake, Reference, Wrong
from bareattention.mistakes.attention import EMPTY_ROWS, MASKS, masked, numbers, small_and_large

KEYS = Mistake("keys_carried", "The weights mix the keys, and the values are ignored.")
MEANS = (
    KEYS,
    Mistake("summed", "The values are summed, and not averaged."),
    Mistake("channels", "The mean runs across the channels of a value, not across the keys."),
    Mistake("over_batch", "The mean runs over the first axis, not over the keys."),
)
HIDDEN = (
    *(m for m in MASKS if m.name in {"mask_ignored", "mask_inverted", "mask_transposed"}),
    Mistake(
        "divided_by_all",
        "What a query may see is divided by the number of all keys, not of those it may see.",
    ),
)
ROWS = (
    Mistake("one_row", "There is one row; each query needs one."),
    Mistake("rows_of_values", "There are as many rows as values; each query needs one."),
)


def uniform(
    wrong: Wrong, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
) -> Tensor:
    """The mean of all values that a query may see; a query that sees none gets zeros."""
    if mask is None or "mask_ignored" in wrong:
        mask = torch.ones(queries.shape[-2], keys.shape[-2], dtype=torch.bool)
    elif "mask_transposed" in wrong:
        mask = mask.mT
    if "mask_inverted" in wrong:
        mask = mask if mask.all() else ~mask
    carried = keys if "keys_carried" in wrong else values
    if "channels" in wrong:
        carried = carried.mean(-1, keepdim=True).expand_as(carried)
    if "over_batch" in wrong and carried.ndim > 2:
        carried = carried.mean(0, keepdim=True).expand_as(carried)
    found = _shared(wrong, mask.to(carried.dtype)) @ carried
    if "one_row" in wrong:
        return found[..., :1, :]
    if "rows_of_values" in wrong:
        return found[..., :1, :].expand(*found.shape[:-2], *values.shape[-2:])
    return found


def _shared(wrong: Wrong, seen: Tensor) -> Tensor:
    """Even weights over what is seen."""
    if "summed" in wrong:
        return seen
    if "divided_by_all" in wrong:
        return seen / seen.shape[-1]
    weights = seen / seen.sum(-1, keepdim=True)
    if "empty_nan" in wrong:
        return weights
    return weights.nan_to_num(1 / seen.shape[-1] if "empty_mean" in wrong else 0.0)


UNIFORM = Reference(uniform, (MEANS, HIDDEN, ROWS, EMPTY_ROWS), masked)

FEATURES = (
    Mistake("raw", "Queries and keys have no features, so some weights are negative."),
    Mistake("elu_alone", "ELU alone gives negative numbers: weights need a + 1."),
    Mistake("relu", "The features are a ReLU, and not ELU + 1."),
    Mistake("exponential", "The features are powers of e, and not ELU + 1."),
    Mistake("softmax", "This is softmax attention: each query meets each key."),
)
WHERE = (
    Mistake("keys_plain", "Only the queries have features; the keys need them as well."),
    Mistake("queries_plain", "Only the keys have features; the queries need them as well."),
)
TOTALS = (
    Mistake("not_divided", "The sum is not divided by the sum of the weights."),
    Mistake("by_count", "The sum is divided by the number of keys, not by the sum of the weights."),
    Mistake("per_key", "The weights of each key sum to 1, not those of each query."),
    Mistake("over_channels", "The sum of the features runs over channels, not over keys."),
)
SCALED = (
    Mistake("scaled", "The products are divided by √d_k, but not the sum of the weights."),
    Mistake("scaled_first", "The queries are divided by √d_k before they get their features."),
)


def linear(wrong: Wrong, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Attention whose weights are products of positive features."""
    if "softmax" in wrong:
        scores = queries @ keys.mT / queries.shape[-1] ** 0.5
        return scores.softmax(-1) @ (keys if "keys_carried" in wrong else values)
    if "scaled_first" in wrong:
        queries = queries / queries.shape[-1] ** 0.5
    asks = queries if "queries_plain" in wrong else _features(wrong, queries)
    offers = keys if "keys_plain" in wrong else _features(wrong, keys)
    weights = asks @ offers.mT
    mixed = weights @ (keys if "keys_carried" in wrong else values)
    if "scaled" in wrong:
        mixed = mixed / queries.shape[-1] ** 0.5
    if "not_divided" in wrong:
        return mixed
    if "by_count" in wrong:
        return mixed / keys.shape[-2]
    if "per_key" in wrong:
        shares = weights / weights.sum(-2, keepdim=True)
        return shares @ (keys if "keys_carried" in wrong else values)
    if "over_channels" in wrong:
        return mixed / asks.sum(-1, keepdim=True)
    return mixed / weights.sum(-1, keepdim=True)


def _features(wrong: Wrong, x: Tensor) -> Tensor:
    if "raw" in wrong:
        return x
    if "elu_alone" in wrong:
        return F.elu(x)
    if "relu" in wrong:
        return x.relu()
    return x.exp() if "exponential" in wrong else F.elu(x) + 1


class _Tables(TorchDispatchMode):
    """Notes whether a tensor is made that has both sizes among its axes."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        self.sizes, self.made = set(sizes), False

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for each in result if isinstance(result, list | tuple) else [result]:
            if isinstance(each, Tensor) and self.sizes <= set(each.shape):
                self.made = True
        return result


def table_made(answer: Callable[..., Any]) -> str | None:
    """Whether queries meet keys in a table, which the results do not show."""
    queries, keys, values = numbers(1, 23, 3), numbers(2, 19, 3), numbers(3, 19, 5)
    with _Tables(23, 19) as tables:
        answer(queries, keys, values)
    says = "each query meets each key in a table: multiply keys and values first, then read that."
    return says if tables.made else None


LINEAR = Reference(
    linear, (FEATURES, WHERE, TOTALS, SCALED, (KEYS,)), small_and_large, beyond=table_made
)
