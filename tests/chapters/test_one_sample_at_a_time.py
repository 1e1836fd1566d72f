"""Chapter 12: the smallest attention model, which takes one sample after the other."""

import inspect
import math

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
    train_briefly,
)

MATRICES = ("W_query", "W_key", "W_value")


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


@pytest.mark.parametrize("dtype", FLOATS)
def test_the_loop_equals_fused_attention_on_the_whole_batch(dtype):
    holds_for_all(lambda drawn: equals_fused(call, drawn), 80, drawn=models(types=st.just(dtype)))


def test_the_loop_equals_fused_attention_on_real_digits():
    digits = load_digits("mnist5k")
    images = digits.training.images
    x = standardise(as_pixels(images[:8]), *pixel_statistics(images))
    torch.manual_seed(0)
    model = LoopedSelfAttentionModel(784, 1, 10)
    with torch.no_grad():
        assert_equal_numbers(model(x), all_at_once(model, x), "logits", 10)


@given(drawn=models())
def test_the_loop_is_the_books_attention_and_a_linear_layer(drawn):
    model, x = drawn
    rows = []
    for one in x:
        mixed, _ = attention(*(one @ getattr(model, name) for name in MATRICES))
        rows.append(model.output.weight @ mixed.flatten() + model.output.bias)
    assert_equal_numbers(model(x).detach(), torch.stack(rows).detach(), "logits", 10)


@given(drawn=models(types=st.just(torch.float64)), generator=generators)
def test_each_sample_goes_alone(drawn, generator):
    """Its logits do not depend on the other samples of the batch, nor on its place among them."""
    model, x = drawn
    logits = model(x)
    others = normal(generator, *x.shape, dtype=x.dtype)
    for i in range(len(x)):
        assert_equal_numbers(model(x[i : i + 1])[0], logits[i], "alone")
        others[i] = x[i]
        assert_equal_numbers(model(others)[i], logits[i], "in other company")
    order = torch.randperm(len(x), generator=generator)
    assert_equal_numbers(model(x[order]), logits[order], "in another order")
    # And no gradient runs from one sample's logits to another sample.
    tokens = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(tokens)[0].sum(), tokens)
    assert not slope[1:].any()


@given(drawn=models(), generator=generators)
def test_shuffled_tokens_change_nothing_if_the_output_layer_is_shuffled_alike(drawn, generator):
    """Attention does not know where a pixel is; only the linear layer does."""
    model, x = drawn
    before, order = model(x).detach(), torch.randperm(model.seq_len, generator=generator)
    columns = model.output.weight.detach().unflatten(1, (model.seq_len, model.d_model))
    model.output.weight.data = columns[:, order].flatten(start_dim=1)
    assert_equal_numbers(model(x[:, order]).detach(), before, "logits", 10)


def test_shuffled_tokens_alone_do_change_the_logits():
    torch.manual_seed(0)
    model, x = LoopedSelfAttentionModel(6, 2, 3), normal(torch.Generator(), 2, 6, 2)
    assert not torch.allclose(model(x.flip(1)), model(x), atol=1e-3)


@given(drawn=models(channels=st.just(1)), factor=st.sampled_from([-2.0, 0.25, 3.0]))
def test_with_one_channel_only_the_product_of_query_and_key_counts(drawn, factor):
    """And the value can be swallowed by the linear layer."""
    model, x = drawn
    before = model(x).detach()
    with torch.no_grad():
        model.W_query *= factor
        model.W_key /= factor
        model.W_value *= factor
        model.output.weight /= factor
    assert_equal_numbers(model(x).detach(), before, "logits", 10)


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


@given(seq_len=sizes, d_model=sizes, n_classes=sizes)
def test_three_square_matrices_and_a_linear_layer(seq_len, d_model, n_classes):
    model = LoopedSelfAttentionModel(seq_len, d_model, n_classes)
    assert count_parameters(model) == 3 * d_model**2 + seq_len * d_model * n_classes + n_classes
    assert all(parameter.requires_grad for parameter in model.parameters())


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


def test_the_three_matrices_are_drawn_apart_and_by_the_seed():
    made = []
    for _ in range(2):
        torch.manual_seed(3)
        made.append(LoopedSelfAttentionModel(5, 4, 2))
    a, b = (dict(model.named_parameters()) for model in made)
    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not torch.equal(a["W_query"], a["W_key"]) and not torch.equal(a["W_key"], a["W_value"])


def test_it_learns_digits():
    """A few of them by heart, in a second; the chapter trains it on all."""
    digits = load_digits("mnist5k")
    images, labels = digits.training.images[:40], digits.training.labels[:40]
    x = standardise(as_pixels(images[:, ::2, ::2]), *pixel_statistics(digits.training.images))
    torch.manual_seed(0)
    model = LoopedSelfAttentionModel(196, 1, 10)
    losses = train_briefly(model, x, labels, epochs=15, batch_size=8, learning_rate=0.02)
    assert losses[0] > 1.8 and sum(losses[-5:]) / 5 < 0.5
    assert (model(x).argmax(dim=1) == labels).float().mean() > 0.9


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


def right(model, x):
    return looped(model, x, lambda q, k, v: torch.softmax(q @ k.T / q.shape[1] ** 0.5, -1) @ v)


def not_scaled(model, x):
    return looped(model, x, lambda q, k, v: torch.softmax(q @ k.T, -1) @ v)


def scaled_by_the_tokens(model, x):
    return looped(model, x, lambda q, k, v: torch.softmax(q @ k.T / len(q) ** 0.5, -1) @ v)


def down_the_columns(model, x):
    return looped(model, x, lambda q, k, v: torch.softmax(q @ k.T / q.shape[1] ** 0.5, 0) @ v)


def keys_ask(model, x):
    return looped(model, x, lambda q, k, v: torch.softmax(k @ q.T / q.shape[1] ** 0.5, -1) @ v)


def tokens_as_values(model, x):
    rows = [attention(one @ model.W_query, one @ model.W_key, one)[0] for one in x]
    return model.output(torch.stack(rows).flatten(start_dim=1) + 0 * model.W_value.sum())


def over_the_whole_batch(model, x):
    """All samples in one long sequence: they look at each other."""
    tokens = x.flatten(0, 1)
    mixed, _ = attention(*(tokens @ getattr(model, name) for name in MATRICES))
    return model.output(mixed.view(len(x), -1))


def flattened_channels_first(model, x):
    mixed, _ = attention(*(x @ getattr(model, name) for name in MATRICES))
    return model.output(mixed.mT.flatten(start_dim=1))


def without_bias(model, x):
    return right(model, x) - model.output.bias


MISTAKES = [
    not_scaled,
    scaled_by_the_tokens,
    down_the_columns,
    keys_ask,
    tokens_as_values,
    over_the_whole_batch,
    flattened_channels_first,
    without_bias,
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=names(MISTAKES))
def test_the_comparison_rejects(mistake):
    def compare(drawn):
        equals_fused(mistake, drawn)

    rejects(compare, drawn=models(tokens=st.integers(2, 6), channels=st.integers(2, 5)))


def test_the_comparison_accepts_the_loop_that_mistakes_are_made_of():
    holds_for_all(lambda drawn: equals_fused(right, drawn), 30, drawn=models())


# Bad input


@pytest.mark.bad_input
@pytest.mark.parametrize("name", ["seq_len", "d_model", "n_classes"])
@pytest.mark.parametrize("size, error", [(0, ValueError), (-1, ValueError), (2.0, TypeError)])
def test_sizes_that_count_nothing_are_refused(name, size, error):
    with refused(error, name, str(size), "a whole number"):
        LoopedSelfAttentionModel(**{"seq_len": 3, "d_model": 2, "n_classes": 4, name: size})


@pytest.mark.bad_input
@pytest.mark.parametrize("x, error, came", NO_BATCHES)
def test_a_batch_that_does_not_fit_is_refused(x, error, came):
    with refused(error, "x", came):
        LoopedSelfAttentionModel(3, 2, 4)(x)
