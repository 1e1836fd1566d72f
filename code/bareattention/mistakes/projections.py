"""Projections, heads made by hand and their rank, and how they go wrong."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from bareattention.mistakes import Case, Mistake, Reference, Wrong
from bareattention.mistakes.attention import numbers

# Dials of every sum that is written as a loop.
LOOPS = (
    Mistake("last_alone", "The sum is overwritten, not added to: only the last channel counts."),
    Mistake("last_missed", "The loop over the channels ends too soon: the last one is missing."),
    Mistake("first_missed", "The loop over the channels starts too late: the first is missing."),
    Mistake("never_reset", "The sum is not set back to 0, so each number contains those before."),
    Mistake("reset_per_row", "The sum is set to 0 for each token, and not for each number."),
    Mistake("averaged", "The sum over the channels is divided by their number."),
)
TABLES = (
    Mistake(
        "rows_shared",
        "All rows of the result are one and the same list, so every token adds to it.",
    ),
    Mistake(
        "rows_overwritten",
        "All rows of the result are one and the same list, so the last token overwrites the rest.",
    ),
    Mistake("first_row", "The result ends with the first row: is `return` inside the loop?"),
    Mistake("rest_zeros", "All rows but the first stay 0: is `return` inside the loop?"),
    Mistake("first_number", "The result is the first number alone: is `return` in the loops?"),
    Mistake("row_missed", "The last row is left out by a loop that ends too soon."),
    Mistake("column_missed", "The last column is left out by a loop that ends too soon."),
    Mistake("flat", "The numbers come as one long row, not as rows and columns."),
    Mistake("table_turned", "The result is transposed: a row belongs to whoever asks."),
)
MATRIX = (
    Mistake("W_transposed", "The matrix is read transposed: its rows are the channels that go in."),
    Mistake("W_cut", "The matrix is cut anew (`view`), where it should stay as it is."),
    Mistake("no_mixing", "Channel meets channel alone; each that comes out takes some of all."),
)


def summed(wrong: Wrong, products: Tensor) -> Tensor:
    """Products (rows, columns, channels), summed over the channels as a loop would do it."""
    if "last_alone" in wrong:
        return products[..., -1]
    if "last_missed" in wrong:
        products = products[..., :-1]
    if "first_missed" in wrong:
        products = products[..., 1:]
    table = products.sum(-1)
    if "never_reset" in wrong:
        return table.flatten().cumsum(0).view_as(table)
    if "reset_per_row" in wrong:
        return table.cumsum(1)
    return table / products.shape[-1] if "averaged" in wrong else table


def laid_out(wrong: Wrong, table: Tensor) -> Tensor:
    """The table as a loop would fill it."""
    if "rows_shared" in wrong:
        return table.sum(0).expand_as(table)
    if "rows_overwritten" in wrong:
        return table[-1].expand_as(table)
    if "first_row" in wrong:
        return table[0]
    if "rest_zeros" in wrong:
        return torch.cat([table[:1], torch.zeros_like(table[1:])])
    if "first_number" in wrong:
        return table[0, 0]
    if "row_missed" in wrong:
        return torch.cat([table[:-1], torch.zeros_like(table[-1:])])
    if "column_missed" in wrong:
        return torch.cat([table[:, :-1], torch.zeros_like(table[:, -1:])], dim=1)
    if "flat" in wrong:
        return table.flatten()
    return table.T if "table_turned" in wrong else table


def projected(wrong: Wrong, embeddings: Tensor, W: Tensor) -> Tensor:
    """Embeddings times a matrix."""
    if "W_transposed" in wrong:
        if len(set(W.shape)) > 1:
            raise IndexError("index out of range")  # as a loop does; a product: RuntimeError
        W = W.T
    if "W_cut" in wrong:
        W = W.T.reshape(W.shape)
    if "no_mixing" in wrong:
        return laid_out(wrong, embeddings * W.diagonal())
    return laid_out(wrong, summed(wrong, embeddings[:, None, :] * W.T))


def embeddings_and_matrix() -> list[Case]:
    """A pencil's size, the matrix square; then other shapes."""
    small = torch.tensor([[1.0, 0], [2, 1]]), torch.tensor([[1.0, 2], [3, 4]])
    shapes = [((3, 3), (3, 3)), ((4, 3), (3, 5)), ((2, 4), (4, 4))]
    drawn = [(numbers(30 + i, *x), numbers(40 + i, *w)) for i, (x, w) in enumerate(shapes)]
    return [Case(small), *(Case(each) for each in drawn)]


PROJECTED = Reference(projected, (LOOPS, TABLES, MATRIX), embeddings_and_matrix)

NEXT = (
    Mistake("before", "Each token finds the one before it, and should find the one after."),
    Mistake("itself", "Each token finds itself: its query is its own key."),
    Mistake("two_on", "Each token finds the one after the next."),
    Mistake("end_open", "The last token finds nobody for certain, and should find the first."),
    Mistake("end_itself", "The last token finds itself, and should find the first."),
    Mistake("nobody", "Several keys fit equally well, so that no token finds one for certain."),
)


def ask_next(wrong: Wrong) -> Tensor:
    """W_query with which each of four one-hot tokens finds the next."""
    steps = {"before": -1, "itself": 0, "two_on": 2}
    step = next((steps[name] for name in wrong if name in steps), 1)
    W = torch.eye(4).roll(step, dims=1) * ("nobody" not in wrong)
    if "end_open" in wrong:
        W[3] = 0.0
    if "end_itself" in wrong:
        W[3] = torch.eye(4)[3]
    return W


def _table(answer: Callable[[], Any], size: int) -> Tensor | None:
    W = answer()
    if W is None:
        return None
    W = torch.as_tensor(W).detach().to(torch.float32)
    if W.shape != (size, size):
        raise ValueError(f"wanted W_query of shape ({size}, {size}); got {tuple(W.shape)}")
    return W


def look_whom(answer: Callable[[], Any]) -> tuple[str, ...] | None:
    """Whom each of four one-hot tokens finds with this W_query and the identity as W_key."""
    W = _table(answer, 4)
    if W is None:
        return None
    found = []
    for token, row in enumerate(W):
        best = (row >= row.max() - 1e-6).nonzero().flatten().tolist()
        found.append(f"{token} finds {best[0] if len(best) == 1 else 'nobody'}")
    return tuple(found)


FINDS_NEXT = Reference(ask_next, (NEXT,), lambda: [Case()], observe=look_whom)

WORDS = ("boat", "by", "the", "bank")
LOST = tuple(
    (
        Mistake(
            f"{word}_lost", f"*{word}* does not find *{other}*: look at the row that it asks with."
        ),
    )
    for word, other in zip(WORDS, (*WORDS[1:], WORDS[0]), strict=True)
)


NOTHING = (Mistake("nobody", "No word finds the next one yet."),)


def ask_next_word(wrong: Wrong) -> Tensor:
    """W_query with which each word finds the next."""
    if "nobody" in wrong:
        return torch.zeros(3, 3)
    boat = torch.tensor([0.0, 0, 0 if "boat_lost" in wrong else -1])
    # *by* asks with minus this row, *the* with the row itself.
    rows = {
        (): [1.0, 4, -1],
        ("by",): [0.0, 1, 0],
        ("the",): [2.0, 0, -1],
        ("by", "the"): [0.0] * 3,
    }
    the = torch.tensor(rows[tuple(word for word in ("by", "the") if f"{word}_lost" in wrong)])
    bank = torch.tensor([0.0 if "bank_lost" in wrong else 1, 0, 0])
    return torch.stack([boat, bank - boat - 2 * the, the])


def look_at_words(answer: Callable[[], Any]) -> tuple[str, ...] | None:
    """Which words find the next one with this W_query, where the keys are the embeddings."""
    W = _table(answer, 3)
    if W is None:
        return None
    X = torch.tensor([[2.0, 0, 0], [0, 0, -1], [0, 0, 1], [1, 1, 2]])
    scores = X @ W @ X.T
    found = []
    for i, word in enumerate(WORDS):
        j = (i + 1) % 4
        others = torch.cat([scores[i, :j], scores[i, j + 1 :]])
        whom = WORDS[j] if scores[i, j] > others.max() + 1e-6 else "another or nobody"
        found.append(f"{word} finds {whom}")
    return tuple(found)


FINDS_WORDS = Reference(ask_next_word, (*LOST, NOTHING), lambda: [Case()], observe=look_at_words)

BOUNDS = (
    Mistake("tokens_ignored", "A table of few tokens has few rows: seq_len is a bound, too."),
    Mistake("d_model_ignored", "Queries are sums of the d_model rows of W_query: a bound, too."),
    Mistake("d_k_ignored", "Queries and keys have d_k columns, which is a bound, too."),
    Mistake("tokens_alone", "seq_len is one of the bounds, and not the only one."),
    Mistake("d_model_alone", "d_model is one of the bounds, and not the only one."),
    Mistake("d_k_alone", "d_k is one of the bounds, and not the only one."),
    Mistake("largest", "The largest of the bounds is taken: the smallest one holds."),
    Mistake("multiplied", "The bounds are multiplied: the smallest one holds."),
)


def rank(wrong: Wrong, seq_len: int, d_model: int, d_k: int) -> int:
    """The largest rank that queries @ keys.T can have."""
    bounds = {
        "tokens_ignored": min(d_model, d_k),
        "d_model_ignored": min(seq_len, d_k),
        "d_k_ignored": min(seq_len, d_model),
        "tokens_alone": seq_len,
        "d_model_alone": d_model,
        "d_k_alone": d_k,
        "largest": max(seq_len, d_model, d_k),
        "multiplied": seq_len * d_model * d_k,
    }
    found = next((bounds[name] for name in wrong if name in bounds), None)
    return min(seq_len, d_model, d_k) if found is None else found


def sizes() -> list[Case]:
    """The small example, the real-sized one, and sizes in every order."""
    each = [(4, 3, 4), (128, 512, 64), (10, 512, 64), (128, 16, 64), (9, 5, 7), (6, 8, 2)]
    return [Case(sizes) for sizes in each]


RANK = Reference(rank, (BOUNDS,), sizes)
