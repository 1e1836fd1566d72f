"""Chapter 15: attention taken out of a model, and attention with one channel as a tone curve."""

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
from hypothesis import given
from hypothesis import strategies as st
from strategies import float_types, generators, normal, sizes, with_random_parameters
from torch.nn import functional as F

from bareattention import (
    SelfAttentionModel,
    as_pixels,
    attention,
    load_digits,
    tone_curve,
    with_attention_replaced,
)

# Attention with one channel, by histogram

QUERY_KEYS = st.sampled_from([0.0, 1.5, -1.5, 1e-9, 1e3, -1e3]) | st.floats(-1e3, 1e3)


@st.composite
def histograms(draw, query_keys=QUERY_KEYS, levels=sizes):
    """Levels in any order, counts with no, one or two leading axes, and a product."""
    generator, n_levels = draw(generators), draw(levels)
    values = normal(generator, n_levels, dtype=torch.float64)
    batch = draw(st.lists(st.integers(1, 3), max_size=2))
    counts = torch.randint(0, 4, (*batch, n_levels), generator=generator)
    # No image without pixels: one of its levels is always there.
    one = torch.randint(n_levels, batch, generator=generator)
    return values, counts + F.one_hot(one, n_levels), draw(query_keys)


def images_of(levels, counts):
    """The pixels of each image, one image after the other."""
    return [levels.repeat_interleave(row) for row in counts.reshape(-1, len(levels))]


def by_pixels(levels, counts, query_key):
    """Attention over the pixels, with one channel; each level asks."""
    rows = []
    for pixels in images_of(levels, counts):
        queries, keys = query_key * levels[:, None], pixels[:, None]
        rows.append(F.scaled_dot_product_attention(queries, keys, keys)[:, 0])
    return torch.stack(rows).view(counts.shape)


def equals_attention(function, drawn):
    """The core comparison: which functions are attention with one channel."""
    levels, counts, query_key = drawn
    with untouched(levels, counts):
        ours = function(levels, counts, query_key)
    assert_equal_numbers(ours, by_pixels(levels, counts, query_key), "tone curve", 100)


def test_the_tone_curve_is_attention_with_one_channel():
    holds_for_all(lambda drawn: equals_attention(tone_curve, drawn), 300, drawn=histograms())


@pytest.mark.parametrize("query_key", [1e3, -1e3])
def test_levels_that_no_pixel_has_do_not_drown_the_others(query_key):
    """The largest score may belong to a level that the image lacks."""
    levels = torch.tensor([-0.4, 0.1, 2.8], dtype=torch.float64)
    for counts in torch.tensor([[3, 2, 0], [0, 2, 3], [0, 4, 0]]):
        equals_attention(tone_curve, (levels, counts, query_key))


@given(drawn=histograms(), split=st.floats(0.1, 10))
def test_each_pixel_gets_what_attention_gives_it(drawn, split):
    """The book's own attention, pixel by pixel: only the product of query and key counts."""
    levels, counts, query_key = drawn
    curves = tone_curve(levels, counts, query_key).view(-1, len(levels))
    rows = counts.view(-1, len(levels))
    for pixels, row, curve in zip(images_of(levels, counts), rows, curves, strict=True):
        tokens = pixels[:, None]
        mixed, _ = attention(query_key / split * tokens, split * tokens, tokens)
        assert_equal_numbers(curve.repeat_interleave(row), mixed[:, 0], "pixels", 1000)


def test_real_digits_through_the_model_and_through_their_histograms():
    images = load_digits("mnist5k").training.images[:4]
    levels = torch.linspace(-0.4, 2.8, 256, dtype=torch.float64)
    tones = images.flatten(1).long()
    counts = F.one_hot(tones, 256).sum(dim=1)
    x = levels[as_pixels(images).long()]
    torch.manual_seed(0)
    model = SelfAttentionModel(784, 1, 10, backend="sdpa").double()
    with torch.no_grad():
        model.W_query.fill_(-1.3)
        model.W_key.fill_(0.9)
        curves = tone_curve(levels, counts, -1.3 * 0.9)
        seen = curves.gather(-1, tones) * model.W_value
        assert_equal_numbers(model.output(seen), model(x), "logits", 100)


@given(drawn=histograms(query_keys=st.just(0.0)))
def test_a_product_of_zero_gives_everybody_the_mean(drawn):
    levels, counts, _ = drawn
    mean = (counts * levels).sum(dim=-1, keepdim=True) / counts.sum(dim=-1, keepdim=True)
    curve = tone_curve(*drawn)
    assert_equal_numbers(curve, mean.expand_as(curve), "mean")


@given(drawn=histograms(), more=st.integers(2, 5))
def test_only_shares_count_not_how_many_pixels_there_are(drawn, more):
    levels, counts, query_key = drawn
    thin = tone_curve(levels, counts, query_key)
    assert_equal_numbers(tone_curve(levels, more * counts, query_key), thin, "more pixels", 100)


def shares_of(levels, counts, scores):
    powers = (scores - scores.amax(dim=-1, keepdim=True)).exp() * counts[..., None, :]
    return (powers @ levels) / powers.sum(dim=-1)


def right(levels, counts, query_key):
    scores = (query_key * levels[:, None] * levels).expand(*counts.shape, -1)
    return shares_of(levels, counts, scores.masked_fill(counts[..., None, :] == 0, -torch.inf))


def each_level_once(levels, counts, query_key):
    return right(levels, (counts > 0).long(), query_key)


def powers_that_overflow(levels, counts, query_key):
    powers = (query_key * levels[:, None] * levels).exp() * counts[..., None, :]
    return (powers @ levels) / powers.sum(dim=-1)


def shifted_by_a_level_that_is_missing(levels, counts, query_key):
    return shares_of(levels, counts, query_key * levels[:, None] * levels)


def shifted_by_the_largest_of_all(levels, counts, query_key):
    scores = query_key * levels[:, None] * levels
    powers = (scores - scores.max()).exp() * counts[..., None, :]
    return (powers @ levels) / powers.sum(dim=-1)


def sign_forgotten(levels, counts, query_key):
    return right(levels, counts, abs(query_key))


def not_normalised(levels, counts, query_key):
    return right(levels, counts, query_key) * counts.sum(dim=-1, keepdim=True)


def scaled_by_the_pixels(levels, counts, query_key):
    return right(levels, counts, query_key / counts.sum().item() ** 0.5)


CURVES = [
    each_level_once,
    powers_that_overflow,
    shifted_by_a_level_that_is_missing,
    shifted_by_the_largest_of_all,
    sign_forgotten,
    not_normalised,
    scaled_by_the_pixels,
]


@pytest.mark.parametrize("mistake", CURVES, ids=names(CURVES))
def test_the_comparison_of_curves_rejects(mistake):
    drawn = histograms(levels=st.integers(3, 6))
    rejects(lambda drawn: equals_attention(mistake, drawn), drawn=drawn)


def test_the_comparison_of_curves_accepts_what_mistakes_are_made_of():
    holds_for_all(lambda drawn: equals_attention(right, drawn), 60, drawn=histograms())


L, C = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([3, 0, 1])


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"levels": L.long()}, TypeError, "levels", "torch.int64"),
        ({"levels": [0.0, 1.0, 2.0]}, TypeError, "levels", "list"),
        ({"levels": torch.tensor(1.0)}, ValueError, "levels", "()"),
        ({"levels": L[:2]}, ValueError, "counts", "(3,)"),
        ({"counts": C[:2]}, ValueError, "counts", "(2,)"),
        ({"counts": torch.zeros(3, 4).long()}, ValueError, "counts", "(3, 4)"),
        ({"counts": torch.zeros(3).long()}, ValueError, "counts", "none"),
        ({"counts": torch.tensor([[3, 0, 1], [0, 0, 0]])}, ValueError, "counts", "none"),
        ({"counts": [3, 0, 1]}, TypeError, "counts", "list"),
        ({"counts": torch.tensor(3)}, ValueError, "counts", "()"),
        ({"counts": torch.tensor([3, -1, 1])}, ValueError, "counts", "-1"),
        ({"query_key": torch.nan}, ValueError, "query_key", "nan"),
        ({"query_key": "1"}, TypeError, "query_key", "'1'"),
    ],
)
def test_what_is_no_histogram_is_refused(change, error, name, came):
    with refused(error, name, came):
        tone_curve(**{"levels": L, "counts": C, "query_key": 1.0, **change})


# Something simpler in attention's place

KINDS = ("identity", "uniform")


@st.composite
def models(draw, tokens=sizes, channels=sizes):
    """A model with random parameters and a batch for it."""
    generator, dtype = draw(generators), draw(float_types)
    seq_len, d_model, n_classes = draw(tokens), draw(channels), draw(sizes)
    x = normal(generator, draw(st.integers(1, 4)), seq_len, d_model, dtype=dtype)
    model = SelfAttentionModel(
        seq_len, d_model, n_classes, draw(st.sampled_from(("matmul", "sdpa")))
    )
    return with_random_parameters(model, generator, x), x


def weights_of(by, x):
    """The attention weights that do what is in attention's place."""
    seq_len = x.shape[1]
    return {
        "identity": torch.eye(seq_len, dtype=x.dtype),
        "uniform": torch.full((seq_len, seq_len), 1 / seq_len, dtype=x.dtype),
    }[by]


def equals_fixed_weights(function, by, drawn):
    model, x = drawn
    with untouched(x, *model.parameters()):
        ours = function(model, by)(x)
    theirs = model.output((weights_of(by, x) @ (x @ model.W_value)).flatten(start_dim=1))
    assert_equal_numbers(ours.detach(), theirs.detach(), "logits", 10)


def comparing(function, by):
    def compare(drawn):
        equals_fixed_weights(function, by, drawn)

    return compare


@pytest.mark.parametrize("by", KINDS)
def test_what_stands_in_attentions_place_is_a_fixed_table_of_weights(by):
    holds_for_all(comparing(with_attention_replaced, by), 80, drawn=models())


@pytest.mark.parametrize("by", KINDS)
def test_the_comparison_rejects_the_other_one_and_attention_itself(by):
    other = KINDS[1 - KINDS.index(by)]
    drawn = models(tokens=st.integers(2, 6), channels=st.integers(1, 5))

    def swapped(model, by):
        return with_attention_replaced(model, other)

    def not_replaced(model, by):
        return model

    for mistake in (swapped, not_replaced):
        rejects(comparing(mistake, by), drawn=drawn)


@pytest.mark.parametrize("by", KINDS)
@given(drawn=models(), factor=st.floats(-3, 3))
def test_what_is_left_is_linear(by, drawn, factor):
    model, x = drawn
    replaced, y = with_attention_replaced(model, by), x.flip(0, 1, 2)
    at_zero = replaced(torch.zeros_like(x)).detach()
    mixed = replaced(x + factor * y).detach()
    parts = replaced(x).detach() + factor * (replaced(y).detach() - at_zero)
    assert_equal_numbers(mixed, parts, "sum", 20)


def test_attention_itself_is_not_linear():
    torch.manual_seed(0)
    model, x = SelfAttentionModel(6, 3, 4), 3 * torch.randn(2, 6, 3)
    at_zero = model(torch.zeros_like(x))
    assert not torch.allclose(model(2 * x) - at_zero, 2 * (model(x) - at_zero), atol=1e-2)


@given(drawn=models())
def test_uniform_is_attention_that_asks_nothing(drawn):
    model, x = drawn
    replaced = with_attention_replaced(model, "uniform")
    with torch.no_grad():
        model.W_query.zero_()
        assert_equal_numbers(replaced(x), model(x), "logits", 10)


@given(drawn=models())
def test_uniform_does_not_know_the_order_of_tokens(drawn):
    model, x = drawn
    replaced = with_attention_replaced(model, "uniform")
    assert_equal_numbers(replaced(x.flip(1)).detach(), replaced(x).detach(), "logits", 10)


@pytest.mark.parametrize("by", KINDS)
def test_parameters_are_shared_and_those_of_attention_are_gone(by):
    torch.manual_seed(0)
    model, x = SelfAttentionModel(4, 2, 3), torch.randn(5, 4, 2)
    replaced = with_attention_replaced(model, by)
    mine = dict(model.named_parameters())
    theirs = dict(replaced.named_parameters())
    assert theirs.keys() == {"W_value", "output.weight", "output.bias"}
    assert all(theirs[name] is mine[name] for name in theirs)
    # A step of one is a step of the other, and the model still works.
    before, logits = model(x).detach(), replaced(x)
    logits.square().sum().backward()
    torch.optim.SGD(replaced.parameters(), lr=0.1).step()
    assert not torch.equal(model(x), before)
    assert mine["W_query"].grad is None and mine["W_value"].grad is not None


@pytest.mark.bad_input
@pytest.mark.parametrize("by", ["linear", "", None, "Identity"])
def test_an_unknown_replacement_is_refused(by):
    with refused(ValueError, "by", repr(by), "one of 'identity', 'uniform'"):
        with_attention_replaced(SelfAttentionModel(3, 2, 4), by)


@pytest.mark.bad_input
@pytest.mark.parametrize("model", [torch.nn.Linear(3, 2), None, SelfAttentionModel])
def test_another_model_is_refused(model):
    with refused(TypeError, "model", type(model).__name__, "a SelfAttentionModel"):
        with_attention_replaced(model, "identity")


@pytest.mark.bad_input
@pytest.mark.parametrize("by", KINDS)
@pytest.mark.parametrize("x, error, came", NO_BATCHES)
def test_a_batch_that_does_not_fit_is_refused(by, x, error, came):
    with refused(error, "x", came):
        with_attention_replaced(SelfAttentionModel(3, 2, 4), by)(x)
