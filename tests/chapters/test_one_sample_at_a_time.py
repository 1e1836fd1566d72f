"""Chapter 12: the smallest attention model, which takes one sample after the other."""

import inspect
import math

import pytest
import torch
from expectations import (
    assert_equal_numbers,
    holds_for_all,
    names,
    refused,
    rejects,
    untouched,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import float_types, generators, normal, sizes, with_random_parameters
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from bareattention import (
    LoopedSelfAttentionModel,
    as_pixels,
    attention,
    count_parameters,
    load_digits,
    pixel_statistics,
    standardise,
)

MATRICES = ("W_query", "W_key", "W_value")
SMALL = LoopedSelfAttentionModel(3, 2, 4)


@st.composite
def models(draw, types=float_types, tokens=sizes, channels=sizes):
    """A model with random parameters and a batch for it."""
    generator, dtype = draw(generators), draw(types)
    seq_len, d_model, n_classes = draw(tokens), draw(channels), draw(sizes)
    x = normal(generator, draw(st.integers(1, 4)), seq_len, d_model, dtype=dtype)
    model = LoopedSelfAttentionModel(seq_len, d_model, n_classes)
    return with_random_parameters(model, generator, x), x


# All at once, through PyTorch's attention: the same logits and gradients


def all_at_once(model, x):
    queries, keys, values = (x @ getattr(model, name) for name in MATRICES)
    return model.output(F.scaled_dot_product_attention(queries, keys, values).flatten(start_dim=1))


def learned(model, logits):
    """What each parameter feels when the logits are nudged, each in its own way."""
    nudge = torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).view_as(logits)
    return torch.autograd.grad(logits, [*model.parameters()], nudge)


def equals_fused(function, drawn):
    """The core comparison: which functions do what the model says it does."""
    model, x = drawn
    with untouched(x, *model.parameters()):
        ours = function(model, x)
    theirs = all_at_once(model, x)
    assert_equal_numbers(ours.detach(), theirs.detach(), "logits", 10)
    pairs = zip(learned(model, ours), learned(model, theirs), strict=True)
    for (name, _), (found, wanted) in zip(model.named_parameters(), pairs, strict=True):
        assert_equal_numbers(found, wanted, f"gradient of {name}", 10)


def call(model, x):
    return model(x)


def test_the_loop_equals_fused_attention_on_the_whole_batch():
    holds_for_all(lambda drawn: equals_fused(call, drawn), 120, drawn=models())


def test_the_loop_equals_fused_attention_on_real_digits():
    digits = load_digits("mnist5k")
    images = digits.training.images
    x = standardise(as_pixels(images[:8]), *pixel_statistics(images))
    torch.manual_seed(0)
    model = LoopedSelfAttentionModel(784, 1, 10)
    with torch.no_grad():
        assert_equal_numbers(model(x), all_at_once(model, x), "logits", 10)


@given(drawn=models(), generator=generators)
def test_shuffled_tokens_change_nothing_if_the_output_layer_is_shuffled_alike(drawn, generator):
    """Attention does not know where a pixel is; only the linear layer does."""
    model, x = drawn
    before, order = model(x).detach(), torch.randperm(model.seq_len, generator=generator)
    columns = model.output.weight.detach().unflatten(1, (model.seq_len, model.d_model))
    model.output.weight.data = columns[:, order].flatten(start_dim=1)
    assert_equal_numbers(model(x[:, order]).detach(), before, "logits", 10)


# Seed B's model (row B1)


def test_the_smallest_model_on_digits_has_7853_parameters():
    model = LoopedSelfAttentionModel(784, 1, 10)
    assert {name: tuple(p.shape) for name, p in model.named_parameters()} == {
        "W_query": (1, 1),
        "W_key": (1, 1),
        "W_value": (1, 1),
        "output.weight": (10, 784),
        "output.bias": (10,),
    }
    assert count_parameters(model) == 7853
    assert not torch.equal(model.W_query, model.W_key)


@pytest.mark.parametrize("d_model", [1, 4, 28, 100])
def test_the_matrices_start_uniform_within_one_over_root_d_model(d_model):
    torch.manual_seed(0)
    bound = 1 / math.sqrt(d_model)
    for name in MATRICES:
        drawn = torch.cat(
            [
                getattr(LoopedSelfAttentionModel(1, d_model, 1), name).detach().flatten()
                for _ in range(4000 // d_model**2 + 1)
            ]
        )
        assert drawn.abs().max() <= bound
        # Uniform, not merely inside: each quarter of the range gets its share.
        shares = torch.histc(drawn, 4, -bound, bound) / len(drawn)
        assert (shares - 0.25).abs().max() < 0.03
        assert drawn.max() > 0.99 * bound and drawn.min() < -0.99 * bound


# Seed B's loop (row B2): no step of attention ever sees more than one sample


class Watch(TorchFunctionMode):
    """The shapes of what goes into matrix products and softmax."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if name in ("matmul", "__matmul__", "__rmatmul__", "softmax", "bmm", "baddbmm", "einsum"):
            self.seen.append(
                (name.strip("_"), *(tuple(x.shape) for x in args if hasattr(x, "shape")))
            )
        return function(*args, **(kwargs or {}))


@given(drawn=models())
@settings(max_examples=25)
def test_one_sample_after_the_other(drawn):
    model, x = drawn
    batch_size, n, d = x.shape
    with Watch() as watch:
        model(x)
    one = [("matmul", (n, d), (d, d))] * 3
    one += [("matmul", (n, d), (d, n)), ("softmax", (n, n)), ("matmul", (n, n), (n, d))]
    assert watch.seen == one * batch_size


def test_every_line_of_the_loop_says_its_shape():
    lines = inspect.getsource(LoopedSelfAttentionModel.forward).split("results = []")[1]
    for line in lines.strip().splitlines():
        assert line.rstrip().endswith(")") and "  # (" in line, f"no shape behind {line.strip()!r}"


# Known mistakes


def looped(model, x, mix):
    rows = [mix(*(one @ getattr(model, name) for name in MATRICES)) for one in x]
    return model.output(torch.stack(rows).flatten(start_dim=1))


def not_scaled(model, x):
    return looped(model, x, lambda q, k, v: attention(q, k, v, scale=1.0)[0])


def down_the_columns(model, x):
    return looped(model, x, lambda q, k, v: torch.softmax(q @ k.T / q.shape[1] ** 0.5, 0) @ v)


def keys_ask(model, x):
    return looped(model, x, lambda q, k, v: attention(k, q, v)[0])


def over_the_whole_batch(model, x):
    """All samples in one long sequence: they look at each other."""
    tokens = x.flatten(0, 1)
    mixed, _ = attention(*(tokens @ getattr(model, name) for name in MATRICES))
    return model.output(mixed.view(len(x), -1))


def flattened_channels_first(model, x):
    mixed, _ = attention(*(x @ getattr(model, name) for name in MATRICES))
    return model.output(mixed.mT.flatten(start_dim=1))


MISTAKES = [not_scaled, down_the_columns, keys_ask, over_the_whole_batch, flattened_channels_first]


@pytest.mark.parametrize("mistake", MISTAKES, ids=names(MISTAKES))
def test_the_comparison_rejects(mistake):
    def compare(drawn):
        equals_fused(mistake, drawn)

    rejects(compare, drawn=models(tokens=st.integers(2, 6), channels=st.integers(2, 5)))


# What is refused


@pytest.mark.parametrize(
    "call, error, name, came",
    [
        (lambda: LoopedSelfAttentionModel(0, 2, 4), ValueError, "seq_len", "0"),
        (lambda: LoopedSelfAttentionModel(3, 2.0, 4), TypeError, "d_model", "2.0"),
        (lambda: LoopedSelfAttentionModel(3, 2, True), TypeError, "n_classes", "True"),
        (lambda: SMALL(torch.zeros(5, 4, 2)), ValueError, "x", "(5, 4, 2)"),
        (lambda: SMALL(torch.zeros(5, 3, 1)), ValueError, "x", "(5, 3, 1)"),
        (lambda: SMALL(torch.zeros(0, 3, 2)), ValueError, "x", "(0, 3, 2)"),
        (lambda: SMALL(torch.zeros(5, 3, 2).long()), TypeError, "x", "torch.int64"),
        (lambda: SMALL(torch.zeros(5, 3, 2).double()), TypeError, "x", "torch.float64"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, error, name, came):
    with refused(error, name, came):
        call()
