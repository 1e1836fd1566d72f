"""How does an image become a sequence?

Written from book/11_digits.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

import torch
from jaxtyping import Float, Integer, Real, Shaped
from torch import Tensor, nn
from torch.nn import functional as F

from bareattention.shapes import Count, Finite, Size, checked, require

__all__ = [
    "as_patches",
    "as_pixels",
    "as_rows",
    "pixel_statistics",
    "standardise",
    "train_briefly",
]


@checked
def as_pixels(
    images: Shaped[Tensor, "*n height width"],
) -> Shaped[Tensor, "*n pixels 1"]:
    """Make each pixel a token with one channel, in reading order."""
    return images.flatten(start_dim=-2).unsqueeze(-1)


@checked
def as_rows(
    images: Shaped[Tensor, "*n height width"],
) -> Shaped[Tensor, "*n height width"]:
    """Make each row of pixels a token, which it is already."""
    return images


@checked
def as_patches(
    images: Shaped[Tensor, "*n height width"],
    size: Size,
    stride: Size | None = None,
    padding: Count = 0,
) -> Shaped[Tensor, "*n n_patches channels"]:
    """Make each square patch a token, in reading order.

    Args:
        size: pixels along one side of a patch.
        stride: pixels from one patch to the next; None means size.
        padding: pixels of value 0 put around the image first.
    Raises: ValueError if patches leave out a strip of the image.
    Source: equals `torch.nn.functional.unfold`, its last two axes swapped.
    """
    stride = size if stride is None else stride
    require(stride <= size, "stride", f"at most the size {size}", stride)
    padded = F.pad(images, (padding,) * 4)
    for name, side in zip(("height", "width"), padded.shape[-2:], strict=True):
        # A remainder within the padding is empty and may be dropped.
        reached = side >= size and (side - size) % stride <= padding
        wanted = f"patches that reach the whole {name} of {side} pixels"
        require(reached, "size", wanted, f"{size} at stride {stride}")
    cut = padded.unfold(-2, size, stride).unfold(-2, size, stride)
    return cut.flatten(start_dim=-2).flatten(start_dim=-3, end_dim=-2)


@checked
def pixel_statistics(
    images: Real[Tensor, "*n height width"],
) -> tuple[float, float]:
    """Mean and standard deviation of all pixels, in their units.

    Hand the training images over, and no others.

    Raises: ValueError for pixels that are all equal, or not finite.
    """
    # In float64: a sum of three million pixels would lose digits in float32.
    pixels = images.flatten().double()
    differ = (pixels != pixels[:1]).any()
    require(pixels.isfinite().all(), "images", "finite pixels", "others")
    require(differ, "images", "pixels that differ", tuple(images.shape))
    return pixels.mean().item(), pixels.std().item()


@checked
def standardise(
    images: Real[Tensor, "*n height width"], mean: Finite, std: Finite
) -> Float[Tensor, "*n height width"]:
    """Bring pixels to mean 0 and variance 1, all of them by the same numbers.

    Args:
        mean, std: of the training pixels, from `pixel_statistics`.
    Returns: float32.
    Raises: ValueError if std is not positive.
    """
    require(std > 0, "std", "a positive number", std)
    return (images.float() - mean) / std


@checked
def train_briefly(
    model: nn.Module,
    inputs: Shaped[Tensor, "n ..."],
    labels: Integer[Tensor, "n"],
    epochs: Size = 8,
    batch_size: Size = 64,
    learning_rate: Finite = 2e-3,
    seed: int = 0,
) -> list[float]:
    """Train a classifier with Adam, in place: the shortest honest loop.

    Args:
        model: maps `(batch_size, ...)` to logits `(batch_size, n_classes)`.
        labels: the right classes, counted from 0.
        epochs: passes over all inputs.
        batch_size: inputs in one step.
        learning_rate: how far a step goes.
        seed: start of the random order.
    Returns: the cross-entropy of each step, in nats.
    Raises: ValueError for a negative label.
    Source: Adam is from Kingma and Ba 2015.
    """
    labels = labels.long()
    require(labels.min() >= 0, "labels", "numbers from 0", labels)
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    generator = torch.Generator().manual_seed(seed)
    losses = []
    for _ in range(epochs):
        order = torch.randperm(len(inputs), generator=generator)
        for batch in order.split(batch_size):
            loss = F.cross_entropy(model(inputs[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses
