"""The page reads digits as the book's final model does, from the parameters that the page gets."""

import json

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from bareattention import DigitConfig, DigitTransformer, as_patches, load_digits, touch
from bareattention.touch.models import RECORDED, configuration, model_script

TRAINING = load_digits().training


@pytest.fixture(scope="module")
def model():
    made = DigitTransformer(DigitConfig(**configuration("digit")["transformer"])).double()
    parameters = load_file(RECORDED / "final-seed1.safetensors")
    made.load_state_dict({name: tensor.double() for name, tensor in parameters.items()})
    return made.eval()


def test_logits_and_weights(node, model):
    images = TRAINING.images[::800].double()
    made = configuration("digit")
    with torch.no_grad():
        normed = (images - made["pixel_mean"]) / made["pixel_std"]
        logits, weights = model(normed, with_weights=True)
        without = [parameter.clone() for parameter in model.parameters()]
        model.blocks[1].attention.output.weight[:, 16:32] = 0
        off = model(normed)
        for parameter, before in zip(model.parameters(), without, strict=True):
            parameter.copy_(before)
    of = made["transformer"]
    config = {"size": of["patch_size"], "stride": of["stride"], "padding": of["padding"]}
    config |= {"heads": of["n_heads"], "blocks": of["n_blocks"]}
    config |= {"mean": made["pixel_mean"], "std": made["pixel_std"]}
    cut = as_patches(images, 10, 7, 2)
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    gelu = {"x": x, "gelu": F.gelu(x)}
    given = {"images": images, "logits": logits, "weights": weights, "off": off, "patches": cut}
    node("digit", {**given, **gelu, "config": config, "script": model_script("digit")})


def test_ink_is_prepared_as_mnists_was(node):
    images = TRAINING.images[::13][:300]
    rows, columns = (images > 0).any(2), (images > 0).any(1)
    longer = torch.maximum(span(rows), span(columns)) == 20  # one in 4,000 has 19
    images = images[longer]
    places = torch.randint(0, 9, (len(images), 2), generator=torch.Generator().manual_seed(0))
    shifted = torch.stack(
        [
            F.pad(image, (j, 8 - j, i, 8 - i))
            for image, (i, j) in zip(images, places.tolist(), strict=True)
        ]
    )
    node("ink", {"images": images, "shifted": shifted})


def span(lit: torch.Tensor) -> torch.Tensor:
    """How many rows lie from the first to the last that is lit."""
    return lit.shape[1] - lit.int().argmax(1) - lit.flip(1).int().argmax(1)


def test_what_travels_is_small():
    assert all(len(model_script(name)) * 3 / 4 < 400_000 for name in ("digit", "cards"))


def test_a_live_output_brings_the_model():
    images = torch.zeros(10, 28, 28, dtype=torch.uint8)
    made = touch.digit(images, torch.eye(10), first=4)
    assert json.loads(made.data)["config"]["blocks"] == 5
    assert 'bareattention.receive("digit"' in made.html(with_script=True)
    assert "receive" not in made.html(with_script=False)
    with pytest.raises(ValueError, match=r"^first: wanted a digit, got 10$"):
        touch.digit(images, torch.eye(10), first=10)
