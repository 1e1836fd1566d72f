"""Attention with one mistake in it, and what it may be mistaken for."""

import torch
from torch import Tensor

from bareattention.mistakes import Mistake, Reference, Wrong
from bareattention.mistakes.attention import attend, small_and_large

CULPRIT = "scale_n_keys"
NOT_SO = "and `mystery` does not."
SUSPECTS = (
    Mistake("innocent", "This is attention as it should be, and `mystery` is not: what differs?"),
    Mistake("no_scale", f"This leaves the scores undivided, {NOT_SO}"),
    Mistake("scale_d_k", f"This divides the scores by d_k, without the root, {NOT_SO}"),
    Mistake("scale_times", f"This multiplies the scores by √d_k, {NOT_SO}"),
    Mistake("scale_d_v", f"This divides the scores by the root of the width of values, {NOT_SO}"),
    Mistake("by_n_keys", f"This divides by the number of keys, without the root, {NOT_SO}"),
    Mistake("by_n_queries", f"This divides by the root of the number of queries, {NOT_SO}"),
    Mistake("keys_ask", f"This exchanges queries and keys, {NOT_SO}"),
    Mistake("queries_twice", f"This compares queries with queries, {NOT_SO}"),
    Mistake("channels_attend", f"This lets channels attend to channels, {NOT_SO}"),
    Mistake("wrong_axis", f"This runs its softmax down the queries, {NOT_SO}"),
    Mistake("whole_table", f"This runs its softmax over the whole table, {NOT_SO}"),
    Mistake("hard", f"This gives everything to the largest score, {NOT_SO}"),
    Mistake("not_normalised", f"This does not divide the powers by their sum, {NOT_SO}"),
    Mistake("no_softmax", f"This has no softmax, {NOT_SO}"),
    Mistake("weights_transposed", f"This transposes the weights, {NOT_SO}"),
    Mistake("values_counted", f"This divides the output by the number of keys, {NOT_SO}"),
    Mistake("keys_carried", f"This mixes the keys, {NOT_SO}"),
    Mistake("values_scaled", f"This divides the output by √d_k, {NOT_SO}"),
)
OWN = {"innocent", "by_n_keys", "by_n_queries"}


def suspect(wrong: Wrong, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """What the mystery gives, or what another suspect would."""
    if not wrong:
        return attend(frozenset({CULPRIT}), queries, keys, values)
    if not wrong & OWN:
        return attend(wrong, queries, keys, values)
    scales = {
        "innocent": 1.0,
        "by_n_keys": queries.shape[-1] ** 0.5 / keys.shape[-2],
        "by_n_queries": (queries.shape[-1] / queries.shape[-2]) ** 0.5,
    }
    factor = next(scales[name] for name in wrong)
    return attend(frozenset(), queries * torch.tensor(factor), keys, values)


SUSPECT = Reference(suspect, (SUSPECTS,), small_and_large)
