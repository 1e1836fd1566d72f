"""How does an image become a sequence?

Written from book/11_digits.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from bareattention.checks import (
    check_ids,
    check_not_empty,
    check_number,
    check_positive_integer,
    check_tensor,
)

__all__ = [
    "as_patches",
    "as_pixels",
    "as_rows",
    "pixel_statistics",
    "standardise",
    "train_briefly",
]


def as_pixels(
    images: Shaped[Tensor, "*n height width"],
) -> Shaped[Tensor, "*n pixels 1"]:
    """Make each pixel a token with one channel, in reading order.

    Args:
        images: `(..., height, width)`.
    Returns: `(..., height * width, 1)`.
    Raises: TypeError, ValueError for anything but a tensor of at least two axes.
    """
    check_tensor("images", images, dimensions=2)
    return images.flatten(start_dim=-2).unsqueeze(-1)


def as_rows(
    images: Shaped[Tensor, "*n height width"],
) -> Shaped[Tensor, "*n height width"]:
    """Make each row of pixels a token: an image is that already, so only the shape is checked.

    Args:
        images: `(..., height, width)`.
    Returns: `(..., height, width)`, one token a row.
    Raises: TypeError, ValueError for anything but a tensor of at least two axes.
    """
    check_tensor("images", images, dimensions=2)
    return images


def as_patches(
    images: Shaped[Tensor, "*n height width"],
    size: int,
    stride: int | None = None,
    padding: int = 0,
) -> Shaped[Tensor, "*n n_patches channels"]:
    """Make each square patch a token, in reading order.

    Args:
        images: `(..., height, width)`.
        size: pixels along one side of a patch.
        stride: pixels from one patch to the next; None means size, so that patches do not overlap.
        padding: pixels of value 0 put around the image first.
    Returns: `(..., n_patches, size * size)`.
    Raises: TypeError, ValueError if a size is no whole number, or if patches leave out a strip of
        the image.
    Source: equals `torch.nn.functional.unfold` with its last two axes swapped.
    """
    check_tensor("images", images, dimensions=2)
    stride = size if stride is None else stride
    check_positive_integer("size", size)
    check_positive_integer("stride", stride)
    if isinstance(padding, bool) or not isinstance(padding, int):
        raise TypeError(
            f"padding: wanted a whole number of at least 0, got {padding!r}"
        )
    if padding < 0:
        raise ValueError(
            f"padding: wanted a whole number of at least 0, got {padding}"
        )
    if stride > size:
        raise ValueError(
            f"stride: wanted at most the size {size}, got {stride}"
        )
    padded = F.pad(images, (padding,) * 4)
    for name, side in zip(("height", "width"), padded.shape[-2:], strict=True):
        # A remainder within the padding is empty and may be dropped; a strip of the image may not.
        if side < size or (side - size) % stride > padding:
            wanted = f"patches that reach the whole {name} of {side} pixels, padding included"
            came = f"{size} at stride {stride}, which leaves out a strip of the {name}"
            raise ValueError(f"size: wanted {wanted}, got {came}")
    cut = padded.unfold(-2, size, stride).unfold(-2, size, stride)
    return cut.flatten(start_dim=-2).flatten(start_dim=-3, end_dim=-2)


def pixel_statistics(
    images: Shaped[Tensor, "*n height width"],
) -> tuple[float, float]:
    """Mean and standard deviation over all pixels; hand the training images over, and no others.

    Args:
        images: `(..., height, width)`.
    Returns: mean, standard deviation, in the units of the pixels.
    Raises: TypeError for no tensor, ValueError if all pixels are equal.
    """
    check_tensor("images", images, dimensions=2)
    # In float64: a sum of three million pixels would lose digits in float32.
    pixels = images.double()
    if not pixels.numel() or not pixels.min() < pixels.max():
        raise ValueError(
            f"images: wanted pixels that differ, got shape {tuple(images.shape)}"
        )
    return pixels.mean().item(), pixels.std().item()


def standardise(
    images: Shaped[Tensor, "*n height width"], mean: float, std: float
) -> Float[Tensor, "*n height width"]:
    """Bring pixels to mean 0 and variance 1, with one mean and one deviation for all.

    Args:
        images: `(..., height, width)`, whole numbers or floats.
        mean, std: of the training pixels, from `pixel_statistics`.
    Returns: `(..., height, width)`, float32.
    Raises: TypeError for no tensor, ValueError if std is not positive.
    """
    check_tensor("images", images, dimensions=2)
    check_number("mean", mean)
    check_number("std", std)
    if not std > 0:
        raise ValueError(f"std: wanted a positive number, got {std}")
    return (images.float() - mean) / std


def train_briefly(
    model: nn.Module,
    inputs: Float[Tensor, "n ..."],
    labels: Int[Tensor, " n"],
    epochs: int = 8,
    batch_size: int = 64,
    learning_rate: float = 2e-3,
    seed: int = 0,
) -> list[float]:
    """Train a classifier with Adam, in place: the shortest honest loop.

    Args:
        model: maps `(batch_size, ...)` to logits `(batch_size, n_classes)`.
        inputs: `(n, ...)`, what the model reads.
        labels: `(n,)`, the right classes.
        epochs: passes over all inputs.
        batch_size: inputs in one step.
        learning_rate: how far a step goes.
        seed: start of the random order.
    Returns: the cross-entropy of each step, in nats.
    Raises: ValueError if inputs and labels are not equally many or a size is below 1.
    Source: Adam is from Kingma and Ba 2015.
    """
    check_positive_integer("epochs", epochs)
    check_positive_integer("batch_size", batch_size)
    check_tensor("inputs", inputs, dimensions=1)
    check_not_empty("inputs", inputs, 0, "input")
    check_ids("labels", labels, 2**62)
    if len(inputs) != len(labels):
        raise ValueError(
            f"labels: wanted {len(inputs)}, one for each input, got {len(labels)}"
        )
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    generator = torch.Generator().manual_seed(seed)
    losses = []
    for _ in range(epochs):
        for batch in torch.randperm(len(inputs), generator=generator).split(
            batch_size
        ):
            loss = F.cross_entropy(model(inputs[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses
