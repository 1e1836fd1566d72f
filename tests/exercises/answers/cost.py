"""Chapter 19."""

import torch


def by_tril(seq_len, reach):
    ones = torch.ones(seq_len, seq_len, dtype=torch.bool)
    return ones.tril() & ones.triu(-reach)


def by_lists(seq_len, reach):
    return [[0 <= i - j <= reach for j in range(seq_len)] for i in range(seq_len)]


def by_loop(seq_len, reach):
    mask = torch.zeros(seq_len, seq_len).bool()
    for i in range(seq_len):
        mask[i, max(0, i - reach) : i + 1] = True
    return mask


def band(seq_len, reach):
    places = torch.arange(seq_len)
    return (places[:, None] - places).abs() <= reach


def whole(queries, keys, values, size=None):
    scores = queries @ keys.T / queries.shape[-1] ** 0.5
    mask = torch.ones_like(scores, dtype=torch.bool).tril()
    return scores.masked_fill(~mask, -torch.inf).softmax(-1) @ values


def row_by_row(queries, keys, values, size):
    rows = []
    for i, query in enumerate(queries):
        scores = keys[: i + 1] @ query / len(query) ** 0.5
        rows.append(scores.softmax(0) @ values[: i + 1])
    return torch.stack(rows), 28


def tile_by_tile(queries, keys, values, size, shrinking=True, mask=True, scale=True):
    done = []
    for start in range(0, len(queries), size):
        some = queries[start : start + size]
        if scale:
            some = some / some.shape[-1] ** 0.5
        largest, total, mix = torch.full((len(some), 1), -1e30), 0, 0
        for first in range(0, start + 1, size):
            scores = some @ keys[first : first + size].T
            if first == start and mask:
                future = torch.ones_like(scores).triu(1).bool()
                scores = scores.masked_fill(future, -torch.inf)
            new = largest.maximum(scores.amax(1, keepdim=True))
            shrink = (largest - new).exp() if shrinking else 1
            powers = (scores - new).exp()
            total = total * shrink + powers.sum(1, keepdim=True)
            mix = mix * shrink + powers @ values[first : first + size]
            largest = new
        done.append(mix / total)
    return torch.cat(done)


def sees_all(queries, keys, values, size):
    return (queries @ keys.T / queries.shape[-1] ** 0.5).softmax(-1) @ values


def only_full_tiles(queries, keys, values, size):
    return tile_by_tile(queries, keys, values, size)[: len(queries) // size * size]


def rows_of_tiles(queries, keys, values, size):
    ends = range(size, len(queries) + size, size)
    return torch.cat([whole(queries[:end], keys[:end], values[:end])[end - size :] for end in ends])


RIGHT = {
    "19.1": [by_tril, by_lists, by_loop],
    "19.2": [rows_of_tiles, row_by_row, tile_by_tile],
}
WRONG = {
    "19.1": [
        (lambda n, reach: by_tril(n, reach - 1), "one_short"),
        (band, "both_sides"),
        (lambda n, reach: torch.ones(n, n).bool().tril(), "no_end"),
        (lambda n, reach: by_tril(n, reach).float(), "numbers"),
        (lambda n, reach: ~by_tril(n, reach), "inverted"),
        (lambda n, reach: by_tril(n, reach).T, "ahead"),
        (lambda n, reach: by_tril(n, reach) & ~torch.eye(n).bool(), "not_itself"),
        (lambda n, reach: torch.eye(n).bool(), None),
    ],
    "19.2": [
        (whole, None),
        (lambda *given: tile_by_tile(*given, shrinking=False), "no_shrink"),
        (lambda *given: tile_by_tile(*given, mask=False), "open_tile"),
        (lambda *given: tile_by_tile(*given, scale=False), "no_scale"),
        (sees_all, {"open_tile", "nothing_skipped"}),
        (only_full_tiles, None),
    ],
}
