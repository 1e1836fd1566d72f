"""Chapter 15: attention taken out of a model, and attention with one channel as a tone curve."""

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
from hypothesis import strategies as st
from strategies import float_types, generators, normal, sizes, with_random_parameters
from torch.nn import functional as F

from bareattention import (
    SelfAttentionModel,
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


def shares_of(levels, counts, scores):
    powers = (scores - scores.amax(dim=-1, keepdim=True)).exp() * counts[..., None, :]
    return (powers @ levels) / powers.sum(dim=-1)


def right(levels, counts, query_key):
    scores = (query_key * levels[:, None] * levels).expand(*counts.shape, -1)
    return shares_of(levels, counts, scores.masked_fill(counts[..., None, :] == 0, -torch.inf))


def each_level_once(levels, counts, query_key):
    return right(levels, (counts > 0).long(), query_key)


def shifted_by_a_level_that_is_missing(levels, counts, query_key):
    return shares_of(levels, counts, query_key * levels[:, None] * levels)


def sign_forgotten(levels, counts, query_key):
    return right(levels, counts, abs(query_key))


def not_normalised(levels, counts, query_key):
    return right(levels, counts, query_key) * counts.sum(dim=-1, keepdim=True)


CURVES = [
    each_level_once,
    shifted_by_a_level_that_is_missing,
    sign_forgotten,
    not_normalised,
]


@pytest.mark.parametrize("mistake", CURVES, ids=names(CURVES))
def test_the_comparison_of_curves_rejects(mistake):
    drawn = histograms(levels=st.integers(3, 6))
    rejects(lambda drawn: equals_attention(mistake, drawn), drawn=drawn)


def test_many_pixels_in_half_precision_are_counted():
    """A level that 70,000 pixels have is no infinity, though 16 bits end before."""
    levels = torch.tensor([0.0, 1.0]).half()
    assert tone_curve(levels, torch.tensor([0, 70_000]), 1.0).tolist() == [1, 1]


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
def test_parameters_are_shared_and_those_of_attention_are_gone(by):
    torch.manual_seed(0)
    model = SelfAttentionModel(4, 2, 3)
    replaced = with_attention_replaced(model, by)
    mine = dict(model.named_parameters())
    theirs = dict(replaced.named_parameters())
    assert theirs.keys() == {"W_value", "output.weight", "output.bias"}
    assert all(theirs[name] is mine[name] for name in theirs)


# What is refused

L, C = torch.tensor([0.0, 1.0, 2.0]), torch.tensor([3, 0, 1])
MODEL = SelfAttentionModel(3, 2, 4)
UNIFORM = with_attention_replaced(MODEL, "uniform")


@pytest.mark.parametrize(
    "call, error, name, came",
    [
        (lambda: tone_curve(L.long(), C, 1.0), TypeError, "levels", "torch.int64"),
        (lambda: tone_curve(L[None], C, 1.0), ValueError, "levels", "(1, 3)"),
        (lambda: tone_curve(L, C / 2, 1.0), TypeError, "counts", "torch.float32"),
        (lambda: tone_curve(L, C[:2], 1.0), ValueError, "counts", "(2,)"),
        (lambda: tone_curve(L, C - 1, 1.0), ValueError, "counts", "-1 to 2"),
        (lambda: tone_curve(L, torch.stack([C, 0 * C]), 1.0), ValueError, "counts", "without"),
        (lambda: tone_curve(L, C, torch.nan), ValueError, "query_key", "nan"),
        (lambda: with_attention_replaced(MODEL, "linear"), ValueError, "by", "'linear'"),
        (lambda: with_attention_replaced(MODEL.output, "uniform"), TypeError, "model", "Linear"),
        (lambda: UNIFORM(torch.zeros(5, 4, 2)), ValueError, "x", "(5, 4, 2)"),
        (lambda: UNIFORM(torch.zeros(5, 3, 2).double()), TypeError, "x", "torch.float64"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, error, name, came):
    with refused(error, name, came):
        call()
