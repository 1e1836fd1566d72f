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
from hypothesis import given, settings
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
    SelfAttentionModel,
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


def heads_in_another_order(model, images):
    return right_maps(model, images).flip(2)


def columns_for_queries(model, images):
    return right_maps(model, images).mT


def images_in_another_order(model, images):
    return right_maps(model, images).roll(1, dims=0)


def mean_of_the_heads(model, images):
    maps = right_maps(model, images)
    return maps.mean(dim=2, keepdim=True).expand_as(maps)


def dropout_left_on(model, images):
    with torch.no_grad():
        return model(images, with_weights=True)[1]


def left_in_eval(model, images):
    with torch.no_grad():
        return model.eval()(images, with_weights=True)[1]


def with_gradients(model, images):
    training = model.training
    weights = model.eval()(images, with_weights=True)[1]
    model.train(training)
    return weights


MAPS = [
    last_block_first,
    heads_in_another_order,
    columns_for_queries,
    images_in_another_order,
    mean_of_the_heads,
    dropout_left_on,
    left_in_eval,
    with_gradients,
]


@pytest.mark.parametrize("mistake", MAPS, ids=names(MAPS))
def test_the_comparison_of_maps_rejects(mistake):
    two = st.integers(2, 3)
    drawn = models(blocks=two, heads=two, plain=True)
    rejects(lambda drawn: equals_pytorchs_maps(mistake, drawn), drawn=drawn)


def test_the_comparison_of_maps_accepts_what_mistakes_are_made_of():
    holds_for_all(lambda drawn: equals_pytorchs_maps(right_maps, drawn), 20, drawn=models())


@given(drawn=models())
@settings(max_examples=40)
def test_every_row_shares_one_whole_out(drawn):
    model, images = drawn
    maps, config = attention_maps(model, images), model.config
    seq_len = model.tokens.seq_len
    assert maps.shape == (len(images), config.n_blocks, config.n_heads, seq_len, seq_len)
    assert maps.min() >= 0
    assert_equal_numbers(maps.sum(dim=-1), torch.ones_like(maps[..., 0]), "sum of a row")


@given(drawn=models(plain=True))
@settings(max_examples=20)
def test_with_dropout_off_maps_come_out_the_same_every_time(drawn):
    model, images = drawn
    maps = attention_maps(model, images)
    assert torch.equal(attention_maps(model, images), maps)
    assert torch.equal(attention_maps(model.eval(), images), maps)
    assert all(parameter.grad is None for parameter in model.parameters())


I = torch.zeros(2, 28, 28)  # noqa: E741
NO_IMAGES = [
    (I[0], ValueError, "(28, 28)"),
    (I[None], ValueError, "(1, 2, 28, 28)"),
    (I[:0], ValueError, "(0, 28, 28)"),
    (I[:, :27], ValueError, "(2, 27, 28)"),
    (I[..., :14], ValueError, "(2, 28, 14)"),
    (I.byte(), TypeError, "torch.uint8"),
    ([[[0.0]]], TypeError, "list"),
    (None, TypeError, "NoneType"),
]


@pytest.mark.bad_input
@pytest.mark.parametrize("model", [nn.Linear(3, 2), SelfAttentionModel(3, 2, 4), None, "patches"])
def test_another_model_has_no_maps(model):
    with refused(TypeError, "model", type(model).__name__, "a DigitTransformer"):
        attention_maps(model, I)


@pytest.mark.bad_input
@pytest.mark.parametrize("images, error, came", NO_IMAGES)
def test_images_that_the_model_does_not_read_are_refused(images, error, came):
    with refused(error, "images", came):
        attention_maps(DigitTransformer(), images)


@pytest.mark.bad_input
def test_a_model_whose_images_are_refused_goes_on_training():
    model = DigitTransformer().train()
    with refused(ValueError, "images", "(2, 27, 28)"):
        attention_maps(model, I[:, :27])
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


def as_published(maps):
    """Abnar and Zuidema: add the identity, and let rows sum to 1 again."""
    with_own = maps.mean(dim=-3) + torch.eye(maps.shape[-1], dtype=maps.dtype)
    with_own = with_own / with_own.sum(dim=-1, keepdim=True)
    shares, *others = with_own.unbind(dim=-3)
    for block in others:
        shares = block @ shares
    return shares


def last_block_to_the_right(maps):
    return rolled_out(maps.flip(-4))


def residual_left_out(maps):
    return rolled_out(maps, own=0.0)


def residual_too_strong(maps):
    return rolled_out(maps, own=0.6)


def heads_added_up(maps):
    return rolled_out(maps, over_heads=torch.sum)


def strongest_head(maps):
    return rolled_out(maps, over_heads=torch.amax)


def first_head_alone(maps):
    return rolled_out(maps[..., :1, :, :])


def keys_for_queries(maps):
    return rolled_out(maps.mT)


def shares_transposed(maps):
    return rolled_out(maps).mT


def last_block_alone(maps):
    return rolled_out(maps[..., -1:, :, :, :])


def mean_over_blocks(maps):
    return (torch.eye(maps.shape[-1], dtype=maps.dtype) + maps.mean(dim=(-4, -3))) / 2


def heads_one_after_the_other(maps):
    return rolled_out(maps.flatten(-4, -3)[..., None, :, :])


ROLLED = [
    last_block_to_the_right,
    residual_left_out,
    residual_too_strong,
    heads_added_up,
    strongest_head,
    first_head_alone,
    keys_for_queries,
    shares_transposed,
    last_block_alone,
    mean_over_blocks,
    heads_one_after_the_other,
]


@pytest.mark.parametrize("mistake", ROLLED, ids=names(ROLLED))
def test_the_comparison_with_a_walk_rejects(mistake):
    two = st.integers(2, 3)
    drawn = tables(blocks=two, heads=two, tokens=st.integers(3, 5))
    rejects(lambda maps: equals_a_walk(mistake, maps), maps=drawn)


@pytest.mark.parametrize("function", [rolled_out, as_published])
def test_the_comparison_with_a_walk_accepts(function):
    holds_for_all(lambda maps: equals_a_walk(function, maps), maps=tables())


@given(maps=tables())
def test_rows_of_shares_sum_to_1(maps):
    shares = roll_out(maps)
    assert shares.shape == (*maps.shape[:-4], *maps.shape[-2:]) and shares.min() >= 0
    assert_equal_numbers(shares.sum(dim=-1), torch.ones_like(shares[..., 0]), "sum of a row")


@given(maps=tables())
def test_axes_in_front_are_carried_along(maps):
    every = maps.reshape(-1, *maps.shape[-4:])
    alone = torch.stack([roll_out(one) for one in every]).view(*maps.shape[:-4], *maps.shape[-2:])
    assert_equal_numbers(roll_out(maps), alone, "one by one")


@given(n_blocks=few, n_heads=few, seq_len=sizes, batch=leading_shapes, dtype=float_types)
def test_who_looks_at_oneself_alone_stays_oneself(n_blocks, n_heads, seq_len, batch, dtype):
    own = torch.eye(seq_len, dtype=dtype)
    maps = own.expand(*batch, n_blocks, n_heads, -1, -1)
    assert torch.equal(roll_out(maps), own.expand(*batch, -1, -1))


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


@given(maps=tables(blocks=st.just(1)))
def test_one_block_is_half_oneself_and_half_the_mean_of_its_heads(maps):
    own = torch.eye(maps.shape[-1], dtype=maps.dtype)
    wanted = (own + maps[..., 0, :, :, :].mean(dim=-3)) / 2
    assert_equal_numbers(roll_out(maps), wanted, "one block")


@given(maps=tables(heads=st.just(3)))
def test_the_order_of_heads_does_not_matter(maps):
    assert_equal_numbers(roll_out(maps.flip(-3)), roll_out(maps), "heads in another order")


@given(drawn=models())
@settings(max_examples=20)
def test_the_maps_of_a_model_can_be_rolled_out(drawn):
    maps = attention_maps(*drawn)
    equals_a_walk(roll_out, maps)


M = torch.full((2, 3, 4, 4), 0.25)


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "maps, error, came",
    [
        (M[0], ValueError, "(3, 4, 4)"),
        (M[0, 0], ValueError, "(4, 4)"),
        (M[..., :3], ValueError, "(2, 3, 4, 3)"),
        (M[..., :3, :], ValueError, "(2, 3, 3, 4)"),
        (M[:0], ValueError, "0"),
        (M.long(), TypeError, "torch.int64"),
        (M.bool(), TypeError, "torch.bool"),
        (M.tolist(), TypeError, "list"),
        (None, TypeError, "NoneType"),
    ],
)
def test_what_are_no_maps_cannot_be_rolled_out(maps, error, came):
    with refused(error, "maps", came):
        roll_out(maps)


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


class Constant(nn.Module):
    """The same logits whatever comes, as one parameter."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, images):
        return self.logits.expand(len(images), -1)


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


def with_the_sign_reversed(*drawn):
    return -by_masks(*drawn)


def surprise_as_it_is(model, image, size, ink):
    return by_masks(model, image, size, ink) + asked(model, image, size, ink)[0].min()


def whatever_is_answered_then(model, image, size, ink):
    whole, others = asked(model, image, size, ink)
    return others.min(dim=-1).values - whole.min()


def least_likely_class(model, image, size, ink):
    whole, others = asked(model, image, size, ink)
    return others[..., whole.argmax()] - whole.max()


def always_the_first_class(model, image, size, ink):
    whole, others = asked(model, image, size, ink)
    return others[..., 0] - whole[0]


def share_in_place_of_surprise(model, image, size, ink):
    whole, others = asked(model, image, size, ink)
    return (0.5 ** whole.min()) - 0.5 ** others[..., whole.argmin()]


def columns_first(*drawn):
    found = by_masks(*drawn)
    return found.T.reshape(found.shape)


def upside_down(*drawn):
    return by_masks(*drawn).flip(0)


def always_with_paper(model, image, size, ink):
    return by_masks(model, image, size, None)


def always_with_0(model, image, size, ink):
    return by_masks(model, image, size, 0.0)


def all_but_the_square(model, image, size, ink):
    ink = image.min().item() if ink is None else ink
    covers = all_covered(torch.zeros_like(image), size, 1.0).flatten(0, 1)
    copies = image.where(covers == 1, torch.tensor(ink, dtype=image.dtype))
    whole, others = surprises(model, image[None])[0], surprises(model, copies)
    shape = (image.shape[0] // size, image.shape[1] // size)
    return (others[:, whole.argmin()] - whole.min()).view(shape)


def model_left_in_eval(model, image, size, ink):
    found = by_masks(model, image, size, ink)
    model.eval()
    return found


def dropout_left_in(model, image, size, ink):
    model.eval, keep = lambda: model, model.eval
    found = by_masks(model, image, size, ink)
    model.eval = keep
    return found


def image_used_up(model, image, size, ink):
    found = by_masks(model, image, size, ink)
    image[:size, :size] = image.min() if ink is None else ink
    return found


COVERED = [
    nats,
    with_the_sign_reversed,
    surprise_as_it_is,
    whatever_is_answered_then,
    least_likely_class,
    always_the_first_class,
    share_in_place_of_surprise,
    columns_first,
    upside_down,
    always_with_paper,
    always_with_0,
    all_but_the_square,
    model_left_in_eval,
    dropout_left_in,
    image_used_up,
]


@pytest.mark.parametrize("mistake", COVERED, ids=names(COVERED))
def test_the_comparison_with_masks_rejects(mistake):
    two = st.integers(2, 3)
    drawn = covered(two, two, two, inks=st.floats(1, 2), training=True)
    rejects(lambda drawn: equals_covering_by_masks(mistake, drawn), drawn=drawn)


def test_the_comparison_with_masks_accepts_what_mistakes_are_made_of():
    holds_for_all(lambda drawn: equals_covering_by_masks(by_masks, drawn), drawn=covered())


def bits_of_two(logit):
    """The surprise of a class whose logit lies so far above that of the only other."""
    return math.log1p(math.exp(-logit)) / math.log(2)


@given(
    generator=generators,
    size=few,
    rows=few,
    columns=few,
    factor=st.floats(0.1, 4) | st.floats(-4, -0.1),
    cover=st.none() | st.floats(-2, 2),
    data=st.data(),
)
def test_of_one_pixel_only_the_square_around_it_matters(
    generator, size, rows, columns, factor, cover, data
):
    image = normal(generator, size * rows, size * columns)
    row = data.draw(st.integers(0, size * rows - 1))
    column = data.draw(st.integers(0, size * columns - 1))
    needed = occlusion_map(OnePixel(row, column, factor), image, size, cover)
    before = factor * image[row, column].item()
    after = factor * (image.min().item() if cover is None else cover)
    says = 1 if before > 0 else -1
    wanted = torch.zeros(rows, columns)
    wanted[row // size, column // size] = bits_of_two(says * after) - bits_of_two(says * before)
    assert_equal_numbers(needed, wanted, "bits", 10)


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


@given(generator=generators, logits=st.lists(st.floats(-50, 50), min_size=1, max_size=5))
def test_a_model_that_does_not_look_needs_nothing(generator, logits):
    model = Constant(torch.tensor(logits))
    needed = occlusion_map(model, normal(generator, 4, 6), size=2)
    assert torch.equal(needed, torch.zeros(2, 3))


@given(drawn=covered(inks=st.none()), data=st.data())
def test_covering_paper_with_paper_changes_nothing(drawn, data):
    model, image, size, _ = drawn
    row = data.draw(st.integers(0, image.shape[0] // size - 1))
    column = data.draw(st.integers(0, image.shape[1] // size - 1))
    square = slice(row * size, (row + 1) * size), slice(column * size, (column + 1) * size)
    image[square] = image.min()
    # Not one bit: sums over a batch may be rounded in another order for another row of it.
    needed = occlusion_map(model, image, size)[row, column]
    assert_equal_numbers(needed, torch.zeros_like(needed), "bits", 20)


@given(drawn=covered(inks=st.none()))
def test_paper_is_the_lowest_value(drawn):
    model, image, size, _ = drawn
    needed = occlusion_map(model, image, size)
    assert torch.equal(needed, occlusion_map(model, image, size, image.min().item()))


def test_left_alone_a_square_has_7_pixels_and_ink_is_paper():
    torch.manual_seed(0)
    model, image = Reader(28, 28), torch.randn(28, 28)
    needed = occlusion_map(model, image)
    assert needed.shape == (4, 4)
    assert torch.equal(needed, occlusion_map(model, image, size=7, cover=image.min().item()))


def test_the_answer_is_what_the_model_says_of_the_whole_image():
    """Not what it says of a covered one, and not what is right."""
    image = torch.tensor([[2.0, -1.0]])
    needed = occlusion_map(OnePixel(0, 0, 1.0), image, size=1, cover=-2.0)
    assert_equal_numbers(needed[0, 0], torch.tensor(bits_of_two(-2.0) - bits_of_two(2.0)), "bits")
    assert needed[0, 0] > 2 and needed[0, 1] == 0


@given(drawn=models(plain=True))
@settings(max_examples=20)
def test_a_transformer_can_be_asked(drawn):
    model, images = drawn
    for size in (1, 2, 3, 6):
        equals_covering_by_masks(occlusion_map, (model, images[0], size, None))
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.bad_input
@pytest.mark.parametrize(
    "change, error, name, came",
    [
        ({"image": I}, ValueError, "image", "(2, 28, 28)"),
        ({"image": I[0, 0]}, ValueError, "image", "(28,)"),
        ({"image": I[0].byte()}, TypeError, "image", "torch.uint8"),
        ({"image": [[0.0]]}, TypeError, "image", "list"),
        ({"image": None}, TypeError, "image", "NoneType"),
        ({"size": 5}, ValueError, "size", "5"),
        ({"size": 56}, ValueError, "size", "56"),
        ({"size": 0}, ValueError, "size", "0"),
        ({"size": -7}, ValueError, "size", "-7"),
        ({"size": 7.0}, TypeError, "size", "7.0"),
        ({"size": True}, TypeError, "size", "True"),
        ({"size": None}, TypeError, "size", "None"),
        ({"image": I[0, :21], "size": 14}, ValueError, "size", "14"),
        ({"image": I[0, :, :21], "size": 14}, ValueError, "size", "14"),
        ({"cover": math.nan}, ValueError, "cover", "nan"),
        ({"cover": math.inf}, ValueError, "cover", "inf"),
        ({"cover": "grey"}, TypeError, "cover", "'grey'"),
        ({"cover": True}, TypeError, "cover", "True"),
    ],
)
def test_what_cannot_be_covered_is_refused(change, error, name, came):
    with refused(error, name, came):
        occlusion_map(**{"model": Constant(torch.zeros(3)), "image": I[0], **change})


@pytest.mark.bad_input
def test_a_model_that_refuses_the_image_goes_on_training():
    model = DigitTransformer().train()
    with refused(ValueError, "images", "(5, 14, 14)"):
        occlusion_map(model, torch.randn(14, 14), size=7)
    assert model.training
