"""Masks, and the meter that replaces tokens; and how they go wrong."""

import math

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers
from bareattention.mistakes.named import Named

TURNED_ROUND = (
    Mistake("mask_says_no", "True stands where nobody may look; here True means: may look."),
    Mistake("mask_of_numbers", "The mask is made of 0 and 1; yes and no are of type bool."),
    Mistake("mask_to_add", "This mask is to be added to scores (0 and −∞); yes and no is wanted."),
)
SIDES = (
    Mistake("looks_ahead", "Rows and columns are exchanged: queries look ahead, and not back."),
    Mistake("both_sides", "The window reaches to both sides: a token may look ahead as well."),
    Mistake("future_open", "The future is open: a token may look at all that comes after it."),
    Mistake("goes_round", "The window goes round: the first tokens look at the last ones."),
)
WIDTHS = (
    Mistake("one_more", "The window is one token too wide: `width` counts the token itself."),
    Mistake("one_less", "The window is one token too narrow."),
    Mistake("no_width", "The width is ignored: a token looks back to the very beginning."),
    Mistake("only_furthest", "Only one key is left to each query, not all that are in between."),
)
ITSELF = (
    Mistake("not_itself", "A token may not look at itself, because the diagonal is left out."),
)


def window(wrong: Wrong, seq_len: int, width: int) -> Tensor:
    """Each token may look at itself and the width - 1 tokens before it."""
    place = torch.arange(seq_len)
    back = place[:, None] - place[None, :]
    if "looks_ahead" in wrong:
        back = -back
    if "goes_round" in wrong:
        back = back % seq_len
    width += ("one_more" in wrong) - ("one_less" in wrong)
    if "no_width" in wrong:
        width = seq_len
    mask = (back >= 0) & (back < width)
    if "both_sides" in wrong:
        mask = back.abs() < width
    if "future_open" in wrong:
        mask = back < width
    if "only_furthest" in wrong:
        mask = back == width - 1
    return told(wrong, mask & (back != 0) if "not_itself" in wrong else mask)


def told(wrong: Wrong, mask: Tensor) -> Tensor:
    """A mask as booleans, True = may look, or as a mistake tells it."""
    if "mask_says_no" in wrong:
        return ~mask
    if "mask_of_numbers" in wrong:
        return mask.int()
    if "mask_to_add" in wrong:
        return torch.zeros(mask.shape).masked_fill(~mask, -math.inf)
    return mask


def windows() -> list[Case]:
    """Lengths and widths, among them those at the ends."""
    return [Case(sizes) for sizes in ((3, 2), (5, 3), (6, 1), (4, 9), (7, 5), (1, 1))]


WINDOW = Reference(window, (SIDES, WIDTHS, ITSELF, TURNED_ROUND), windows)

PREFIXES = (
    Mistake("prefix_and", "The two masks are joined with *and*; it is enough if one says yes."),
    Mistake("prefix_asks", "The first tokens may look at everybody; everybody may look at them."),
    Mistake("prefix_alone", "The rest is not causal: it may look at the first tokens and no more."),
    Mistake("prefix_last", "The last n tokens are open to all, not the first n."),
    Mistake(
        "prefix_closed",
        "Only the first n tokens look at each other; the causal mask for all is missing.",
    ),
    Mistake("prefix_shifted", "The triangle is moved, so that everybody looks n tokens ahead."),
    Mistake("prefix_ignored", "This is the causal mask alone, without the prefix."),
)
COUNTS = (
    Mistake("prefix_one_more", "The prefix is one token too long: places count from 0."),
    Mistake("prefix_one_less", "The prefix is one token too short."),
)
CAUSAL = (
    Mistake("causal_ahead", "The causal mask is transposed: tokens look ahead, and not back."),
    Mistake("causal_strict", "The causal mask leaves out the diagonal, so tokens miss themselves."),
)


def prefix(wrong: Wrong, seq_len: int, n: int) -> Tensor:
    """All may look at the first n tokens; the rest is causal."""
    place = torch.arange(seq_len)
    causal = place[:, None] >= place
    if "causal_ahead" in wrong:
        causal = causal.mT
    if "causal_strict" in wrong:
        causal = place[:, None] > place
    n += ("prefix_one_more" in wrong) - ("prefix_one_less" in wrong)
    first = place >= seq_len - n if "prefix_last" in wrong else place < n
    if "prefix_asks" in wrong:
        first = first[:, None]
    if "prefix_and" in wrong:
        return told(wrong, causal & first)
    if "prefix_closed" in wrong:
        return told(wrong, (first & first[:, None]).expand(seq_len, seq_len))
    if "prefix_shifted" in wrong:
        return told(wrong, place[:, None] + n >= place)
    if "prefix_alone" in wrong:
        return told(wrong, first.expand(seq_len, seq_len))
    return told(wrong, causal if "prefix_ignored" in wrong else causal | first)


def prefixes() -> list[Case]:
    """Lengths, and prefixes from nothing to everything."""
    return [Case(sizes) for sizes in ((3, 2), (5, 2), (6, 3), (4, 0), (4, 4), (7, 1))]


PREFIX = Reference(prefix, (PREFIXES, COUNTS, CAUSAL, TURNED_ROUND), prefixes)

PUT = (
    Mistake("put_stays", "What was replaced is not put back, so more and more rows are other."),
    Mistake("put_added", "The other row is added to the token; it is to take its place."),
    Mistake("put_zeros", "Zeros take the token's place, and not the row that was handed over."),
)
CHANGES = (
    Mistake("changed_all", "An output counts only if all its channels change; one is enough."),
    Mistake("changed_first", "Only one channel of each output is compared; all of them count."),
    Mistake("changed_rises", "Only outputs that rise count; one that falls changes, too."),
    Mistake("changed_falls", "Only outputs that fall count; one that rises changes, too."),
    Mistake("changed_much", "Small changes are overlooked."),
    Mistake("changed_sum", "The sums of the outputs are compared, where changes can cancel out."),
)
TABLES = (
    Mistake("table_transposed", "The table is transposed: rows are outputs, columns replaced."),
    Mistake("table_unchanged", "True stands where an output stays; it is to say what changes."),
    Mistake("table_far", "The table says how far outputs move; yes or no is wanted."),
    Mistake("table_numbers", "The table is made of 0 and 1; yes and no are of type bool."),
)
BEFORES = (
    Mistake(
        "before_input",
        "Outputs are compared with the tokens that went in, not with the outputs before.",
    ),
    Mistake("before_last", "Outputs are compared with those of the replacement before it."),
)


def replaced(wrong: Wrong, module: Named, x: Tensor, other: Tensor) -> Tensor:
    """Which outputs change when one token after the other is replaced."""
    before = x if "before_input" in wrong else module(x)
    columns, now = [], x.clone()
    for j in range(len(x)):
        if "put_stays" not in wrong:
            now = x.clone()
        now[j] = torch.zeros_like(other) if "put_zeros" in wrong else other
        if "put_added" in wrong:
            now[j] = x[j] + other
        after = module(now)
        columns.append(_changed(wrong, before, after))
        if "before_last" in wrong:
            before = after
    table = torch.stack(columns, dim=0 if "table_transposed" in wrong else 1)
    if "table_unchanged" in wrong:
        return ~table
    return table.int() if "table_numbers" in wrong else table


def _changed(wrong: Wrong, before: Tensor, after: Tensor) -> Tensor:
    rise = after - before
    if "changed_rises" in wrong or "changed_falls" in wrong:
        rise = rise.clamp(min=0) if "changed_rises" in wrong else rise.clamp(max=0)
    if "changed_first" in wrong:
        rise = rise[:, :1]
    if "changed_sum" in wrong:
        rise = rise.sum(-1, keepdim=True)
    if "table_far" in wrong:
        return rise.norm(dim=-1)
    far = rise.abs() > (0.1 if "changed_much" in wrong else 0)
    return far.all(-1) if "changed_all" in wrong else far.any(-1)


def meters() -> list[Case]:
    """Models that look back, ahead, through a step, weakly, and in one channel only."""
    running = Named("sums of all tokens so far", lambda x: x.cumsum(0))
    peek = Named("adds 1 to all where the last token's first channel is above 0", _peek)
    weak = Named("adds a hundredth of the last token to all", lambda x: x + x[-1] / 100)
    second = Named("adds the last token's channel 1 to channel 1 of all", _second)
    against = Named("adds to channel 0 of all what it takes from channel 1", _against)
    small = torch.tensor([[1.0, 2.0], [3.0, 1.0], [2.0, 4.0]])
    later = Named("adds 1 to all where the last token begins above the first one", _later)
    drawn, zeros = numbers(1, 5, 3), torch.tensor([[1.0, 2.0], [0.0, 0.0], [2.0, 4.0]])
    return [
        Case((running, small, torch.tensor([4.0, 6.0]))),
        Case((running, small, torch.tensor([0.5, -3.0]))),
        Case((peek, torch.tensor([[1.0, 2.0], [-1.0, 3.0], [2.0, 1.0]]), torch.tensor([-2.0, 5]))),
        Case((weak, drawn, torch.tensor([1.0, -2.0, 3.0]))),
        Case((second, small, torch.tensor([5.0, 9.0]))),
        Case((second, small, torch.tensor([-5.0, 0.0]))),
        Case((against, small, torch.tensor([-1.0, 0.5]))),
        Case((running, drawn, numbers(2, 3))),
        Case((running, zeros, torch.tensor([4.0, 2.0]))),
        Case((later, torch.tensor([[1.0, 3.0], [5.0, 5.0], [2.0, 1.0]]), torch.tensor([1.5, 7]))),
    ]


def _peek(x: Tensor) -> Tensor:
    return x + (x[-1, 0] > 0)


def _later(x: Tensor) -> Tensor:
    return x + (x[-1, 0] > x[0, 0])


def _second(x: Tensor) -> Tensor:
    return x + x[-1] * torch.tensor([0.0, 1.0])


def _against(x: Tensor) -> Tensor:
    return x + x[-1, 0] * torch.tensor([1.0, -1.0])


REPLACED = Reference(replaced, (PUT, CHANGES, TABLES, BEFORES), meters)
