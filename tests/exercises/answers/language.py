"""Chapter 20."""

import math

import torch
from torch.nn import functional as F

from bareattention import KeyValueCache, attention, causal_mask, rotate_positions


def kept_by_topk(logits, k):
    return logits.masked_fill(logits < logits.topk(k).values[..., -1:], -torch.inf)


def kept_by_scatter(logits, k):
    values, places = logits.topk(k, dim=-1)
    return torch.full_like(logits, -torch.inf).scatter(-1, places, values)


def kept_by_sorting(logits, k):
    ranks = logits.argsort(-1, descending=True).argsort(-1)
    return torch.where(ranks < k, logits.double(), -torch.inf)


def kept_strictly(logits, k):
    return logits.masked_fill(logits <= logits.topk(k).values[..., -1:], -torch.inf)


def kept_of_all(logits, k):
    least = logits.flatten().topk(k).values[-1]
    return logits.masked_fill(logits < least, -torch.inf)


def kept_with_zeros(logits, k):
    return logits * (logits >= logits.topk(k).values[..., -1:])


def renormalised(logits, k):
    return kept_by_topk(logits, k).softmax(-1)


def half_of_them(logits, k):
    return logits.masked_fill(logits < logits.mean(-1, keepdim=True), -torch.inf)


def read_and_due(ids, starts, seq_len):
    places = starts[:, None] + torch.arange(seq_len + 1)
    return ids[places][:, :-1], ids[places][:, 1:]


def by_slices(ids, starts, seq_len):
    read = torch.stack([ids[s : s + seq_len] for s in starts.tolist()])
    due = torch.stack([ids[s + 1 : s + seq_len + 1] for s in starts.tolist()])
    return torch.stack([read, due])


def by_windows(ids, starts, seq_len):
    windows = ids.unfold(0, seq_len, 1)
    return windows[starts], windows[starts + 1]


def same_twice(ids, starts, seq_len):
    read, _ = read_and_due(ids, starts, seq_len)
    return read, read


def with_roll(ids, starts, seq_len):
    read, _ = read_and_due(ids, starts, seq_len)
    return read, read.roll(-1, 1)


def cut_short(ids, starts, seq_len):
    pieces = ids[starts[:, None] + torch.arange(seq_len)]
    return pieces[:, :-1], pieces[:, 1:]


def next_alone(ids, starts, seq_len):
    return read_and_due(ids, starts, seq_len)[0], ids[starts + seq_len]


def one_before(ids, starts, seq_len):
    read, due = read_and_due(ids, starts, seq_len)
    return due, read


def bits_by_cross_entropy(logits, due):
    return F.cross_entropy(logits.flatten(0, 1), due.flatten()) / math.log(2)


def bits_by_gather(logits, due):
    shares = logits.softmax(-1).gather(-1, due.unsqueeze(-1))
    return -shares.log2().mean()


def bits_by_loop(logits, due):
    found = []
    for rows, answers in zip(logits, due, strict=True):
        for row, answer in zip(rows, answers, strict=True):
            found.append(-math.log2(row.double().exp()[answer] / row.double().exp().sum()))
    return sum(found) / len(found)


def in_nats(logits, due):
    return F.cross_entropy(logits.flatten(0, 1), due.flatten())


def twice(logits, due):
    return bits_by_cross_entropy(logits.softmax(-1), due)


def without_softmax(logits, due):
    return -logits.gather(-1, due[..., None]).mean() / math.log(2)


def smoothed(logits, due):
    return bits_by_cross_entropy(logits / 2, due)


def drawn_by_counting(logits, temperature, chance):
    return int(((logits / temperature).softmax(-1).cumsum(-1) <= chance).sum())


def drawn_by_search(logits, temperature, chance):
    sums = torch.softmax(logits.double() / temperature, 0).cumsum(0)
    return torch.searchsorted(sums, torch.tensor(chance, dtype=torch.float64), right=True)


def drawn_by_loop(logits, temperature, chance):
    for token, share in enumerate(torch.softmax(logits / temperature, 0).tolist()):
        chance -= share
        if chance < 0:
            return token
    return token


def ranked(logits, temperature, chance):
    shares = (logits / temperature).softmax(0).sort(descending=True).values
    return (shares.cumsum(0) <= chance).sum()


def flipped_coin(logits, temperature, chance):
    return torch.multinomial((logits / temperature).softmax(0), 1)[0]


def shares_over_temperature(logits, temperature, chance):
    return ((logits.softmax(0) / temperature).cumsum(0) <= chance).sum()


def turned_by_complex(x, first=0):
    n, d_k = x.shape[-2:]
    speeds = 10_000 ** -(torch.arange(0, d_k, 2) / d_k)
    angles = torch.arange(first, first + n)[:, None] * speeds
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


def turned_by_matrix(x, first=0):
    rows = []
    for i, row in enumerate(x.unbind(-2)):
        blocks = []
        for p in range(x.shape[-1] // 2):
            t = (first + i) / 10_000 ** (2 * p / x.shape[-1])
            blocks.append(torch.tensor([[math.cos(t), -math.sin(t)], [math.sin(t), math.cos(t)]]))
        rows.append(row @ torch.block_diag(*blocks).T)
    return torch.stack(rows, -2)


def turned(x, first=0, sign=1, base=10_000, count=2, weave=True, halves=False, unit=1.0):
    n, d_k = x.shape[-2:]
    pairs = torch.arange(d_k // 2)
    angles = unit * (first + torch.arange(n))[:, None] / base ** (count * pairs / d_k)
    s, c = sign * angles.sin(), angles.cos()
    a, b = x.chunk(2, -1) if halves else (x[..., ::2], x[..., 1::2])
    both = [a * c - b * s, a * s + b * c]
    return torch.stack(both, -1).flatten(-2) if weave else torch.cat(both, -1)


class Cache:
    """A right one, with what may be got wrong as class attributes."""

    at_zero = again = masked = False
    keep = "all"

    def __init__(self):
        self.keys = self.values = None

    def __call__(self, queries, keys, values, mask=None):
        first = 0 if self.keys is None else self.keys.shape[-2]
        place = 0 if self.at_zero else first
        if not self.again:
            keys = turned(keys, place)
        if first:
            keys = torch.cat([self.keys, keys], -2)
            values = torch.cat([self.values, values], -2)
        if self.again:
            keys = turned(keys)
        if self.keep == "all" or not first:
            self.keys, self.values = keys, values
        scores = turned(queries, place) @ keys.mT / keys.shape[-1] ** 0.5
        n_new, n_all = scores.shape[-2:]
        if not self.masked:
            mask = torch.ones(n_new, n_all, dtype=torch.bool).tril(n_all - n_new)
            scores = scores.masked_fill(~mask, -torch.inf)
        return scores.softmax(-1) @ values


class RawCache:
    """Keeps keys as they are, and turns them anew each time."""

    def __init__(self):
        self.seen = []

    def __call__(self, queries, keys, values, mask=None):
        self.seen.append((keys, values))
        keys = torch.cat([k for k, _ in self.seen], dim=-2)
        values = torch.cat([v for _, v in self.seen], dim=-2)
        first = keys.shape[-2] - queries.shape[-2]
        mask = causal_mask(keys.shape[-2])[first:]
        return attention(rotate_positions(queries, first), rotate_positions(keys), values, mask)


class OneMemory:
    """All of its kind share what they keep."""

    seen = []  # noqa: RUF012

    def __call__(self, queries, keys, values, mask=None):
        return RawCache.__call__(self, queries, keys, values)


def made(**mistakes):
    return type("Made", (Cache,), mistakes)


def laid_from_the_likeliest(logits, temperature, chance):
    shares, order = (logits / temperature).softmax(-1).sort(descending=True)
    return order[(shares.cumsum(-1) <= chance).sum()].item()


def laid_without_dividing(logits, temperature, chance):
    return int(((logits / temperature).exp().cumsum(-1) <= chance).sum())


def turned_in_place(x, first=0):
    pairs = torch.arange(0, x.shape[-1], 2) / x.shape[-1]
    angles = (first + torch.arange(x.shape[-2]))[:, None] / 10_000**pairs
    x = x.clone()
    x[..., 0::2] = x[..., 0::2] * angles.cos() - x[..., 1::2] * angles.sin()
    x[..., 1::2] = x[..., 0::2] * angles.sin() + x[..., 1::2] * angles.cos()
    return x


def with_exponents_twice_as_large(x, first=0):
    pairs = torch.arange(0, x.shape[-1], 2)
    angles = (first + torch.arange(x.shape[-2]))[:, None] / 10_000 ** (2 * pairs / x.shape[-1])
    pair = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pair * torch.exp(1j * angles)).flatten(-2)


def entropy_of_the_shares(logits, due):
    return torch.distributions.Categorical(logits=logits).entropy().mean() / math.log(2)


def shifted_again(logits, due):
    loss = F.cross_entropy(logits[:, :-1].flatten(0, 1), due[:, 1:].flatten())
    return loss / math.log(2)


RIGHT = {
    "20.2": [kept_by_topk, kept_by_scatter, kept_by_sorting],
    "20.3": [KeyValueCache, Cache, RawCache],
    "20.4": [read_and_due, by_slices, by_windows],
    "20.5": [bits_by_cross_entropy, bits_by_gather, bits_by_loop],
    "20.6": [drawn_by_counting, drawn_by_search, drawn_by_loop],
    "20.7": [turned_by_complex, turned_by_matrix, rotate_positions, turned],
}
WRONG = {
    "20.2": [
        (kept_strictly, "one_less"),
        (kept_of_all, "of_all"),
        (kept_with_zeros, "zeros"),
        (renormalised, "shares"),
        (lambda logits, k: logits.topk(k).values, "k_only"),
        (lambda logits, k: -kept_by_topk(-logits, k), None),
        (half_of_them, None),
    ],
    "20.3": [
        (made(at_zero=True), "place_zero"),
        (made(again=True), "turned_again"),
        (made(masked=True), "no_mask"),
        (made(keep="first"), "first_kept"),
        (made(at_zero=True, masked=True), {"place_zero", "no_mask"}),
        (OneMemory, None),
    ],
    "20.4": [
        (same_twice, "not_shifted"),
        (with_roll, "rolled"),
        (cut_short, "one_short"),
        (next_alone, "last_only"),
        (one_before, "exchanged"),
        (lambda ids, starts, n: (ids[:n], ids[1 : n + 1]), None),
    ],
    "20.5": [
        (entropy_of_the_shares, "entropy"),
        (shifted_again, "shifted_again"),
        (in_nats, "nats"),
        (twice, "softmax_twice"),
        (without_softmax, "no_softmax"),
        (lambda logits, due: in_nats(logits, due) * math.log(2), "times"),
        (lambda logits, due: -bits_by_gather(logits, due), "no_minus"),
        (lambda logits, due: bits_by_gather(logits, due) * due.numel(), "summed"),
        (lambda logits, due: in_nats(logits, due).exp(), "perplexity"),
        (smoothed, None),
    ],
    "20.6": [
        (laid_from_the_likeliest, "likeliest_first"),
        (laid_without_dividing, "not_divided"),
        (lambda logits, temperature, chance: logits.argmax(), "greedy"),
        (lambda logits, temperature, chance: drawn_by_counting(logits, 1, chance), "not_heated"),
        (lambda logits, t, chance: drawn_by_counting(logits, 1 / t, chance), "heated_twice"),
        (lambda *given: drawn_by_counting(*given) + 1, "one_on"),
        (ranked, "ranked"),
        (shares_over_temperature, "heated_late"),
        (flipped_coin, None),
    ],
    "20.7": [
        (turned_in_place, "overwritten"),
        (with_exponents_twice_as_large, "square"),
        (lambda x, first=0: turned(x, first, sign=-1), "backwards"),
        (lambda x, first=0: turned(x, first, weave=False), "laid_apart"),
        (lambda x, first=0: turned(x, first, weave=False, halves=True), "halves"),
        (lambda x, first=0: turned(x, first, count=1), "root"),
        (lambda x, first=0: turned(x), "first_ignored"),
        (lambda x, first=0: turned(x, first, unit=math.pi / 180), "degrees"),
        (lambda x, first=0: turned(x, first + 1), "from_one"),
        (lambda x, first=0: turned(x, first, base=1000), None),
    ],
}
