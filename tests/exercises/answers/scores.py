"""Chapter 4."""

import torch
from torch.nn import functional as F


def looped(queries, keys, terms=lambda products: products, width=None):
    found = torch.zeros(len(queries), len(keys) if width is None else width)
    for i in range(found.shape[0]):
        for j in range(found.shape[1]):
            for product in terms(queries[i] * keys[j]):
                found[i, j] += product
    return found / queries.shape[1] ** 0.5


def with_lists(queries, keys):
    pairs = [[sum(map(float.__mul__, q, k)) for k in keys.tolist()] for q in queries.tolist()]
    return [[score / len(queries[0]) ** 0.5 for score in row] for row in pairs]


def scaled_first(queries, keys):
    return (queries.double() * queries.shape[1] ** -0.5) @ keys.double().T


def overwritten(queries, keys):
    found = torch.zeros(len(queries), len(keys))
    for i in range(len(queries)):
        for j in range(len(keys)):
            for c in range(queries.shape[1]):
                found[i, j] = queries[i, c] * keys[j, c]
    return found / queries.shape[1] ** 0.5


def unscaled(queries, keys):
    return torch.stack([torch.stack([(q * k).sum() for k in keys]) for q in queries])


def by_length(queries, keys):
    return unscaled(queries, keys) / len(keys) ** 0.5


def exchanged(queries, keys):
    return looped(keys, queries)


def up_to_itself(queries, keys):
    return looped(queries, keys).tril()


def one_list(queries, keys):
    found = [[0.0] * len(keys)] * len(queries)
    for i in range(len(queries)):
        for j in range(len(keys)):
            found[i][j] = (queries[i] @ keys[j] / queries.shape[1] ** 0.5).item()
    return found


def ruled(of_queries, of_keys, d_k, divisor):
    return of_queries * of_keys * d_k / divisor**2


def one_divisor(of_queries, of_keys, d_k, divisor):
    return of_queries * of_keys * d_k / divisor


def rooted(of_queries, of_keys, d_k, divisor):
    return (of_queries * of_keys * d_k) ** 0.5 / divisor


def added(of_queries, of_keys, d_k, divisor):
    return (of_queries + of_keys) * d_k / divisor**2


def of_one_product(of_queries, of_keys, d_k, divisor):
    return of_queries * of_keys / divisor**2


def stretched(queries, keys):
    q, k = (x / x.norm(dim=-1, keepdim=True) for x in (queries, keys))
    return q @ k.T * queries.shape[1] ** 0.5


def by_broadcasting(queries, keys):
    return F.cosine_similarity(queries[:, None], keys, dim=-1) * queries.shape[1] ** 0.5


def by_outer(queries, keys):
    lengths = torch.outer(queries.norm(dim=1), keys.norm(dim=1))
    return (queries @ keys.T).double() * queries.shape[1] ** 0.5 / lengths


def cosine(queries, keys):
    return F.cosine_similarity(queries[:, None], keys, dim=-1)


def normalised_down(queries, keys):
    return F.normalize(queries, dim=0) @ F.normalize(keys, dim=0).T * queries.shape[1] ** 0.5


def by_pairs(queries, keys):
    n = min(len(queries), len(keys))
    return F.cosine_similarity(queries[:n], keys[:n]) * queries.shape[1] ** 0.5


def three(ada, ben, cleo):
    return lambda q, k: (ada(q, k)[-1], ben(q, k)[-1], cleo(q, k)[-1])


def as_in_the_book(queries, keys):
    ada = queries @ queries.T / 2
    return ada, keys @ queries.T / 2, queries @ keys.T / 4


ADA, BEN = (lambda q, k: q @ q.T / 2), (lambda q, k: k @ q.T / 2)
CLEO, BOOK = (lambda q, k: q @ k.T / 4), (lambda q, k: q @ k.T / 2)
RIGHT = {
    "4.1": [looped, with_lists, scaled_first],
    "4.2": [
        ruled,
        lambda *sizes: torch.tensor(sizes[0] * sizes[1]) * sizes[2] / sizes[3] / sizes[3],
        lambda q, k, d_k, divisor: sum(q * k for _ in range(d_k)) * (1 / divisor) ** 2,
    ],
    "4.3": [stretched, by_broadcasting, by_outer],
    "4.4": [
        three(ADA, BEN, CLEO),
        as_in_the_book,
        lambda q, k: torch.stack([q[3] @ q.T / 2, k[3] @ q.T / 2, q[3] @ k.T / 4]),
    ],
}
WRONG = {
    "4.1": [
        (unscaled, "no_scale"),
        (by_length, "scale_n_keys"),
        (exchanged, "keys_ask"),
        (lambda q, k: q @ k.T / 2, "scale_2"),
        (overwritten, "last_alone"),
        (lambda q, k: looped(q, k, terms=lambda products: products[1:]), "first_missed"),
        (up_to_itself, "past_alone"),
        (one_list, "rows_overwritten"),
        (lambda q, k: looped(q, k).softmax(-1), "shares"),
        (lambda q, k: unscaled(k, q), {"no_scale", "keys_ask"}),
        (lambda q, k: looped(q, k).abs(), None),
    ],
    "4.2": [
        (one_divisor, "divisor_once"),
        (rooted, "spread"),
        (added, "variances_added"),
        (of_one_product, "width_ignored"),
        (lambda q, k, d_k, divisor: q * k * d_k, "divisor_ignored"),
        (lambda q, k, d_k, divisor: 1.0, None),
    ],
    "4.3": [
        (cosine, "not_stretched"),
        (lambda q, k: cosine(q, k) * q.shape[1], "stretched_d_k"),
        (lambda q, k: F.normalize(q) @ k.T * q.shape[1] ** 0.5, "queries_alone"),
        (normalised_down, "norms_of_channels"),
        (lambda q, k: stretched(k, q), "keys_ask"),
        (by_pairs, None),
        (lambda q, k: q @ k.T / q.shape[1] ** 0.5, {"no_norms", "shrunk"}),
    ],
    "4.4": [
        (three(BOOK, BEN, CLEO), "ada_right"),
        (three(ADA, BOOK, CLEO), "ben_right"),
        (three(lambda q, k: k @ k.T / 2, BEN, CLEO), "ada_keys"),
        (three(ADA, BEN, lambda q, k: q @ k.T), "cleo_unscaled"),
        (three(BEN, ADA, CLEO), {"ada_exchanged", "ben_queries"}),
        (three(ADA, BEN, lambda q, k: q @ k.T / 8), None),
    ],
}
