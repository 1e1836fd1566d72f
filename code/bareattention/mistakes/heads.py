"""Attention with heads: split, many at once, joined, in groups; and how it goes wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong, attention
from bareattention.mistakes.attention import MASKS, ORDERS, hidden, numbers, products, scaled

SPLITS = (
    Mistake(
        "split_view",
        "The heads are cut by `view` or `reshape` alone, so each of them gets whole pieces of a "
        "few tokens, and not a few channels of every token.",
    ),
    Mistake("split_dealt", "The channels are dealt to the heads like cards; each takes a block."),
    Mistake("one_head", "There is one head only: the channels are not cut."),
    Mistake("split_width", "The number of heads is taken for the width of a head."),
)
BEHIND = Mistake(
    "heads_behind",
    "The heads stay behind the tokens, so heads meet heads within a token; they belong in front.",
)
FIRST_AXES = Mistake(
    "first_axes",
    "Axes are counted from the front, so that a batch is taken for the tokens; count from the end.",
)
BATCH_LAST = Mistake("batch_behind", "The heads stand in front of the batch as well.")
TOKENS_CUT = Mistake("tokens_cut", "The tokens are shared out to the heads, not the channels.")


def split(wrong: Wrong, x: Tensor, n_heads: int) -> Tensor:
    """Channels cut into heads, and the heads moved in front of the tokens."""
    *batch, seq_len, d_model = x.shape
    width = d_model // n_heads
    if "tokens_cut" in wrong:
        return torch.stack(x.chunk(n_heads, dim=-2), dim=-3)
    if "split_view" in wrong:
        return x.reshape(*batch, n_heads, seq_len, width)
    if "one_head" in wrong:
        n_heads, width = 1, d_model
    heads = x.unflatten(-1, (n_heads, width))
    if "split_dealt" in wrong:
        heads = x.unflatten(-1, (width, n_heads)).mT
    if "split_width" in wrong:
        heads = x.unflatten(-1, (width, n_heads))
    if "heads_behind" in wrong:
        return heads
    if "first_axes" in wrong:
        return heads.transpose(0, 1)
    heads = heads.transpose(-3, -2)
    return heads.movedim(-3, 0) if "batch_behind" in wrong else heads


def to_split() -> list[Case]:
    """Two tokens by hand, more tokens than heads, and batches of one axis and of two."""
    small = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
    drawn = [(numbers(1, 5, 12), 3), (numbers(2, 2, 6, 8), 2), (numbers(3, 2, 3, 4, 8), 4)]
    return [Case((small, 2)), *map(Case, drawn)]


SPLIT = Reference(split, ((*SPLITS, TOKENS_CUT), (BEHIND, FIRST_AXES, BATCH_LAST)), to_split)

PROJECTIONS = (
    Mistake("no_projection", "Queries, keys and values are the tokens as they are, unprojected."),
    Mistake("matrices_transposed", "The three matrices are transposed: tokens are rows, x W."),
    Mistake("values_plain", "The values are the tokens as they are: W_value is not used."),
    Mistake("keys_for_values", "The values are made with W_key, and not with W_value."),
    Mistake("query_for_keys", "The keys are made with W_query: queries are compared with queries."),
    Mistake(
        "slices",
        "Each head reads its own slice of the tokens; the cut comes after the projection.",
    ),
)
AXES = (
    *(axis for axis in attention.AXES if axis.name in {"wrong_axis", "hard", "no_softmax"}),
    Mistake("over_heads", "The softmax runs over the heads, not over the keys."),
)
JOINS = (
    Mistake(
        "join_view",
        "The heads are joined by `view` or `reshape` alone: they were never moved back behind the "
        "tokens, so pieces of different tokens lie side by side.",
    ),
    Mistake(
        "join_first_axes",
        "The heads are moved back by axes counted from the front, which suits a single batch axis; "
        "count from the end.",
    ),
    Mistake("join_dealt", "The channels of the heads are shuffled together, not laid in blocks."),
    Mistake("heads_mean", "The mean of the heads is taken; they are to be laid side by side."),
    Mistake("heads_sum", "The heads are added up; they are to be laid side by side."),
    Mistake("heads_apart", "The heads are not joined: the output has an axis of heads."),
    Mistake("join_reversed", "The heads are laid side by side in the wrong order."),
)
OUTPUTS = (
    Mistake("no_output", "The output projection is missing: the joined heads are not blended."),
    Mistake("output_transposed", "The output projection is transposed."),
    Mistake("residual_too", "The tokens are added to the output; that is for the block to do."),
)
# `scale_d_v` is no mistake of its own: here values are as wide as keys.
SCALES = (
    *(s for s in attention.SCALES if s.name not in {"scale_d_v", "scale_fixed", "scale_times"}),
    Mistake("scale_n_heads", "The scores are divided by the root of the number of heads."),
)
MIXES = tuple(m for m in attention.VALUES if m.name == "weights_transposed")


def multi_head(
    wrong: Wrong,
    x: Tensor,
    W_query: Tensor,
    W_key: Tensor,
    W_value: Tensor,
    W_output: Tensor,
    n_heads: int,
    mask: Tensor | None = None,
) -> Tensor:
    """Multi-head attention without biases: the output alone."""
    three = _projected(wrong, x, W_query, W_key, W_value, n_heads)
    queries, keys, values = (split(wrong, each, n_heads) for each in three)
    found = _look(wrong, queries, keys, values, mask, n_heads)
    if "heads_apart" in wrong:
        return found
    if wrong & {"heads_mean", "heads_sum"}:
        return found.mean(-3) if "heads_mean" in wrong else found.sum(-3)
    joined = _joined(wrong, found, x.shape)
    output = joined
    if "no_output" not in wrong:
        output = joined @ (W_output.mT if "output_transposed" in wrong else W_output)
    return output + x if "residual_too" in wrong else output


def _projected(
    wrong: Wrong, x: Tensor, W_query: Tensor, W_key: Tensor, W_value: Tensor, n_heads: int
) -> list[Tensor]:
    matrices = [W_query, W_key, W_value]
    if "keys_for_values" in wrong:
        matrices[2] = W_key
    if "query_for_keys" in wrong:
        matrices[1] = W_query
    if "matrices_transposed" in wrong:
        matrices = [W.mT for W in matrices]
    if "slices" in wrong:
        width = x.shape[-1] // n_heads
        matrices = [
            torch.block_diag(*(W[i : i + width, i : i + width] for i in range(0, len(W), width)))
            for W in matrices
        ]
    three = [x @ W for W in matrices]
    if "no_projection" in wrong:
        three = [x, x, x]
    return [*three[:2], x] if "values_plain" in wrong else three


def _look(
    wrong: Wrong, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, n_heads: int
) -> Tensor:
    """Attention in each head."""
    scores = products(wrong, queries, keys)
    if "scale_n_heads" in wrong:
        scores = hidden(wrong, scores / n_heads**0.5, mask)
    else:
        scores = hidden(wrong, scaled(wrong, scores, queries, values.shape[-1], n_heads), mask)
    if "over_heads" in wrong:
        weights = scores.softmax(-3)
        weights = weights.where(~weights.isnan(), 0.0)
    else:
        weights = attention.shared(wrong, scores)
    if "mask_after" in wrong and mask is not None:
        weights = weights * mask
    return (weights.mT if "weights_transposed" in wrong else weights) @ values


def _joined(wrong: Wrong, heads: Tensor, shape: torch.Size) -> Tensor:
    if wrong & {"heads_behind", "join_view"}:
        return heads.reshape(shape)
    if "join_first_axes" in wrong:
        return heads.transpose(1, 2).reshape(shape)
    if "first_axes" in wrong:
        return heads.transpose(0, 1).flatten(-2)
    if "join_reversed" in wrong:
        heads = heads.flip(-3)
    heads = heads.transpose(-3, -2)
    return (heads.mT if "join_dealt" in wrong else heads).flatten(-2)


def tokens() -> list[Case]:
    """Two heads of one channel by hand, then more of everything, batches and masks."""
    swap = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    eye, x = torch.eye(2), torch.tensor([[1.0, 0.0], [2.0, 1.0], [0.0, 3.0]])
    by_hand = (x, swap, eye, torch.tensor([[1.0, 1.0], [0.0, 1.0]]), swap + eye, 2)
    several = (numbers(1, 5, 8), *(numbers(2, 4, 8, 8) / 2), 4)
    batch = (numbers(3, 2, 3, 6, 6), *(numbers(4, 4, 6, 6) / 2), 2)
    causal = torch.ones(6, 6, dtype=torch.bool).tril()
    some = torch.tensor([True, True, False, True, False]).expand(5, 5)
    masks = [(*by_hand, causal[:3, :3]), (*batch, causal), (*several, some)]
    wild = (several[0] * 60, *several[1:])
    masks = [*masks, wild]
    return [Case(each) for each in (by_hand, several, batch, *masks)]


def look_around(
    answer: Callable[..., Any],
    x: Tensor,
    W_query: Tensor,
    W_key: Tensor,
    W_value: Tensor,
    W_output: Tensor,
    n_heads: int,
    mask: Tensor | None = None,
) -> Any:
    """The output, with zeros for NaN: only with a wrong mask may a query look at nobody."""
    given = (x, W_query, W_key, W_value, W_output, n_heads)
    return without_nan(answer(*given) if mask is None else answer(*given, mask))


def without_nan(output: Any) -> Any:
    """An output, alone or first of several, with zeros for NaN."""
    if isinstance(output, tuple) and output:
        output = output[0]
    return output.nan_to_num(nan=0.0) if isinstance(output, Tensor) else output


MULTI_HEAD = Reference(
    multi_head,
    (
        (*SPLITS, BEHIND, FIRST_AXES),
        JOINS,
        OUTPUTS,
        PROJECTIONS,
        SCALES,
        ORDERS[:1],
        AXES,
        MASKS,
        MIXES,
    ),
    tokens,
    observe=look_around,
    at_once=2,
)

GROUPS = (
    Mistake(
        "groups_dealt",
        "The sets of keys and values are dealt in turn (`repeat`); neighbours share one.",
    ),
    Mistake("keys_dealt", "The keys are dealt in turn, and the values by neighbours."),
    Mistake("values_dealt", "The values are dealt in turn, and the keys by neighbours."),
    Mistake("groups_first", "All query heads use the first set of keys and values."),
    Mistake("groups_last", "All query heads use the last set of keys and values."),
    Mistake("groups_mean", "The sets of keys and values are averaged into one."),
    Mistake("groups_reversed", "The first query heads use the last set of keys and values."),
    Mistake("queries_mean", "The query heads of a group are averaged; each looks by itself."),
)


def grouped(
    wrong: Wrong, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
) -> Tensor:
    """Grouped-query attention: neighbouring query heads share keys and values."""
    sets = keys.shape[-3]
    each = queries.shape[-3] // sets
    if "queries_mean" in wrong:
        queries, each = queries.unflatten(-3, (sets, each)).mean(-3), 1
    own = torch.arange(sets).repeat_interleave(each)
    dealt = torch.arange(sets).repeat(each)
    chosen = {
        "groups_dealt": (dealt, dealt),
        "keys_dealt": (dealt, own),
        "values_dealt": (own, dealt),
        "groups_first": (own * 0, own * 0),
        "groups_last": (own * 0 + sets - 1,) * 2,
        "groups_reversed": (own.flip(0), own.flip(0)),
    }
    of_keys, of_values = next((chosen[name] for name in wrong if name in chosen), (own, own))
    if "groups_mean" in wrong:
        keys, values = (y.mean(-3, keepdim=True).expand_as(y) for y in (keys, values))
    keys, values = keys[..., of_keys, :, :], values[..., of_values, :, :]
    return _look(wrong, queries, keys, values, mask, queries.shape[-3])


def groups() -> list[Case]:
    """Eight query heads on two sets of keys and values, alone, in a batch and with masks."""
    queries = torch.arange(8.0).view(8, 1, 1)
    keys = torch.tensor([[0.0, 1.0], [1.0, 0.0]])[..., None]
    values = torch.tensor([[1.0, 3.0], [5.0, 6.0]])[..., None]
    drawn = numbers(1, 8, 5, 4), numbers(2, 2, 5, 4), numbers(3, 2, 5, 6)
    batch = numbers(4, 3, 8, 4, 4), numbers(5, 3, 2, 6, 4), numbers(6, 3, 2, 6, 3)
    causal = torch.ones(5, 5, dtype=torch.bool).tril()
    some = torch.tensor([True, True, False, True, False]).expand(5, 5)
    late = torch.ones(4, 6, dtype=torch.bool).tril(2)
    several = [(*drawn, causal), (*drawn, some), (*batch, late)]
    return [Case(each) for each in ((queries, keys, values), drawn, batch, *several)]


def look_in_groups(
    answer: Callable[..., Any],
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    mask: Tensor | None = None,
) -> Any:
    """The output, with zeros for NaN: only with a wrong mask may a query look at nobody."""
    given = (queries, keys, values)
    return without_nan(answer(*given) if mask is None else answer(*given, mask))


# The rest of attention is chapter 6's here, so few of its mistakes are looked for.
FEW = {"no_scale", "scale_d_k", "scale_n_keys", "scale_d_model", "wrong_axis", "over_heads"}
SOME_SCALES, SOME_AXES = (tuple(m for m in dial if m.name in FEW) for dial in (SCALES, AXES))
GROUPED = Reference(
    grouped, (GROUPS, SOME_SCALES, ORDERS[:1], SOME_AXES, MASKS), groups, look_in_groups
)
