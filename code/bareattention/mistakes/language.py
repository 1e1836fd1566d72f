"""Targets, bits, and drawing the next token, and how they go wrong."""

import math

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

SHIFTS = (
    Mistake("not_shifted", "The targets are the tokens themselves, which the model has just read."),
    Mistake("backwards", "The target of a token is the one before it, and not the one after."),
    Mistake("two_on", "The targets are two steps on."),
    Mistake("rolled", "The last target is the first token of its own piece (`roll` wraps round)."),
    Mistake("last_only", "Only the last place has a target; every place asks a question."),
)
LENGTHS = (
    Mistake("one_short", "The pieces are one token too short."),
    Mistake("one_long", "The pieces are one token too long."),
)
ROLES = (Mistake("exchanged", "What is read and what is due have changed places."),)
STARTS = (
    Mistake("starts_ignored", "The pieces follow each other from the start of the text."),
    Mistake("multiplied", "The starts are taken as numbers of pieces, not of tokens."),
)


def targets(wrong: Wrong, ids: Tensor, starts: Tensor, seq_len: int) -> tuple[Tensor, Tensor]:
    """Pieces of a text, and what follows each of their tokens."""
    seq_len += ("one_long" in wrong) - ("one_short" in wrong)
    if "starts_ignored" in wrong:
        starts = torch.arange(len(starts)) * seq_len
    if "multiplied" in wrong:
        starts = starts * seq_len
    places = starts[:, None] + torch.arange(seq_len)
    steps = {"not_shifted": 0, "backwards": -1, "two_on": 2}
    step = next((steps[name] for name in wrong if name in steps), 1)
    read, due = ids[places % len(ids)], ids[(places + step) % len(ids)]
    if "rolled" in wrong:
        due = read.roll(-1, dims=1)
    if "last_only" in wrong:
        due = due[:, -1]
    return (due, read) if "exchanged" in wrong else (read, due)


def texts() -> list[Case]:
    """A text of eight tokens, and one of fifty, in which no piece ends at the end."""
    small = torch.tensor([3, 1, 4, 0, 5, 9, 2, 6])
    drawn = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    return [
        Case((small, torch.tensor([1]), 3)),
        Case((small, torch.tensor([0, 2]), 4)),
        Case((drawn, torch.tensor([7, 0, 31]), 6)),
    ]


TARGETS = Reference(targets, (SHIFTS, LENGTHS, ROLES, STARTS), texts)

BASES = (
    Mistake("nats", "These are nats, in which the logarithm is the natural one; bits have base 2."),
    Mistake("times", "Nats are multiplied by log 2; they have to be divided by it."),
    Mistake("digits", "The logarithm is that of base 10; bits have base 2."),
    Mistake("perplexity", "This is the perplexity, a power of the bits."),
)
MEANS = (
    Mistake("summed", "The bits of all tokens are summed, not averaged."),
    Mistake("per_piece", "The bits of a whole piece are summed; each token counts for itself."),
    Mistake("log_of_mean", "The shares are averaged before the logarithm is taken."),
)
SIGNS = (Mistake("no_minus", "The minus is missing."),)
SHARES = (
    Mistake("no_softmax", "The logits are no logarithms of shares before a softmax."),
    Mistake("softmax_twice", "The softmax is taken twice (`cross_entropy` takes one itself)."),
    Mistake("wrong_axis", "The softmax runs over the places, not over the tokens to choose from."),
    Mistake("entropy", "This is the entropy of the shares: `due` is never asked what came."),
    Mistake("shifted_again", "What is due is moved on once more, and has been moved already."),
    Mistake("most_likely", "The likeliest token is judged, not the one that follows."),
)


def bits(wrong: Wrong, logits: Tensor, due: Tensor) -> Tensor:
    """Bits per token."""
    logs = logits.log_softmax(-2 if "wrong_axis" in wrong else -1)
    if "softmax_twice" in wrong:
        logs = logits.softmax(-1).log_softmax(-1)
    if "no_softmax" in wrong:
        logs = logits
    chosen = logs.argmax(-1) if "most_likely" in wrong else due
    if "shifted_again" in wrong:
        logs, chosen = logs[:, :-1], due[:, 1:]
    each = logs.gather(-1, chosen[..., None])[..., 0]
    if "entropy" in wrong:
        each = (logs.exp() * logs).sum(-1)
    total = each.mean()
    if "summed" in wrong:
        total = each.sum()
    if "per_piece" in wrong:
        total = each.sum(-1).mean()
    if "log_of_mean" in wrong:
        total = each.exp().mean().log()
    units = {"nats": 1.0, "times": 1 / math.log(2), "digits": math.log(10)}
    found = total / next((units[name] for name in wrong if name in units), math.log(2))
    found = found if "no_minus" in wrong else -found
    return 2**found if "perplexity" in wrong else found


def judged() -> list[Case]:
    """Two tokens that are half and a quarter likely, and three pieces of five tokens."""
    small = torch.tensor([[[0.5, 0.25, 0.25], [0.25, 0.25, 0.5]]]).log() + 1
    due = torch.randint(6, (3, 5), generator=torch.Generator().manual_seed(3))
    return [Case((small, torch.tensor([[0, 1]]))), Case((numbers(1, 3, 5, 6), due))]


BITS = Reference(bits, (BASES, MEANS, SIGNS, SHARES), judged)

FILLS = (
    Mistake("zeros", "What is left out gets the logit 0, and keeps a share: e⁰ is 1."),
    Mistake("large", "What is left out gets a large negative number; −∞ was asked for."),
    Mistake("shares", "These are shares; logits were asked for."),
)
COUNTS = (
    Mistake("one_less", "One fewer than k is kept: the k-th largest belongs to them."),
    Mistake("one_more", "One more than k is kept."),
    Mistake("smallest", "The k smallest are kept, not the k largest."),
    Mistake("first", "The first k are kept, not the k largest."),
    Mistake("left_out", "The k largest are left out, and all others kept."),
)
TABLES = (
    Mistake("of_all", "The k largest of all rows together are kept; each row has its own."),
    Mistake("down", "The k largest of each column are kept; each row has its own."),
    Mistake("first_row", "The first row decides for all; each row has its own k largest."),
)
SHAPES = (Mistake("k_only", "Only k logits come back, so nobody knows which tokens they are of."),)


def keep(wrong: Wrong, logits: Tensor, k: int) -> Tensor:
    """The k largest logits of each row; the others are −∞."""
    ranked = logits.flatten()[None] if "of_all" in wrong else logits
    if "down" in wrong and logits.ndim > 1:
        ranked = logits.transpose(0, -1)
    order = (ranked if "smallest" in wrong else -ranked).argsort(-1).argsort(-1)
    if "first" in wrong:
        order = torch.arange(ranked.shape[-1]).expand_as(ranked)
    kept = order < k + ("one_more" in wrong) - ("one_less" in wrong)
    if "left_out" in wrong:
        kept = ~kept
    if "first_row" in wrong:
        kept = kept.reshape(-1, kept.shape[-1])[0].expand_as(kept)
    if "down" in wrong and logits.ndim > 1:
        kept = kept.transpose(0, -1)
    kept = kept.reshape(logits.shape)
    if "k_only" in wrong:
        found = logits.masked_fill(~kept, -math.inf).sort(-1, descending=True).values[..., :k]
        return found.softmax(-1) if "shares" in wrong else found
    value = 0.0 if "zeros" in wrong else -1e9 if "large" in wrong else -math.inf
    found = logits.masked_fill(~kept, value)
    return found.softmax(-1) if "shares" in wrong else found


def to_rank() -> list[Case]:
    """A row, a table, and a batch of tables, without ties."""
    small = torch.tensor([1.0, 3.0, -2.0, 2.0])
    return [
        Case((small, 2)),
        Case((torch.stack([small, -small, small.roll(1) + 5]), 2)),
        Case((numbers(4, 2, 4, 5), 3)),
        Case((small, 4)),
    ]


KEEP = Reference(keep, (FILLS, COUNTS, TABLES, SHAPES), to_rank)

TEMPERATURES = (
    Mistake("not_heated", "The temperature is ignored."),
    Mistake("heated_twice", "The logits are multiplied by the temperature, not divided by it."),
    Mistake("heated_late", "The shares are divided by the temperature, not the logits."),
)
DRAWS = (
    Mistake("greedy", "The likeliest token is taken whatever the chance: that is no draw."),
    Mistake("one_on", "It is one token too far."),
    Mistake("one_back", "It is one token short."),
    Mistake("from_the_end", "The shares are laid out from the last token to the first."),
    Mistake("likeliest_first", "The line begins with the likeliest token, not with the first."),
    Mistake("ranked", "A place in the sorted shares comes back, and not the token's own number."),
    Mistake("no_sums", "The chance is compared with single shares, not with their running sum."),
    Mistake("even", "Every token is as likely as any other."),
)
LAID = (
    Mistake("not_shares", "The logits themselves are laid out, without a softmax."),
    Mistake("not_divided", "The powers of e are laid out, and not divided by their sum."),
)


def draw(wrong: Wrong, logits: Tensor, temperature: float, chance: float) -> Tensor:
    """The token on whose stretch of the line from 0 to 1 the chance falls."""
    heated = logits if wrong & {"not_heated", "heated_late"} else logits / temperature
    if "heated_twice" in wrong:
        heated = logits * temperature
    shares = heated / heated.sum() if "not_shares" in wrong else heated.softmax(-1)
    if "not_divided" in wrong:
        shares = heated.exp()
    if "heated_late" in wrong:
        shares = shares / temperature
    if "greedy" in wrong:
        return shares.argmax()
    if "even" in wrong:
        return torch.tensor(int(chance * len(shares)))
    if "from_the_end" in wrong:
        return len(shares) - 1 - (shares.flip(0).cumsum(0) <= chance).sum()
    if "likeliest_first" in wrong:
        order = shares.sort(descending=True)
        place = (order.values.cumsum(0) <= chance).sum().clamp(max=len(shares) - 1)
        return order.indices[place]
    if "ranked" in wrong:
        shares = shares.sort(descending=True).values
    if "no_sums" in wrong:
        return (shares > chance).int().argmax()
    place = (shares.cumsum(0) <= chance).sum()
    return place + int("one_on" in wrong) - int("one_back" in wrong)


def chances() -> list[Case]:
    """Three tokens with shares 1/4, 1/2 and 1/4 and six with others, hot and cold."""
    small, six = torch.tensor([1.0, 2.0, 1.0]).log(), torch.tensor([0.5, 3.0, 1.0, 2.0, 0.0, 2.5])
    along = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97]
    cases = [Case((small, 1.0, chance)) for chance in (0.5, 0.2, 0.9)]
    cases += [Case((six, heat, chance)) for heat in (3.0, 0.4, 1.0) for chance in along]
    return cases + [Case((six - 4.5, 1.0, chance)) for chance in along]


DRAW = Reference(draw, (TEMPERATURES, DRAWS, LAID), chances)
