"""Chapter 13: the model of chapter 12 for a whole batch at once, and three ways to the same."""

import copy

import pytest
import torch
from expectations import (
    assert_equal_numbers,
    gradients,
    holds_for_all,
    names,
    refused,
    rejects,
    untouched,
)
from hypothesis import strategies as st
from strategies import FLOATS, cases, float_types, generators, normal, sizes, with_random_parameters
from torch import nn
from torch.overrides import TorchFunctionMode

from bareattention import (
    LoopedSelfAttentionModel,
    SelfAttentionModel,
    attention,
    fused_attention,
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


class WithModule(nn.Module):
    """`nn.MultiheadAttention` with one head that has a model's parameters."""

    def __init__(self, source):
        super().__init__()
        d_model = source.d_model
        self.attention = nn.MultiheadAttention(d_model, 1, bias=False, batch_first=True)
        self.output = copy.deepcopy(source.output)
        self.to(source.W_query.dtype)
        with torch.no_grad():
            stacked = torch.cat([getattr(source, name).T for name in MATRICES])
            self.attention.in_proj_weight.copy_(stacked)
            self.attention.out_proj.weight.copy_(torch.eye(d_model))

    def forward(self, x):
        mixed, _ = self.attention(x, x, x, need_weights=False)
        return self.output(mixed.flatten(start_dim=1))


def by_the_module(model, x):
    found = felt(call, WithModule(model), x)
    del found["attention.out_proj.weight"]  # ours has none
    stacked = found.pop("attention.in_proj_weight").chunk(3)
    return found | {name: part.T for name, part in zip(MATRICES, stacked, strict=True)}


OTHERS = [by_the_loop, by_the_module]


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


# The same parameters


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_seed_starts_loop_and_batch_alike(backend):
    torch.manual_seed(3)
    loop = LoopedSelfAttentionModel(5, 4, 2).state_dict()
    torch.manual_seed(3)
    batch = SelfAttentionModel(5, 4, 2, backend).state_dict()
    assert [*batch] == [*loop]
    assert all(torch.equal(batch[name], loop[name]) for name in loop)


def test_matmul_unless_told_otherwise():
    assert SelfAttentionModel(3, 2, 4).backend == "matmul"


# Nobody loops


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


def test_each_backend_is_what_it_says():
    x = torch.randn(2, 5, 3)
    by_hand, fused = (watched(SelfAttentionModel(5, 3, 2, backend), x) for backend in BACKENDS)
    assert "softmax" in by_hand and "scaled_dot_product_attention" not in by_hand
    assert "scaled_dot_product_attention" in fused and "softmax" not in fused


# The door that fused attention stands behind is that of the book's attention


def compare_doors(function, case, scale):
    """The core comparison: output and gradients, with any mask and any leading axes."""
    with untouched(*case.inputs):
        ours, weights = function(*case.inputs, case.mask, scale)
    assert weights is None
    assert_equal_numbers(ours, attention(*case.inputs, case.mask, scale)[0], "output", 10)
    found, wanted = (
        gradients(lambda *parts, way=way: way(*parts, case.mask, scale)[0], case.inputs, case.nudge)
        for way in (function, attention)
    )
    for name, mine, theirs in zip(("queries", "keys", "values"), found, wanted, strict=True):
        assert_equal_numbers(mine, theirs, f"gradient of {name}", 100)


scales = st.none() | st.floats(0.1, 2)


def test_fused_attention_is_the_books_own_values_and_gradients():
    def compare(case, scale):
        compare_doors(fused_attention, case, scale)

    holds_for_all(compare, 150, case=cases(), scale=scales)


def test_fused_attention_broadcasts_and_has_two_defaults():
    q, k, v = torch.randn(2, 1, 4, 3), torch.randn(3, 5, 3), torch.randn(5, 2)
    assert_equal_numbers(fused_attention(q, k, v)[0], attention(q, k, v)[0], "output", 10)


def scale_forgotten(*parts):
    return fused_attention(*parts[:4])


def mask_inverted(queries, keys, values, mask, scale):
    return fused_attention(queries, keys, values, None if mask is None else ~mask, scale)


@pytest.mark.parametrize("mistake", [scale_forgotten, mask_inverted])
def test_the_comparison_of_doors_rejects(mistake):
    def compare(case, scale):
        compare_doors(mistake, case, scale)

    rejects(compare, case=cases(square=True, masked=True), scale=st.floats(0.1, 0.2))


# Known mistakes


def batched(model, x, mix):
    mixed = mix(*(x @ getattr(model, name) for name in MATRICES))
    return model.output(mixed.flatten(start_dim=1))


def not_scaled(model, x):
    return batched(model, x, lambda q, k, v: attention(q, k, v, scale=1.0)[0])


def keys_ask(model, x):
    return batched(model, x, lambda q, k, v: attention(k, q, v)[0])


def over_the_batch(model, x):
    return batched(
        model, x, lambda q, k, v: torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, dim=0) @ v
    )


def all_samples_in_one_sequence(model, x):
    tokens = x.flatten(0, 1)
    mixed, _ = attention(*(tokens @ getattr(model, name) for name in MATRICES))
    return model.output(mixed.view(len(x), -1))


def detached_scores(model, x):
    """The right logits, and no gradient through the weights."""

    def mix(q, k, v):
        return attention(q.detach(), k.detach(), v)[0] + 0 * (q.sum() + k.sum())

    return batched(model, x, mix)


MISTAKES = [not_scaled, keys_ask, over_the_batch, all_samples_in_one_sequence, detached_scores]


@pytest.mark.parametrize("mistake", MISTAKES, ids=names(MISTAKES))
def test_the_comparison_rejects(mistake):
    def compare(drawn):
        agrees(mistake, by_the_loop, drawn)

    rejects(compare, drawn=models(tokens=st.integers(2, 6), channels=st.integers(2, 5)))


def test_a_difference_in_the_eighth_digit_is_seen():
    """The comparison is as fine as the chapter promises."""

    def compare(drawn):
        agrees(lambda model, x: model(x) * (1 + 1e-8), by_the_loop, drawn)

    rejects(compare, drawn=models(types=st.just(torch.float64)))


# What is refused

SMALL, Q = SelfAttentionModel(3, 2, 4), torch.zeros(4, 3)


@pytest.mark.parametrize(
    "call, error, name, came",
    [
        (lambda: SelfAttentionModel(0, 2, 4), ValueError, "seq_len", "0"),
        (lambda: SelfAttentionModel(3, 2.0, 4), TypeError, "d_model", "2.0"),
        (lambda: SelfAttentionModel(3, 2, None), TypeError, "n_classes", "None"),
        (lambda: SelfAttentionModel(3, 2, 4, "loop"), ValueError, "backend", "'loop'"),
        (lambda: SMALL(torch.zeros(5, 4, 2)), ValueError, "x", "(5, 4, 2)"),
        (lambda: SMALL(torch.zeros(5, 3, 1)), ValueError, "x", "(5, 3, 1)"),
        (lambda: SMALL(torch.zeros(5, 3, 2).half()), TypeError, "x", "torch.float16"),
        (lambda: fused_attention(Q.long(), Q, Q), TypeError, "queries", "torch.int64"),
        (lambda: fused_attention(Q, Q[:, :2], Q), ValueError, "keys", "(4, 2)"),
        (lambda: fused_attention(Q, Q, Q[:3]), ValueError, "values", "(3, 3)"),
        (lambda: fused_attention(Q, Q, Q, Q), TypeError, "mask", "torch.float32"),
        (lambda: fused_attention(Q, Q, Q, Q > 0), ValueError, "mask", "(4, 3)"),
        (lambda: fused_attention(Q, Q, Q, None, "1"), TypeError, "scale", "'1'"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, error, name, came):
    with refused(error, name, came):
        call()
