"""Chapter 13."""

import torch
from torch.nn import functional as F


def with_einsum(x, W_query, W_key, W_value):
    queries, keys, values = (torch.einsum("bsd,de->bse", x, W) for W in (W_query, W_key, W_value))
    scores = torch.einsum("bqd,bkd->bqk", queries, keys) / x.shape[-1] ** 0.5
    return torch.einsum("bqk,bkd->bqd", scores.softmax(-1), values)


def with_a_loop(x, W_query, W_key, W_value):
    found = []
    for one in x.double():
        queries, keys = one @ W_query.double(), one @ W_key.double()
        weights = torch.softmax(queries @ keys.T / x.shape[-1] ** 0.5, -1)
        found.append(weights @ (one @ W_value.double()))
    return torch.stack(found)


def fused(x, W_query, W_key, W_value):
    return F.scaled_dot_product_attention(x @ W_query, x @ W_key, x @ W_value)


def attend(equation="bqd,bkd->bqk", axis=-1, root=True):
    def answer(x, W_query, W_key, W_value):
        scores = torch.einsum(equation, x @ W_query, x @ W_key)
        scores = scores / x.shape[-1] ** 0.5 if root else scores
        return torch.softmax(scores, axis) @ (x @ W_value)

    return answer


def one_long_sequence(x, W_query, W_key, W_value):
    return fused(x.flatten(0, 1), W_query, W_key, W_value).view(x.shape)


def as_linear(x, W_query, W_key, W_value):
    return F.scaled_dot_product_attention(*(F.linear(x, W) for W in (W_query, W_key, W_value)))


def without_values(x, W_query, W_key, W_value):
    return F.scaled_dot_product_attention(x @ W_query, x @ W_key, x)


def batch_second(x, W_query, W_key, W_value):
    return fused(x.transpose(0, 1), W_query, W_key, W_value).transpose(0, 1)


def by_share(model, x, y, size):
    for a, b in zip(x.split(size), y.split(size), strict=True):
        (F.cross_entropy(model(a), b) * len(a) / len(x)).backward()


def by_sum(model, x, y, size):
    for start in range(0, len(x), size):
        logits = model(x[start : start + size]).log_softmax(-1)
        right = logits.gather(1, y[start : start + size, None])
        (-right.sum() / len(x)).backward()


def by_autograd(model, x, y, size):
    total = [torch.zeros_like(parameter) for parameter in model.parameters()]
    for a, b in zip(x.split(size), y.split(size), strict=True):
        loss = F.cross_entropy(model(a), b, reduction="sum")
        parts = torch.autograd.grad(loss, list(model.parameters()))
        total = [t + p / len(x) for t, p in zip(total, parts, strict=True)]
    for parameter, gradient in zip(model.parameters(), total, strict=True):
        parameter.grad = gradient


def by_number_of_pieces(model, x, y, size):
    pieces = list(zip(x.split(size), y.split(size), strict=True))
    for a, b in pieces:
        (F.cross_entropy(model(a), b) / len(pieces)).backward()


def undivided(model, x, y, size):
    for a, b in zip(x.split(size), y.split(size), strict=True):
        F.cross_entropy(model(a), b).backward()


def forgetting(model, x, y, size):
    for a, b in zip(x.split(size), y.split(size), strict=True):
        model.zero_grad()
        (F.cross_entropy(model(a), b) * len(a) / len(x)).backward()


def all_losses_first(model, x, y, size):
    pairs = zip(x.split(size), y.split(size), strict=True)
    sum(F.cross_entropy(model(a), b, reduction="sum") for a, b in pairs).div(len(x)).backward()


def at_once(model, x, y, size):
    F.cross_entropy(model(x), y).backward()


def whole_pieces(model, x, y, size):
    for i in range(len(x) // size):
        a, b = x[i * size : (i + 1) * size], y[i * size : (i + 1) * size]
        (F.cross_entropy(model(a), b) * size / len(x)).backward()


def with_optimizer(model, x, y, size):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    by_share(model, x, y, size)
    optimizer.step()


def in_chunks(model, x, y, size):
    for a, b in zip(x.chunk(size), y.chunk(size), strict=True):
        (F.cross_entropy(model(a), b) * len(a) / len(x)).backward()


def exact(batch_size, seq_len, bits):
    return batch_size * seq_len**2 * bits / 8 / 2**20


def by_allocating(batch_size, seq_len, bits):
    kind = {16: torch.float16, 32: torch.float32, 64: torch.float64}[bits]
    return torch.empty(seq_len, seq_len, dtype=kind).nbytes * batch_size / 1024 / 1024


def in_one_line(b, s, bits):
    return torch.tensor(b * s * s * bits / 8_388_608)


def weights_of_the_queries(x, W_query, W_key, W_value):
    queries, keys, values = x @ W_query, x @ W_key, x @ W_value
    scores = torch.einsum("bid,bjd->bij", queries, keys) / queries.shape[-1] ** 0.5
    return torch.einsum("bij,bid->bjd", scores.softmax(-1), values)


RIGHT = {
    "13.1": [with_einsum, with_a_loop, fused],
    "13.3": [by_share, by_sum, by_autograd],
    "13.4": [exact, by_allocating, in_one_line],
}
WRONG = {
    "13.1": [
        (weights_of_the_queries, "weights_transposed"),
        (attend("bqd,bkd->qk"), "batch_summed"),
        (attend("bqd,ckd->qk"), "all_pairs_summed"),
        (attend("bqd,bkd->bkq"), "keys_ask"),
        (attend(axis=1), "wrong_axis"),
        (attend(root=False), "no_scale"),
        (attend(axis=0), "over_batch"),
        (attend(axis=1, root=False), {"wrong_axis", "no_scale"}),
        (one_long_sequence, "one_long"),
        (as_linear, "matrices_transposed"),
        (without_values, "raw_values"),
        (batch_second, "digits_attend"),
    ],
    "13.3": [
        (by_number_of_pieces, "pieces_alike"),
        (undivided, "means_summed"),
        (forgetting, "forgotten"),
        (all_losses_first, "one_backward"),
        (at_once, "one_backward"),
        (whole_pieces, "last_left_out"),
        (with_optimizer, "stepped"),
        (in_chunks, "number_for_size"),
    ],
    "13.4": [
        (lambda b, s, bits: b * s * bits / 8 / 2**20, "linear"),
        (lambda b, s, bits: b * s**2 * bits / 2**20, "bits_as_bytes"),
        (lambda b, s, bits: b * s**2 * bits / 8 / 1e6, "million"),
        (lambda b, s, bits: s**2 * bits / 8 / 2**20, "one_digit"),
        (lambda b, s, bits: b * s**2 * bits / 1e6, {"bits_as_bytes", "million"}),
        (lambda b, s, bits: b * s**2 * bits // 8 // 2**20, None),
    ],
}
