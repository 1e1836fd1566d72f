"""Chapter 13: the model of chapter 12 for a whole batch at once, and three ways to the same."""

import copy
import inspect

import pytest
import torch
from expectations import (
    NO_BATCHES,
    assert_equal_numbers,
    holds_for_all,
    names,
    refused,
    rejects,
    untouched,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import FLOATS, float_types, generators, normal, sizes, with_random_parameters
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from bareattention import (
    LoopedSelfAttentionModel,
    SelfAttentionModel,
    as_pixels,
    load_digits,
    pixel_statistics,
    standardise,
)

BACKENDS = ("matmul", "sdpa")
MATRICES = ("W_query", "W_key", "W_value")
# What the chapter promises, in steps of TOLERANCE: 1e-10 in 64 bits, 1e-5 in 32.
STEPS = {torch.float64: 100, torch.float32: 1}


@st.composite
def models(draw, types=float_types, backends=BACKENDS, tokens=sizes, channels=sizes):
    """A model with random parameters and a batch for it."""
    generator, dtype = draw(generators), draw(types)
    seq_len, d_model, n_classes = draw(tokens), draw(channels), draw(sizes)
    x = normal(generator, draw(st.integers(1, 4)), seq_len, d_model, dtype=dtype)
    model = SelfAttentionModel(seq_len, d_model, n_classes, draw(st.sampled_from(backends)))
    return with_random_parameters(model, generator, x), x


def call(model, x):
    return model(x)


# The other ways, each with the model's parameters: logits, and the parameters' gradients by name


def felt(function, model, x):
    """Logits, and what the tokens and each parameter feel when the logits are nudged."""
    model, x = copy.deepcopy(model), x.clone().requires_grad_()
    logits = function(model, x)
    nudge = torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).view_as(logits)
    logits.backward(nudge)
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {"logits": logits.detach(), "x": x.grad, **found}


def by_the_loop(model, x):
    looped = LoopedSelfAttentionModel(model.seq_len, model.d_model, model.output.out_features)
    looped.to(x.dtype).load_state_dict(model.state_dict())
    return felt(call, looped, x)


def by_fused_attention(model, x):
    def fused(model, x):
        parts = (x @ getattr(model, name) for name in MATRICES)
        return model.output(F.scaled_dot_product_attention(*parts).flatten(start_dim=1))

    return felt(fused, model, x)


class WithModule(nn.Module):
    """`nn.MultiheadAttention` with one head that has a model's parameters."""

    def __init__(self, source, need_weights):
        super().__init__()
        d_model = source.d_model
        self.attention = nn.MultiheadAttention(d_model, 1, bias=False, batch_first=True)
        self.output, self.need_weights = copy.deepcopy(source.output), need_weights
        self.to(source.W_query.dtype)
        with torch.no_grad():
            stacked = torch.cat([getattr(source, name).T for name in MATRICES])
            self.attention.in_proj_weight.copy_(stacked)
            self.attention.out_proj.weight.copy_(torch.eye(d_model))

    def forward(self, x):
        mixed, _ = self.attention(x, x, x, need_weights=self.need_weights)
        return self.output(mixed.flatten(start_dim=1))


def by_the_module(model, x, need_weights=False):
    found = felt(call, WithModule(model, need_weights), x)
    del found["attention.out_proj.weight"]  # ours has none
    stacked = found.pop("attention.in_proj_weight").chunk(3)
    return found | {name: part.T for name, part in zip(MATRICES, stacked, strict=True)}


def by_the_module_that_returns_weights(model, x):
    return by_the_module(model, x, need_weights=True)


OTHERS = [by_the_loop, by_fused_attention, by_the_module, by_the_module_that_returns_weights]


def agrees(function, other, drawn):
    """The core comparison: which functions do what the model says it does."""
    model, x = drawn
    with untouched(x, *model.parameters()):
        ours, theirs = felt(function, model, x), other(model, x)
    assert ours.keys() == theirs.keys()
    for name, wanted in theirs.items():
        assert_equal_numbers(ours[name], wanted, f"{name} or its gradient", STEPS[x.dtype])


@pytest.mark.parametrize("other", OTHERS, ids=names(OTHERS))
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_all_ways_agree_on_logits_and_all_gradients(backend, other, dtype):
    drawn = models(types=st.just(dtype), backends=(backend,))
    holds_for_all(lambda drawn: agrees(call, other, drawn), 40, drawn=drawn)


@pytest.mark.parametrize("other", OTHERS, ids=names(OTHERS))
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", FLOATS)
def test_all_ways_agree_on_real_digits(backend, other, dtype):
    """Pixels as tokens: sums over 784 numbers instead of a few."""
    images = load_digits("mnist5k").training.images
    x = standardise(as_pixels(images[:2]), *pixel_statistics(images)).to(dtype)
    torch.manual_seed(0)
    agrees(call, other, (SelfAttentionModel(784, 1, 10, backend).to(dtype), x))


@pytest.mark.parametrize("backend", BACKENDS)
def test_loud_tokens_do_not_overflow(backend):
    model, x = SelfAttentionModel(5, 3, 2, backend), 1e3 * normal(torch.Generator(), 2, 5, 3)
    assert model(x).isfinite().all()


# The same parameters


@given(seq_len=sizes, d_model=sizes, n_classes=sizes, backend=st.sampled_from(BACKENDS))
def test_a_state_dict_fits_the_loop_and_the_batch(seq_len, d_model, n_classes, backend):
    batch = SelfAttentionModel(seq_len, d_model, n_classes, backend)
    loop = LoopedSelfAttentionModel(seq_len, d_model, n_classes)

    def described(model):
        return [(name, tuple(p.shape), p.requires_grad) for name, p in model.named_parameters()]

    assert described(batch) == described(loop)
    assert [*batch.state_dict()] == [*loop.state_dict()]
    loop.load_state_dict(batch.state_dict())
    batch.load_state_dict(loop.state_dict())


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_seed_starts_loop_and_batch_alike(backend):
    torch.manual_seed(3)
    loop = LoopedSelfAttentionModel(5, 4, 2).state_dict()
    torch.manual_seed(3)
    batch = SelfAttentionModel(5, 4, 2, backend).state_dict()
    assert all(torch.equal(batch[name], loop[name]) for name in loop)


def test_matmul_unless_told_otherwise():
    assert SelfAttentionModel(3, 2, 4).backend == "matmul"


# Nobody loops, and nobody is mixed with others


@given(drawn=models(types=st.just(torch.float64)), generator=generators)
def test_each_sample_goes_alone(drawn, generator):
    """Its logits do not depend on the other samples of the batch, nor on its place among them."""
    model, x = drawn
    logits = model(x).detach()
    others = normal(generator, *x.shape, dtype=x.dtype)
    for i in range(len(x)):
        assert_equal_numbers(model(x[i : i + 1]).detach()[0], logits[i], "alone")
        others[i] = x[i]
        assert_equal_numbers(model(others).detach()[i], logits[i], "in other company")
    order = torch.randperm(len(x), generator=generator)
    assert_equal_numbers(model(x[order]).detach(), logits[order], "in another order")
    tokens = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(tokens)[0].sum(), tokens)
    assert not slope[1:].any()


class Watch(TorchFunctionMode):
    """The names of all functions of PyTorch that are called."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.seen.append(getattr(function, "__name__", "").strip("_"))
        return function(*args, **(kwargs or {}))


def watched(model, x):
    with Watch() as watch:
        model(x)
    return watch.seen


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_larger_batch_takes_no_more_calls(backend):
    model = SelfAttentionModel(5, 3, 2, backend)
    calls = [len(watched(model, torch.randn(n, 5, 3))) for n in (1, 2, 50)]
    assert calls[0] == calls[1] == calls[2]
    assert "for " not in inspect.getsource(SelfAttentionModel.forward)


def test_each_backend_is_what_it_says():
    x = torch.randn(2, 5, 3)
    by_hand, fused = (watched(SelfAttentionModel(5, 3, 2, backend), x) for backend in BACKENDS)
    assert "softmax" in by_hand and "scaled_dot_product_attention" not in by_hand
    assert "scaled_dot_product_attention" in fused and "softmax" not in fused


# Known mistakes


def batched(model, x, mix):
    mixed = mix(*(x @ getattr(model, name) for name in MATRICES))
    return model.output(mixed.flatten(start_dim=1))


def mixing(scores_of, axis=-1):
    def mix(queries, keys, values):
        return torch.softmax(scores_of(queries, keys), dim=axis) @ values

    return mix


def scaled(queries, keys):
    return queries @ keys.mT / queries.shape[-1] ** 0.5


def right(model, x):
    return batched(model, x, mixing(scaled))


def not_scaled(model, x):
    return batched(model, x, mixing(lambda queries, keys: queries @ keys.mT))


def scaled_by_the_tokens(model, x):
    return batched(model, x, mixing(lambda q, k: q @ k.mT / q.shape[-2] ** 0.5))


def scaled_by_the_batch(model, x):
    return batched(model, x, mixing(lambda q, k: q @ k.mT / len(q) ** 0.5))


def down_the_columns(model, x):
    return batched(model, x, mixing(scaled, axis=-2))


def over_the_batch(model, x):
    return batched(model, x, mixing(scaled, axis=0))


def keys_ask(model, x):
    return batched(model, x, mixing(lambda queries, keys: scaled(keys, queries)))


def all_samples_in_one_sequence(model, x):
    tokens = x.flatten(0, 1)[None]
    parts = (tokens @ getattr(model, name) for name in MATRICES)
    return model.output(mixing(scaled)(*parts).view(len(x), -1))


def flattened_channels_first(model, x):
    return batched(model, x, lambda *parts: mixing(scaled)(*parts).mT)


def without_bias(model, x):
    return right(model, x) - model.output.bias


def detached_scores(model, x):
    """The right logits, and no gradient through the weights."""
    mix = mixing(lambda queries, keys: scaled(queries, keys).detach())
    idle = 0 * (model.W_query.sum() + model.W_key.sum())
    return batched(model, x, mix) + idle


MISTAKES = [
    not_scaled,
    scaled_by_the_tokens,
    scaled_by_the_batch,
    down_the_columns,
    over_the_batch,
    keys_ask,
    all_samples_in_one_sequence,
    flattened_channels_first,
    without_bias,
    detached_scores,
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=names(MISTAKES))
def test_the_comparison_rejects(mistake):
    def compare(drawn):
        agrees(mistake, by_the_loop, drawn)

    rejects(compare, drawn=models(tokens=st.integers(2, 6), channels=st.integers(2, 5)))


def test_the_comparison_accepts_the_batch_that_mistakes_are_made_of():
    holds_for_all(lambda drawn: agrees(right, by_the_loop, drawn), 30, drawn=models())


def test_a_difference_in_the_eighth_digit_is_seen():
    """The comparison is as fine as the chapter promises."""

    def compare(drawn):
        agrees(lambda model, x: model(x) * (1 + 1e-8), by_the_loop, drawn)

    rejects(compare, drawn=models(types=st.just(torch.float64)))


# Bad input


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["seq_len", "d_model", "n_classes"])
@pytest.mark.parametrize(
    "size, error", [(0, ValueError), (-1, ValueError), (2.0, TypeError), (True, TypeError)]
)
def test_sizes_that_count_nothing_are_refused(name, size, error):
    with refused(error, name, str(size), "a whole number"):
        SelfAttentionModel(**{"seq_len": 3, "d_model": 2, "n_classes": 4, name: size})


@pytest.mark.bad_input
@pytest.mark.parametrize("backend", ["loop", "", None, "MATMUL", 1])
def test_an_unknown_backend_is_refused(backend):
    with refused(ValueError, "backend", repr(backend), "one of 'matmul', 'sdpa'"):
        SelfAttentionModel(3, 2, 4, backend=backend)


@pytest.mark.bad_input
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("x, error, came", NO_BATCHES)
def test_a_batch_that_does_not_fit_is_refused(backend, x, error, came):
    with refused(error, "x", came):
        SelfAttentionModel(3, 2, 4, backend)(x)


@given(drawn=models())
@settings(max_examples=20)
def test_the_logits_have_one_row_for_each_sample(drawn):
    model, x = drawn
    assert model(x).shape == (len(x), model.output.out_features) and model(x).dtype == x.dtype
