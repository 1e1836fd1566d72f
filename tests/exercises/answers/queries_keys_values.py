"""Chapter 3."""

import torch


def three_loops(embeddings, W):
    found = torch.zeros(len(embeddings), W.shape[1])
    for i in range(len(embeddings)):
        for j in range(W.shape[1]):
            for c in range(W.shape[0]):
                found[i, j] += embeddings[i, c] * W[c, j]
    return found


def with_lists(embeddings, W):
    columns = list(zip(*W.tolist(), strict=True))
    rows = embeddings.tolist()
    return [[sum(a * b for a, b in zip(x, w, strict=True)) for w in columns] for x in rows]


def row_by_row(embeddings, W):
    return torch.stack([sum(n * row for n, row in zip(x, W, strict=True)) for x in embeddings])


def filled(embeddings, W, start=None, reset=True, cut=0):
    """Loops with a list of lists, in which several things can go wrong."""
    found = [[0.0] * W.shape[1] for _ in embeddings] if start is None else start
    total = 0.0
    for i, x in enumerate(embeddings.tolist()):
        for j in range(W.shape[1]):
            total = 0.0 if reset else total
            for c in range(len(x) - cut):
                total += x[c] * W[c, j].item()
            found[i][j] = total
    return found


def overwritten(embeddings, W):
    found = torch.zeros(len(embeddings), W.shape[1])
    for i in range(len(embeddings)):
        for j in range(W.shape[1]):
            for c in range(W.shape[0]):
                found[i, j] = embeddings[i, c] * W[c, j]
    return found


def one_list(embeddings, W):
    return filled(embeddings, W, start=[[0.0] * W.shape[1]] * len(embeddings))


def one_list_added(embeddings, W):
    found = [[0.0] * W.shape[1]] * len(embeddings)
    for i, x in enumerate(embeddings.tolist()):
        for j in range(W.shape[1]):
            for c in range(len(x)):
                found[i][j] += x[c] * W[c, j].item()
    return found


def returns_early(embeddings, W):
    for x in embeddings:
        row = []
        for j in range(W.shape[1]):
            row.append(sum(x[c] * W[c, j] for c in range(len(x))))
        return torch.stack(row)


def transposed(embeddings, W):
    found = torch.zeros(len(embeddings), W.shape[0])
    for i in range(len(embeddings)):
        for j in range(W.shape[0]):
            for c in range(W.shape[1]):
                found[i, j] += embeddings[i, c] * W[j, c]
    return found


def tripled(embeddings, W):
    return 3 * three_loops(embeddings, W)


def zeros_and_ones():
    return [[0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]]


def as_parameter():
    return torch.nn.Parameter(torch.eye(4).roll(-3, 1) * 5 - 1)


def last_forgotten():
    return torch.diag(torch.ones(3), 1)


ROWS = [[0.0, 0, -1], [0, -1, 0], [1, 4, -1]]


def returned_too_soon(embeddings, W):
    result = torch.zeros(len(embeddings), W.shape[1])
    for i, row in enumerate(embeddings):
        for j in range(W.shape[1]):
            result[i, j] = sum(number * W[k, j] for k, number in enumerate(row))
        return result


RIGHT = {
    "3.1": [three_loops, with_lists, row_by_row],
    "3.2": [zeros_and_ones, as_parameter, lambda: torch.eye(4, dtype=torch.float64).roll(1, 1)],
    "3.3": [
        lambda: ROWS,
        lambda: torch.tensor(ROWS) * 2,
        lambda: [[0, 0, -9], [1, -18, 13], [0, 9, -2]],
    ],
    "3.4": [
        min,
        lambda seq_len, d_model, d_k: sorted([seq_len, d_model, d_k])[0],
        lambda *sizes: torch.tensor(sizes).min(),
    ],
}
WRONG = {
    "3.1": [
        (returned_too_soon, "rest_zeros"),
        (overwritten, "last_alone"),
        (one_list, "rows_overwritten"),
        (one_list_added, "rows_shared"),
        (lambda x, W: filled(x, W, reset=False), "never_reset"),
        (lambda x, W: filled(x, W, cut=1), "last_missed"),
        (returns_early, "first_row"),
        (transposed, "W_transposed"),
        (tripled, None),
    ],
    "3.2": [
        (lambda: torch.eye(4).roll(1, dims=0), "before"),
        (lambda: torch.eye(4), "itself"),
        (last_forgotten, "end_open"),
        (lambda: torch.ones(4, 4), "nobody"),
        (lambda: torch.eye(4)[[1, 2, 3, 3]], "end_itself"),
        (lambda: torch.eye(4)[[1, 0, 3, 2]], None),
    ],
    "3.3": [
        (lambda: [[0, 0, 1], [0, -1, -2], [1, 4, -1]], "boat_lost"),
        (lambda: [[0, 0, -1], [1, 0, -1], [0, 0, 1]], "by_lost"),
        (lambda: [[0, 0, -1], [0, 0, 0], [1, 4, -1]], "bank_lost"),
        (lambda: [[0, 0, -1], [0, 0, 0], [0, 0, -1]], {"by_lost", "the_lost", "bank_lost"}),
        (lambda: torch.zeros(3, 3), "nobody"),
    ],
    "3.4": [
        (lambda seq_len, d_model, d_k: d_k, "d_k_alone"),
        (lambda seq_len, d_model, d_k: min(seq_len, d_k), "d_model_ignored"),
        (lambda seq_len, d_model, d_k: min(d_model, d_k), "tokens_ignored"),
        (max, "largest"),
        (lambda seq_len, d_model, d_k: sorted([seq_len, d_model, d_k])[1], None),
    ],
}
