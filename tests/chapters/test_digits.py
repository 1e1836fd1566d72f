"""Chapter 11: images as sequences, pixels brought to size, and the shortest honest loop."""

import math

import pytest
import torch
from expectations import names, refused, rejects, untouched
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import generators, normal
from torch import nn
from torch.nn import functional as F

from bareattention import (
    as_patches,
    as_pixels,
    as_rows,
    load_digits,
    pixel_statistics,
    standardise,
    train_briefly,
)

sides = st.integers(1, 9)
PIXELS = (torch.uint8, torch.int64, torch.float32, torch.float64)


@st.composite
def pictures(draw, types=PIXELS, sides=sides):
    """Random images with no, one or two leading axes, of which some count no image."""
    leading = draw(st.lists(st.integers(0, 3), max_size=2))
    shape = (*leading, draw(sides), draw(sides))
    images = torch.randint(0, 256, shape, generator=draw(generators), dtype=torch.uint8)
    return images.to(draw(st.sampled_from(types)))


# Pixels and rows


@given(images=pictures())
def test_each_pixel_is_a_token_in_reading_order(images):
    *leading, height, width = images.shape
    with untouched(images):
        tokens = as_pixels(images)
    assert tokens.shape == (*leading, height * width, 1) and tokens.dtype == images.dtype
    for place in range(height * width):
        assert torch.equal(tokens[..., place, 0], images[..., place // width, place % width])


@given(images=pictures())
def test_rows_are_tokens_already(images):
    with untouched(images):
        assert torch.equal(as_rows(images), images)


# Patches


def covers(side: int, size: int, stride: int, padding: int) -> bool:
    """Whether every pixel of a side lies in a patch that fits: each one looked at."""
    padded = side + 2 * padding
    starts = range(0, padded - size + 1, stride)
    reached = {pixel for start in starts for pixel in range(start, start + size)}
    return reached >= set(range(padding, padding + side))


def unfolded(images, size, stride, padding):
    """PyTorch's own, which takes batches of float images with channels, and counts patches last."""
    *leading, height, width = images.shape
    flat = images.reshape(math.prod(leading), 1, height, width).double()
    columns = F.unfold(flat, size, padding=padding, stride=stride)
    return columns.mT.reshape(*leading, -1, size * size).to(images.dtype)


CUTS = {
    "images": pictures(),
    "size": st.integers(1, 5),
    "stride": st.none() | st.integers(1, 5),
    "padding": st.integers(0, 4),
}


def equals_unfold(function, images, size, stride, padding):
    """The core comparison: which functions cut patches."""
    step = size if stride is None else stride
    assume(step <= size and all(covers(n, size, step, padding) for n in images.shape[-2:]))
    # PyTorch's unfold takes no batch without images.
    assume(images.numel())
    with untouched(images):
        patches = function(images, size, stride, padding)
    assert patches.dtype == images.dtype
    wanted = unfolded(images, size, step, padding)
    assert patches.shape == wanted.shape and torch.equal(patches, wanted)


@given(**CUTS)
@settings(max_examples=200)
def test_patches_equal_pytorchs_unfold(images, size, stride, padding):
    equals_unfold(as_patches, images, size, stride, padding)


@given(**{**CUTS, "stride": st.integers(1, 8)})
@settings(max_examples=200)
def test_exactly_what_leaves_out_a_strip_is_refused(images, size, stride, padding):
    """At the lower and right edge, and between patches that stand apart."""
    height, width = images.shape[-2:]
    if covers(height, size, stride, padding) and covers(width, size, stride, padding):
        # Patches further apart than their size may be refused even where the gaps are empty.
        assume(stride <= size)
        as_patches(images, size, stride, padding)
    else:
        with pytest.raises(ValueError, match=r"^(size|stride): wanted .+, got "):
            as_patches(images, size, stride, padding)


# Known mistakes


def by_view(images, size, stride, padding):
    padded = F.pad(images, (padding,) * 4)
    return padded.reshape(*images.shape[:-2], -1, size * size)


def columns_first(images, *how):
    return as_patches(images.mT, *how)


def pixels_transposed(images, size, *how):
    patches = as_patches(images, size, *how)
    return patches.unflatten(-1, (size, size)).mT.flatten(-2)


def padded_at_the_end(images, size, stride, padding):
    return as_patches(F.pad(images, (0, 2 * padding) * 2), size, stride)


def turned_to_float(*how):
    return as_patches(*how).float()


MISTAKES = [by_view, columns_first, pixels_transposed, padded_at_the_end, turned_to_float]


@pytest.mark.parametrize("mistake", MISTAKES, ids=names(MISTAKES))
def test_the_comparison_rejects(mistake):
    def compare(images, size, stride, padding):
        assume(images.ndim > 2 and images.numel() > 4)
        try:
            equals_unfold(mistake, images, size, stride, padding)
        except (ValueError, RuntimeError) as error:
            raise AssertionError("the mistake does not even run") from error

    rejects(compare, **CUTS)


# Bringing pixels to mean 0 and variance 1


def different(images):
    return images.numel() > 1 and (images != images.flatten()[0]).any()


@given(images=pictures())
def test_mean_and_deviation_are_those_of_all_pixels(images):
    assume(different(images))
    with untouched(images):
        mean, std = pixel_statistics(images)
    numbers = [float(pixel) for pixel in images.flatten()]
    wanted = math.fsum(numbers) / len(numbers)
    squares = math.fsum((number - wanted) ** 2 for number in numbers)
    assert type(mean) is type(std) is float
    assert mean == pytest.approx(wanted, rel=1e-12)
    assert std == pytest.approx(math.sqrt(squares / (len(numbers) - 1)), rel=1e-12)


@given(images=pictures())
def test_standardised_training_pixels_have_mean_0_and_variance_1(images):
    assume(different(images))
    statistics = pixel_statistics(images)
    with untouched(images):
        pixels = standardise(images, *statistics)
    assert pixels.dtype == torch.float32 and pixels.shape == images.shape
    assert abs(pixels.mean().item()) < 1e-4
    assert pixels.double().var().item() == pytest.approx(1, abs=1e-3)


def test_a_large_collection_keeps_its_digits():
    """Sixteen million pixels, added up in float32, would be off in the third digit."""
    images = torch.full((20_000, 28, 28), 255, dtype=torch.uint8)
    images[::2] = 0
    mean, std = pixel_statistics(images)
    assert mean == pytest.approx(127.5, rel=1e-12) and std == pytest.approx(127.5, rel=1e-6)


# The shortest honest loop


class Watched(nn.Module):
    """A linear layer that remembers which inputs it has seen."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.linear, self.batches = nn.Linear(2, 3), []

    def forward(self, x):
        self.batches.append([round(number) for number in x[:, 0].tolist()])
        return self.linear(x)


def numbered(n):
    """Inputs that carry their own number, and labels."""
    return torch.stack([torch.arange(n).float(), torch.ones(n)], dim=1), torch.arange(n) % 3


def cross(n=120):
    """Three clouds in the plane, far enough apart for a line between any two."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 3
    centres = torch.tensor([[4.0, 0], [-2, 3.5], [-2, -3.5]])
    return centres[labels] + 0.5 * normal(generator, n, 2), labels


@given(
    n=st.integers(1, 20),
    epochs=st.integers(1, 3),
    batch_size=st.integers(1, 8),
    seed=st.integers(0, 9),
)
def test_every_input_is_seen_once_an_epoch_in_another_order(n, epochs, batch_size, seed):
    model = Watched()
    losses = train_briefly(model, *numbered(n), epochs, batch_size, seed=seed)
    steps = -(-n // batch_size)
    assert len(losses) == len(model.batches) == epochs * steps
    assert all(math.isfinite(loss) and type(loss) is float for loss in losses)
    orders = []
    for epoch in range(epochs):
        batches = model.batches[epoch * steps : (epoch + 1) * steps]
        assert all(len(batch) == batch_size for batch in batches[:-1])
        orders.append([number for batch in batches for number in batch])
        assert sorted(orders[-1]) == list(range(n))
    if n > 10 and epochs > 1:
        assert orders[0] != orders[1] and orders[0] != sorted(orders[0])


def trained(seed=0, **how):
    model = Watched()
    return train_briefly(model, *cross(), seed=seed, **how), model.linear.state_dict()


def test_the_same_seed_gives_the_same_training_and_another_gives_another():
    torch.manual_seed(1)
    losses, state = trained(seed=3)
    torch.manual_seed(2)
    again, same = trained(seed=3)
    assert losses == again
    assert all(torch.equal(state[name], same[name]) for name in state)
    assert trained(seed=4)[0] != losses


def test_the_order_comes_from_the_seed_alone_and_disturbs_no_other_chance():
    torch.manual_seed(5)
    model = Watched()
    before = torch.get_rng_state()
    train_briefly(model, *cross())
    assert torch.equal(torch.get_rng_state(), before)


def test_each_step_is_adams_on_the_cross_entropy():
    """The first epoch, step by step, with gradients by hand: shares minus the right answer."""
    inputs, labels = cross(10)
    model, theirs = Watched(), Watched().linear
    losses = train_briefly(model, inputs, labels, epochs=1, batch_size=4, learning_rate=0.1, seed=7)
    optimizer = torch.optim.Adam(theirs.parameters(), lr=0.1)
    order = torch.randperm(10, generator=torch.Generator().manual_seed(7))
    for step, loss in enumerate(losses):
        batch = order[4 * step : 4 * step + 4]
        with torch.no_grad():
            shares = torch.softmax(theirs(inputs[batch]), dim=1)
            wanted = -shares[torch.arange(len(batch)), labels[batch]].log().mean()
            off = (shares - F.one_hot(labels[batch], 3)) / len(batch)
        assert loss == pytest.approx(wanted.item(), rel=1e-5)
        theirs.weight.grad, theirs.bias.grad = off.T @ inputs[batch], off.sum(dim=0)
        optimizer.step()
    torch.testing.assert_close(model.linear.weight, theirs.weight, rtol=1e-4, atol=1e-5)


def test_inputs_and_labels_are_left_alone():
    inputs, labels = cross()
    with untouched(inputs, labels):
        train_briefly(Watched(), inputs, labels, epochs=2)


def test_the_linear_bar_is_reached_on_real_digits():
    """Chapter 11's bar, with half the epochs: far above guessing."""
    digits = load_digits("mnist5k")
    statistics = pixel_statistics(digits.training.images)
    inputs, held_out = (
        standardise(part.images, *statistics) for part in (digits.training, digits.validation)
    )
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    train_briefly(model, inputs, digits.training.labels, epochs=4)
    right = (model(held_out).argmax(dim=1) == digits.validation.labels).float().mean()
    assert right > 0.85


def test_left_alone_it_takes_eight_epochs_of_batches_of_64_with_seed_0():
    explicit = {"epochs": 8, "batch_size": 64, "learning_rate": 2e-3, "seed": 0}
    assert train_briefly(Watched(), *cross()) == train_briefly(Watched(), *cross(), **explicit)


def test_labels_of_any_whole_numbers_teach_alike():
    inputs, labels = cross()
    losses = [
        train_briefly(Watched(), inputs, labels.to(dtype), epochs=1)
        for dtype in (torch.int64, torch.uint8, torch.int16)
    ]
    assert losses[0] == losses[1] == losses[2]


# What is refused

IMAGES, INPUTS, LABELS = torch.rand(2, 4, 4), torch.zeros(4, 2), torch.zeros(4).long()
EQUAL = (torch.zeros(2, 3, 3), torch.full((7, 7, 3), 0.1), torch.ones(1, 1), torch.zeros(0, 2, 2))


@pytest.mark.parametrize(
    "call, error, name, came",
    [
        (lambda: as_pixels(torch.zeros(5)), ValueError, "images", "(5,)"),
        (lambda: as_rows([[0.0]]), TypeError, "images", "list"),
        (lambda: as_patches(None, 1), TypeError, "images", "None"),
        (lambda: as_patches(IMAGES, 0), ValueError, "size", "0"),
        (lambda: as_patches(IMAGES, 2, stride=1.0), TypeError, "stride", "1.0"),
        (lambda: as_patches(IMAGES, 1, stride=2), ValueError, "stride", "2"),
        (lambda: as_patches(IMAGES, 2, padding=-1), ValueError, "padding", "-1"),
        (lambda: as_patches(IMAGES[:, :3], 2), ValueError, "size", "2"),
        (lambda: pixel_statistics(IMAGES.cfloat()), TypeError, "images", "torch.complex64"),
        (lambda: pixel_statistics(IMAGES / 0), ValueError, "images", "others"),
        *((lambda x=x: pixel_statistics(x), ValueError, "images", str(x.shape[1])) for x in EQUAL),
        (lambda: standardise(IMAGES.cfloat(), 0.0, 1.0), TypeError, "images", "torch.complex64"),
        (lambda: standardise(IMAGES, math.nan, 1.0), ValueError, "mean", "nan"),
        (lambda: standardise(IMAGES, 0.0, 0.0), ValueError, "std", "0.0"),
        (lambda: train_briefly(Watched(), INPUTS, LABELS[:3]), ValueError, "labels", "(3,)"),
        (lambda: train_briefly(Watched(), INPUTS, LABELS - 100), ValueError, "labels", "-100"),
        (lambda: train_briefly(Watched(), INPUTS, INPUTS[:, 0]), TypeError, "labels", "float32"),
        (lambda: train_briefly(Watched(), INPUTS[:0], LABELS[:0]), ValueError, "inputs", "(0, 2)"),
        (lambda: train_briefly(Watched(), INPUTS, LABELS, epochs=0), ValueError, "epochs", "0"),
        (lambda: train_briefly(len, INPUTS, LABELS), TypeError, "model", "builtin"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call, error, name, came):
    with refused(error, name, came):
        call()


def test_the_side_that_patches_leave_out_is_named():
    for images, side in ((IMAGES[:, :3], "height"), (IMAGES[..., :3], "width")):
        with pytest.raises(ValueError, match=f"the whole {side} of 3 pixels"):
            as_patches(images, 2)
