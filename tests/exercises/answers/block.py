"""Chapter 10."""

import torch
from torch import nn
from torch.nn import functional as F


class WithParameter(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(d_model))

    def forward(self, x):
        return self.divided(x) * self.weight

    def divided(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5)


class ByNorm(WithParameter):
    def divided(self, x):
        return x / (x.norm(dim=-1, keepdim=True) ** 2 / x.shape[-1] + 1e-5) ** 0.5


class ByFunction(WithParameter):
    def forward(self, x):
        return F.rms_norm(x, (x.shape[-1],), self.weight, 1e-5)


class OfLayerNorm(WithParameter):
    def divided(self, x):
        return super().divided(x - x.mean(-1, keepdim=True))


class OverTokens(WithParameter):
    def divided(self, x):
        return x / (x.square().mean(0, keepdim=True) + 1e-5).sqrt()


class OfSums(WithParameter):
    def divided(self, x):
        return x / (x.square().sum(-1, keepdim=True) + 1e-5).sqrt()


class WithoutRoot(WithParameter):
    def divided(self, x):
        return x / (x.square().mean(-1, keepdim=True) + 1e-5)


class WithoutEpsilon(WithParameter):
    def divided(self, x):
        return x / x.square().mean(-1, keepdim=True).sqrt()


class LateEpsilon(WithParameter):
    def divided(self, x):
        return x / (x.square().mean(-1, keepdim=True).sqrt() + 1e-5)


class OfDeviation(WithParameter):
    def divided(self, x):
        return x / (x.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()


class WithoutKeepdim(WithParameter):
    def divided(self, x):
        return x / (x.square().mean(-1) + 1e-5).sqrt()


class PlainTensor(WithParameter):
    def __init__(self, d_model):
        nn.Module.__init__(self)
        self.weight = torch.ones(d_model)


class FromZero(WithParameter):
    def __init__(self, d_model):
        super().__init__(d_model)
        nn.init.zeros_(self.weight)


class Cubed(WithParameter):
    def divided(self, x):
        return x / (x.abs().pow(3).mean(-1, keepdim=True) + 1e-5) ** (1 / 3)


def block(x, attention, feed_forward, norm_1, norm_2):
    x = x + attention(norm_1(x))
    return x + feed_forward(norm_2(x))


def block_in_one_line(x, attention, feed_forward, norm_1, norm_2):
    return (y := attention(norm_1(x)) + x) + feed_forward(norm_2(y))


def block_by_loop(x, attention, feed_forward, norm_1, norm_2):
    stream = x.clone()
    for step, norm in ((attention, norm_1), (feed_forward, norm_2)):
        stream += step(norm(stream))
    return stream


def block_in_doubles(x, attention, feed_forward, norm_1, norm_2):
    return [block(x.double(), attention, feed_forward, norm_1, norm_2), None]


def after(x, attention, feed_forward, norm_1, norm_2):
    x = norm_1(x + attention(x))
    return norm_2(x + feed_forward(x))


def without_sums(x, attention, feed_forward, norm_1, norm_2):
    return feed_forward(norm_2(attention(norm_1(x))))


def of_norms(x, attention, feed_forward, norm_1, norm_2):
    x = norm_1(x)
    x = x + attention(x)
    x = norm_2(x)
    return x + feed_forward(x)


def from_start(x, attention, feed_forward, norm_1, norm_2):
    y = x + attention(norm_1(x))
    return x + feed_forward(norm_2(y))


def side_by_side(x, attention, feed_forward, norm_1, norm_2):
    return x + attention(norm_1(x)) + feed_forward(norm_2(x))


def one_norm(x, attention, feed_forward, norm_1, norm_2):
    x = x + attention(norm_1(x))
    return x + feed_forward(norm_1(x))


def normed_result(x, attention, feed_forward, norm_1, norm_2):
    x = x + norm_1(attention(x))
    return x + norm_2(feed_forward(x))


def first_norm_late(x, attention, feed_forward, norm_1, norm_2):
    x = x + norm_1(attention(x))
    return x + feed_forward(norm_2(x))


def attention_alone(x, attention, feed_forward, norm_1, norm_2):
    return x + attention(norm_1(x))


def second_kept_out(x, attention, feed_forward, norm_1, norm_2):
    return feed_forward(norm_2(x + attention(norm_1(x))))


def averaged(x, attention, feed_forward, norm_1, norm_2):
    return block(x, attention, feed_forward, norm_1, norm_2) / 2


def dropout(x, p, training, draws):
    return torch.where(draws < p, 0.0, x / (1 - p)) if training else x


def dropout_in_place_of_copy(x, p, training, draws):
    x = x.clone()
    if training:
        x[draws < p] = 0
        x /= 1 - p
    return x


def dropout_by_list(x, p, training, draws):
    if not training:
        return x
    both = zip(x.flatten().tolist(), draws.flatten().tolist(), strict=True)
    kept = [0.0 if draw < p else number / (1 - p) for number, draw in both]
    return torch.tensor(kept).view(x.shape)


def dropout_inside(x, p, training, draws):
    if training:
        x *= (draws >= p) / (1 - p)
    return x


def drops_at_p(x, p, training, draws):
    return torch.where(draws <= p, 0.0, x / (1 - p)) if training else x


RIGHT = {
    "10.1": [WithParameter, ByNorm, ByFunction, lambda d: nn.RMSNorm(d, eps=1e-5)],
    "10.5": [block, block_in_one_line, block_by_loop, block_in_doubles],
    "10.6": [dropout, dropout_in_place_of_copy, dropout_by_list],
}
WRONG = {
    "10.1": [
        (OfLayerNorm, "rms_centred"),
        (OverTokens, "rms_first_axis"),
        (OfSums, "rms_sum"),
        (WithoutRoot, "rms_no_root"),
        (WithoutEpsilon, "eps_missing"),
        (LateEpsilon, "eps_small"),
        (nn.RMSNorm, "eps_small"),
        (OfDeviation, "rms_deviation"),
        (WithoutKeepdim, "rms_lost_axis"),
        (PlainTensor, "gain_missing"),
        (FromZero, "gain_zero"),
        (nn.LayerNorm, {"rms_centred", "gain_shift"}),
        (Cubed, None),
    ],
    "10.5": [
        (after, "norm_after"),
        (without_sums, "sums_missing"),
        (of_norms, "sums_of_norms"),
        (from_start, "sum_2_from_start"),
        (side_by_side, "side_by_side"),
        (one_norm, "norm_1_twice"),
        (normed_result, "norm_of_step"),
        (attention_alone, "feed_forward_missing"),
        (second_kept_out, "sum_2_missing"),
        (averaged, None),
        (first_norm_late, None),
    ],
    "10.6": [
        (drops_at_p, "drops_p"),
        (lambda x, p, training, draws: dropout(x, p, True, draws), "always_on"),
        (lambda x, p, training, draws: x * (draws >= p) if training else x, "not_enlarged"),
        (lambda x, p, training, draws: x * (draws >= p) / p if training else x, "enlarged_p"),
        (lambda x, p, training, draws: dropout(x, p, not training, draws), "modes_exchanged"),
        (lambda x, p, training, draws: x * (draws < p) / (1 - p) if training else x, "keeps_p"),
        (
            lambda x, p, training, draws: x * (draws >= p if training else 1 - p),
            {"not_enlarged", "shrunk_in_use"},
        ),
        (dropout_inside, None),
    ],
}
