"""An older model of NakedAttention's kind: attention over the features of one vector, not tokens.

    model = FeatureModel()                       # features attend to each other
    model = FeatureModel(in_place="relu")        # a bend in attention's place
    logits = model(images)                       # (n, 28, 28) -> (n, 10)

Chapter 15 asks what attention was worth there.
"""

from typing import Literal

from jaxtyping import Float
from torch import Tensor, nn

from bareattention.chapters.weighted_values import attention
from bareattention.shapes import checked

__all__ = ["FeatureModel"]


def _layer(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs))


@checked
class FeatureModel(nn.Module):
    """Three layers make features of a whole image, which attend to each other.

    Args:
        in_place: "identity" hands the third layer's features on, "relu" bends them; None keeps
            attention, in which each feature is a token with one channel.
    """

    def __init__(self, in_place: Literal["identity", "relu"] | None = None):
        super().__init__()
        self.in_place, features = in_place, 32
        self.query, self.key, self.value = (_layer(784, features) for _ in range(3))
        self.output = _layer(features, 10)

    def forward(self, images: Float[Tensor, "n 28 28"]) -> Float[Tensor, "n 10"]:
        """Images in, logits out."""
        pixels = images.flatten(1)
        features = self.value(pixels)  # (n, 32)
        if self.in_place == "relu":
            features = features.relu()
        if self.in_place is None:
            queries, keys = self.query(pixels)[..., None], self.key(pixels)[..., None]
            features = attention(queries, keys, features[..., None])[0][..., 0]
        return self.output(features)
