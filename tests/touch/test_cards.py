"""The page's reader of cards is the book's."""

import pytest
import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from bareattention import CardReader, load_digits, touch
from bareattention.touch.models import RECORDED, configuration, model_script

DIGITS = load_digits().training
PICTURES = F.avg_pool2d(DIGITS.images[::100].double(), 2).round().to(torch.uint8)


def test_looks_and_logits(node):
    made = configuration("cards")
    model = CardReader().double()
    parameters = load_file(RECORDED / "cards-seed0.safetensors")
    model.load_state_dict({name: tensor.double() for name, tensor in parameters.items()})
    left, right, asked = PICTURES[:18], PICTURES[18:36], PICTURES[36:39]
    parts = [x.view(3, 6, 14, 14) for x in (left, right)] + [asked]
    normed = [(x.double() - made["pixel_mean"]) / made["pixel_std"] for x in parts]
    with torch.no_grad():
        logits, looks = model(*normed)
    given = {"left": parts[0], "right": parts[1], "asked": asked, "logits": logits, "looks": looks}
    config = {"mean": made["pixel_mean"], "std": made["pixel_std"]}
    node("cards", {**given, "config": config, "script": model_script("cards")})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"pictures": DIGITS.images[:20]}, "pictures: wanted 14 pixels a side, got 28"),
        ({"labels": torch.zeros(20, dtype=torch.int64)}, "labels: wanted every digit twice, got 0"),
        ({"asked": 20}, "dealt: wanted numbers below 20, got 20"),
    ],
)
def test_wrong_arguments_are_refused(wrong, message):
    given = {"pictures": PICTURES[:20], "labels": torch.arange(20) % 10, "asked": 3}
    with pytest.raises(ValueError, match=f"^{message}"):
        touch.cards(**{**given, **wrong}, dealt=[(0, 1), (1, 2)])
