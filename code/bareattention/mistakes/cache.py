"""A key–value cache with turned keys, and how it goes wrong."""

from collections.abc import Callable

import torch
from torch import Tensor

from bareattention.mistakes import RIGHT, Alike, Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import attend, numbers
from bareattention.mistakes.rotary import rotate

PLACES = (
    Mistake("place_zero", "Each piece is turned as if it stood at the start of the text."),
    Mistake(
        "queries_at_zero",
        "The first of the new queries is turned as much as the first of all keys.",
    ),
    Mistake("keys_at_zero", "The new keys are turned as if they stood at the start."),
    Mistake("turned_again", "The old keys are turned once more with each new piece."),
    Mistake("one_behind", "Each piece but the first is turned as if it stood one place earlier."),
    Mistake("not_turned", "Nothing is turned, so that places count for nothing."),
)
MASKS = (
    Mistake("no_mask", "Tokens that come together see each other's future."),
    Mistake("top_rows", "The mask has the rows of the first tokens, not those of the newest."),
)
KEPT = (
    Mistake("nothing_kept", "Nothing is kept: each piece sees itself alone."),
    Mistake("last_kept", "Only the last piece is kept, and older ones are forgotten."),
    Mistake("first_kept", "Only the first piece is kept, and later ones are forgotten."),
    Mistake("new_first", "New keys and values are put before the old ones, not behind them."),
)
VALUES = (Mistake("values_turned", "The values are turned as well; only queries and keys are."),)


class Cache:
    """Attention for a text that grows, made with mistakes."""

    def __init__(self, wrong: Wrong):
        self.wrong, self.keys, self.values = wrong, None, None

    def __call__(
        self, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """The output of the newest tokens, which see all tokens before them."""
        wrong, first = self.wrong, 0 if self.keys is None else self.keys.shape[-2]
        queries = self._turned(queries, first, "queries_at_zero")
        if "turned_again" not in wrong:
            keys = self._turned(keys, first, "keys_at_zero")
        if "values_turned" in wrong:
            values = self._turned(values, first, "keys_at_zero")
        new = keys, values
        if first:
            keys, values = self._joined(self.keys, keys), self._joined(self.values, values)
        if "turned_again" in wrong:
            keys = rotate(RIGHT, keys)
        self._keep(first, new, (keys, values))
        return attend(RIGHT, queries, keys, values, self._mask(queries, keys))

    def _turned(self, x: Tensor, first: int, alone: str) -> Tensor:
        if "not_turned" in self.wrong:
            return x
        first -= bool(first) and "one_behind" in self.wrong
        return rotate(RIGHT, x, 0 if self.wrong & {"place_zero", alone} else first)

    def _joined(self, old: Tensor, new: Tensor) -> Tensor:
        return torch.cat([new, old] if "new_first" in self.wrong else [old, new], dim=-2)

    def _keep(self, first: int, new: tuple, whole: tuple) -> None:
        if "nothing_kept" in self.wrong or (first and "first_kept" in self.wrong):
            return
        self.keys, self.values = new if "last_kept" in self.wrong else whole

    def _mask(self, queries: Tensor, keys: Tensor) -> Tensor | None:
        if "no_mask" in self.wrong:
            return None
        n_new, n_all = queries.shape[-2], keys.shape[-2]
        before = 0 if "top_rows" in self.wrong else n_all - n_new
        return torch.ones(n_new, n_all, dtype=torch.bool).tril(before)


def in_pieces(
    answer: Callable[[], Callable[..., Tensor]],
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    sizes: tuple[int, ...],
) -> Tensor | None:
    """The outputs for a text that comes in pieces of these sizes, side by side."""
    cache, parts = answer(), []
    for some in zip(*(x.split(sizes, dim=-2) for x in (queries, keys, values)), strict=True):
        output = cache(*some)
        if output is None:
            return None
        parts.append(output[0] if isinstance(output, tuple) else output)
    return torch.cat(parts, dim=-2)


def pieces() -> list[Case]:
    """All at once, in two, token by token, and in heads."""
    text = [numbers(seed, 6, 4) for seed in (1, 2, 3)]
    heads = [numbers(seed, 2, 7, 4) for seed in (4, 5, 6)]
    return [
        Case((*(x[:2] for x in text), (1, 1))),
        Case((*text, (6,))),
        Case((*text, (3, 2, 1))),
        Case((*text, (1,) * 6)),
        Case((*heads, (2, 1, 4))),
    ]


ALIKE = (
    Alike(
        frozenset({"nothing_kept"}),
        frozenset({"new_first", "top_rows"}),
        "The first rows of the mask show as many keys as are new, and these are put in front.",
    ),
)
CACHE = Reference(Cache, (PLACES, MASKS, KEPT, VALUES), pieces, observe=in_pieces, alike=ALIKE)
