"""Chapter 17: where a model looks, through all its blocks, and what it needs."""

import math

import pytest
import torch
from expectations import (
    assert_equal_numbers,
    copy_heads,
    holds_for_all,
    names,
    refused,
    rejects,
    untouched,
)
from hypothesis import strategies as st
from strategies import (
    float_types,
    generators,
    leading_shapes,
    normal,
    sizes,
    with_random_parameters,
)
from torch import nn
from torch.nn import functional as F

from bareattention import (
    DigitConfig,
    DigitTransformer,
    attention_maps,
    occlusion_map,
    roll_out,
)

few = st.integers(1, 3)

# Where every token looks


@st.composite
def models(draw, blocks=few, heads=few, dropout=0.4, types=float_types, plain=False):
    """A small model with random parameters and dropout, in training or not, and images for it.

    plain: with all parts that can be left out.
    """
    generator, n_heads = draw(generators), draw(heads)
    parts = ("positions", "residual", "norm")
    config = DigitConfig(
        patch_size=draw(st.sampled_from((None, 2, 3))),
        d_model=2 * n_heads,
        n_heads=n_heads,
        n_blocks=draw(blocks),
        d_ff=5 if plain else draw(st.sampled_from((0, 5))),
        pool=draw(st.sampled_from(("mean", "flatten"))),
        dropout=dropout,
        image_size=6,
        n_classes=4,
        **{part: plain or draw(st.booleans()) for part in parts},
    )
    images = normal(generator, draw(few), 6, 6, dtype=draw(types))
    model = with_random_parameters(DigitTransformer(config), generator, images)
    return model.train(plain or draw(st.booleans())), images


@torch.no_grad()
def by_pytorchs_modules(model, images):
    """The weights of `nn.MultiheadAttention`, block after block, dropout off."""
    x, maps = model.tokens(images), []
    for block in model.blocks:
        theirs = nn.MultiheadAttention(x.shape[-1], model.config.n_heads, batch_first=True)
        copy_heads(block.attention, theirs.to(images.dtype))
        looks = block.attention_norm(x)
        maps.append(theirs(looks, looks, looks, average_attn_weights=False)[1])
        block.eval()
        x, _ = block(x)
    return torch.stack(maps, dim=1)


def equals_pytorchs_maps(function, drawn):
    model, images = drawn
    training = model.training
    with untouched(images, *model.parameters()):
        maps = function(model, images)
    assert model.training == training, "the model was left in another mode"
    assert not maps.requires_grad
    assert_equal_numbers(maps, by_pytorchs_modules(model, images), "maps", 20)


def test_the_maps_are_the_weights_of_pytorchs_modules():
    compare = equals_pytorchs_maps
    holds_for_all(lambda drawn: compare(attention_maps, drawn), 60, drawn=models())


def right_maps(model, images):
    training = model.training
    with torch.no_grad():
        _, weights = model.eval()(images, with_weights=True)
    model.train(training)
    return weights


def last_block_first(model, images):
    return right_maps(model, images).flip(1)


def columns_for_queries(model, images):
    return right_maps(model, images).mT


def dropout_left_on(model, images):
    with torch.no_grad():
        return model(images, with_weights=True)[1]


def left_in_eval(model, images):
    with torch.no_grad():
        return model.eval()(images, with_weights=True)[1]


MAPS = [
    last_block_first,
    columns_for_queries,
    dropout_left_on,
    left_in_eval,
]


@pytest.mark.parametrize("mistake", MAPS, ids=names(MAPS))
def test_the_comparison_of_maps_rejects(mistake):
    two = st.integers(2, 3)
    drawn = models(blocks=two, heads=two, plain=True)
    rejects(lambda drawn: equals_pytorchs_maps(mistake, drawn), drawn=drawn)


def test_a_model_whose_images_are_refused_goes_on_training():
    model = DigitTransformer().train()
    with refused(ValueError, "images", "(2, 27, 28)"):
        attention_maps(model, torch.zeros(2, 27, 28))
    assert model.training


# Through all the blocks


@st.composite
def tables(draw, blocks=few, heads=few, tokens=sizes):
    """Attention weights of several blocks and heads, with none to three axes in front."""
    generator, dtype, batch, n = draw(generators), draw(float_types), draw(leading_shapes), tokens
    seq_len = draw(n)
    scores = normal(generator, *batch, draw(blocks), draw(heads), seq_len, seq_len, dtype=dtype)
    return (3 * scores).softmax(dim=-1)


def by_a_walk(maps):
    """Follow each token of the last block back to the image: it stays, or goes where it looks."""
    *batch, n_blocks, n_heads, seq_len, _ = maps.shape
    walks = torch.zeros(*batch, seq_len, seq_len, dtype=maps.dtype)
    for token in range(seq_len):
        here = torch.zeros(*batch, seq_len, dtype=maps.dtype)
        here[..., token] = 1
        for block in reversed(range(n_blocks)):
            gone = torch.einsum("...q,...hqk->...k", here, maps[..., block, :, :, :])
            here = 0.5 * here + 0.5 * gone / n_heads
        walks[..., token, :] = here
    return walks


def equals_a_walk(function, maps):
    with untouched(maps):
        shares = function(maps)
    assert_equal_numbers(shares, by_a_walk(maps), "shares", 10)


def test_rolling_out_equals_a_walk_back_from_the_last_block():
    holds_for_all(lambda maps: equals_a_walk(roll_out, maps), 200, maps=tables())


def rolled_out(maps, own=0.5, over_heads=torch.mean):
    shares = eye = torch.eye(maps.shape[-1], dtype=maps.dtype)
    for block in over_heads(maps, dim=-3).unbind(dim=-3):
        shares = (own * eye + (1 - own) * block) @ shares
    return shares


def last_block_to_the_right(maps):
    return rolled_out(maps.flip(-4))


def residual_left_out(maps):
    return rolled_out(maps, own=0.0)


def heads_added_up(maps):
    return rolled_out(maps, over_heads=torch.sum)


def keys_for_queries(maps):
    return rolled_out(maps.mT)


ROLLED = [
    last_block_to_the_right,
    residual_left_out,
    heads_added_up,
    keys_for_queries,
]


@pytest.mark.parametrize("mistake", ROLLED, ids=names(ROLLED))
def test_the_comparison_with_a_walk_rejects(mistake):
    two = st.integers(2, 3)
    drawn = tables(blocks=two, heads=two, tokens=st.integers(3, 5))
    rejects(lambda maps: equals_a_walk(mistake, maps), maps=drawn)


def all_look_at(token, seq_len=3):
    return F.one_hot(torch.full((seq_len,), token), seq_len).float()


def test_the_first_block_acts_first():
    """All look at token 0, then all at token 1, which has half of token 0 by then."""
    maps = torch.stack([all_look_at(0), all_look_at(1)])[:, None]  # (2, 1, 3, 3)
    wanted = [[0.75, 0.25, 0.0], [0.5, 0.5, 0.0], [0.5, 0.25, 0.25]]
    assert roll_out(maps).tolist() == wanted
    assert roll_out(maps.flip(0)).tolist() == [
        [0.5, 0.5, 0.0],
        [0.25, 0.75, 0.0],
        [0.25, 0.5, 0.25],
    ]


# Ask the model: cover one square after the other


class Reader(nn.Module):
    """Logits that bend with the pixels, with dropout to be switched off."""

    def __init__(self, height, width, n_classes=4):
        super().__init__()
        self.first = nn.Linear(height * width, 6)
        self.second = nn.Linear(6, n_classes)

    def forward(self, images):
        hidden = F.dropout(self.first(images.flatten(1)).tanh(), 0.5, self.training)
        return self.second(hidden)


class OnePixel(nn.Module):
    """Two logits: 0, and a factor times one pixel."""

    def __init__(self, row, column, factor):
        super().__init__()
        self.row, self.column, self.factor = row, column, factor

    def forward(self, images):
        logit = self.factor * images[:, self.row, self.column]
        return torch.stack([torch.zeros_like(logit), logit], dim=1)


@st.composite
def covered(draw, rows=few, columns=few, size=few, types=float_types, inks=None, training=None):
    """A model with random parameters, an image, squares that divide it, and ink or None."""
    generator, dtype, side = draw(generators), draw(types), draw(size)
    height, width = side * draw(rows), side * draw(columns)
    image = normal(generator, height, width, dtype=dtype)
    model = with_random_parameters(Reader(height, width), generator, 3 * image)
    in_training = draw(st.booleans()) if training is None else training
    ink = draw(st.none() | st.floats(-2, 2) if inks is None else inks)
    return model.train(in_training), image, side, ink


def surprises(model, images):
    """Bits for every class."""
    training = model.training
    with torch.no_grad():
        logits = model.eval()(images)
    model.train(training)
    return (logits.logsumexp(dim=1, keepdim=True) - logits) / math.log(2)


def all_covered(image, size, ink):
    """`(rows, columns, height, width)`: made with masks, where the chapter makes copies."""
    row = torch.arange(image.shape[0]) // size
    column = torch.arange(image.shape[1]) // size
    in_row = row == row.unique()[:, None]
    in_column = column == column.unique()[:, None]
    hidden = in_row[:, None, :, None] & in_column[None, :, None, :]
    return image.where(~hidden, torch.tensor(ink, dtype=image.dtype))


def asked(model, image, size, ink):
    """Surprises `(n_classes,)` for the whole image, `(rows, columns, n_classes)` for the others."""
    copies = all_covered(image, size, image.min().item() if ink is None else ink)
    others = surprises(model, copies.flatten(0, 1))
    return surprises(model, image[None])[0], others.view(*copies.shape[:2], -1)


def by_masks(model, image, size, ink):
    whole, others = asked(model, image, size, ink)
    return others[..., whole.argmin()] - whole.min()


def equals_covering_by_masks(function, drawn):
    model, image, size, ink = drawn
    training = model.training
    with untouched(image, *model.parameters()):
        needed = function(model, image, size, ink)
    assert model.training == training, "the model was left in another mode"
    assert not needed.requires_grad
    assert_equal_numbers(needed, by_masks(model, image, size, ink), "bits", 20)


def test_what_the_model_needs_is_found_by_covering_with_masks():
    compare = equals_covering_by_masks
    holds_for_all(lambda drawn: compare(occlusion_map, drawn), 150, drawn=covered())


def nats(*drawn):
    return by_masks(*drawn) * math.log(2)


def whatever_is_answered_then(model, image, size, ink):
    whole, others = asked(model, image, size, ink)
    return others.min(dim=-1).values - whole.min()


def columns_first(*drawn):
    found = by_masks(*drawn)
    return found.T.reshape(found.shape)


def always_with_0(model, image, size, ink):
    return by_masks(model, image, size, 0.0)


def model_left_in_eval(model, image, size, ink):
    found = by_masks(model, image, size, ink)
    model.eval()
    return found


def dropout_left_in(model, image, size, ink):
    model.eval, keep = lambda: model, model.eval
    found = by_masks(model, image, size, ink)
    model.eval = keep
    return found


COVERED = [
    nats,
    whatever_is_answered_then,
    columns_first,
    always_with_0,
    model_left_in_eval,
    dropout_left_in,
]


@pytest.mark.parametrize("mistake", COVERED, ids=names(COVERED))
def test_the_comparison_with_masks_rejects(mistake):
    two = st.integers(2, 3)
    drawn = covered(two, two, two, inks=st.floats(1, 2), training=True)
    rejects(lambda drawn: equals_covering_by_masks(mistake, drawn), drawn=drawn)


def test_a_case_to_follow_by_hand():
    """A share of 3/4 falls to 1/2: log2(4/3) bits become 1."""
    image = torch.zeros(4, 6)
    image[3, 2] = math.log(3)
    needed = occlusion_map(OnePixel(3, 2, 1.0), image, size=2)
    wanted = torch.zeros(2, 3)
    wanted[1, 1] = 1 - math.log2(4 / 3)
    assert_equal_numbers(needed, wanted, "bits")
    # Ink that makes the answer surer: covering helps.
    assert occlusion_map(OnePixel(3, 2, 1.0), image, size=2, cover=3.0)[1, 1] < 0


def test_left_alone_a_square_has_7_pixels_and_ink_is_paper():
    torch.manual_seed(0)
    model, image = Reader(28, 28), torch.randn(28, 28)
    needed = occlusion_map(model, image)
    assert needed.shape == (4, 4)
    assert torch.equal(needed, occlusion_map(model, image, size=7, cover=image.min().item()))


def test_a_model_that_refuses_the_image_goes_on_training():
    model = DigitTransformer().train()
    with refused(ValueError, "images", "(5, 14, 14)"):
        occlusion_map(model, torch.randn(14, 14), size=7)
    assert model.training


# What is refused

MODEL, IMAGES, M = DigitTransformer(), torch.zeros(2, 28, 28), torch.full((2, 3, 4, 4), 0.25)


@pytest.mark.parametrize(
    "call, error, name, came",
    [
        (lambda: attention_maps(nn.Linear(3, 2), IMAGES), TypeError, "model", "Linear"),
        (lambda: attention_maps(MODEL, IMAGES[0]), ValueError, "images", "(28, 28)"),
        (lambda: attention_maps(MODEL, IMAGES.byte()), TypeError, "images", "torch.uint8"),
        (lambda: roll_out(M.long()), TypeError, "maps", "torch.int64"),
        (lambda: roll_out(M[0]), ValueError, "maps", "(3, 4, 4)"),
        (lambda: roll_out(M[..., :3]), ValueError, "maps", "(2, 3, 4, 3)"),
        (lambda: roll_out(M[:0]), ValueError, "maps", "(0, 3, 4, 4)"),
        (lambda: roll_out(3 * M), ValueError, "maps", "others"),
        (lambda: roll_out(M - torch.eye(4) + 0.25), ValueError, "maps", "others"),
        (lambda: occlusion_map(None, IMAGES[0]), TypeError, "model", "None"),
        (lambda: occlusion_map(MODEL, IMAGES), ValueError, "image", "(2, 28, 28)"),
        (lambda: occlusion_map(MODEL, IMAGES[0].byte()), TypeError, "image", "torch.uint8"),
        (lambda: occlusion_map(MODEL, IMAGES[0], 0), ValueError, "size", "0"),
        (lambda: occlusion_map(MODEL, IMAGES[0, :21], 14), ValueError, "size", "14"),
        (lambda: occlusion_map(MODEL, IMAGES[0, :, :21], 14), ValueError, "size", "14"),
        (lambda: occlusion_map(MODEL, IMAGES[0], cover=math.nan), ValueError, "cover", "nan"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, error, name, came):
    with refused(error, name, came):
        call()


def test_weights_of_half_precision_are_weights():
    weights = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0)).softmax(dim=-1)
    for dtype in (torch.float16, torch.bfloat16):
        assert roll_out(weights.to(dtype)).dtype == dtype
