"""The plane's angles and hull are those of others' libraries."""

import json

import pytest
import torch
from scipy.spatial import ConvexHull
from torch.nn import functional as F

from bareattention import panels, random_embeddings, touch
from bareattention.touch._plane import _arrows, _points


def test_angles_and_hulls(node):
    points, others = random_embeddings(24, 2, seed=3).view(2, 12, 2).double()
    degrees = torch.rad2deg(F.cosine_similarity(points, others).acos())
    corners = points[ConvexHull(points).vertices]
    first = corners.tolist().index(min(corners.tolist()))
    node(
        "plane",
        {"points": points, "others": others, "degrees": degrees, "hull": corners.roll(-first, 0)},
    )


def test_without_values_nothing_is_mixed():
    made = touch.plane(["a", "b"], torch.ones(2), torch.eye(2))
    assert "values" not in json.loads(made.data)
    assert made.alt.endswith("0.50 to a, 0.50 to b.")


def test_the_alternative_text_tells_the_mixture():
    made = touch.plane(["a", "b"], torch.ones(2), torch.eye(2), torch.eye(2), axes=("u", "v"))
    assert made.alt.endswith("The values mix to 0.50 u and 0.50 v.")


def test_as_many_names_as_keys():
    with pytest.raises(ValueError, match=r"^names: wanted 2 of them, got 1$"):
        touch.plane(["a"], torch.ones(2), torch.eye(2))


def test_the_picture_tells_a_query_from_its_key_and_names_a_place_once():
    left, right = panels(2)
    _arrows(left, "a", torch.ones(2), ["a", "b"], torch.eye(2))
    _points(right, ["a", "b"], torch.ones(2, 2), torch.ones(2))
    written = [[text.get_text() for text in ax.texts if text.get_text()] for ax in (left, right)]
    assert written == [["a asks", "a", "b"], ["a, b", "mixture"]]
