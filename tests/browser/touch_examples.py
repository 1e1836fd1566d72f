"""One figure of every element: each is held to what all promise, in test_touch.py."""

import torch
from torch.nn import functional as F

from bareattention import causal_mask, project, random_embeddings, small_example, touch
from bareattention.data import load_digits


def dial():
    queries, keys = random_embeddings(16, 512, seed=1), random_embeddings(6, 512, seed=2)
    return touch.dial(queries, keys, names=["red", "green", "blue", "grey", "pink", "white"])


def sentence():
    places = torch.tensor([[0, 0, place / 2] for place in range(4)])
    hint = "Change boat to loan, or move bank."
    other = small_example("loan")
    return touch.sentence(*small_example(), instead=other, places=places, hint=hint)


def matrix():
    tokens, embeddings, *matrices = small_example()
    return touch.matrix(
        tokens,
        *project(embeddings, *matrices),
        mask=causal_mask(4),
        break_it=["no_scale", "wrong_axis", "mask_zero", "mask_after", "mask_transposed"],
        channels=["water", "money"],
        first=(3, 0),
    )


def large_matrix():
    queries, keys, values = random_embeddings(3 * 40, 8, seed=1).view(3, 2, 20, 8)
    return touch.matrix([f"word {i}" for i in range(20)], queries, keys, values)


def plane():
    keys = torch.tensor([[2.0, 1.0], [-1.0, 1.0], [1.0, -2.0]])
    values = torch.tensor([[2.0, 0.0], [0.0, 2.0], [1.0, 1.5]])
    names = ["boat", "loan", "the"]
    meanings = ("water", "money")
    return touch.plane(names, torch.tensor([2.0, 0.5]), keys, values, asks="bank", axes=meanings)


def plane_of_keys():
    return touch.plane(["a", "b"], torch.tensor([1.0, 1.0]), torch.eye(2))


def cards():
    test = load_digits().test
    few = torch.cat([(test.labels == c).nonzero()[:4, 0] for c in range(10)])
    pictures = F.avg_pool2d(test.images[few].float(), 2).round().to(torch.uint8)
    dealt = [(0, 21), (8, 13), (16, 33), (20, 1), (28, 5), (36, 17)]
    return touch.cards(pictures, test.labels[few], dealt, 22)


def digit():
    training = load_digits().training
    each = torch.stack([training.images[training.labels == c][0] for c in range(10)])
    return touch.digit(each, torch.eye(10), first=3)


EXAMPLES = {
    "cards": cards,
    "dial": dial,
    "digit": digit,
    "large_matrix": large_matrix,
    "matrix": matrix,
    "plane": plane,
    "plane_of_keys": plane_of_keys,
    "sentence": sentence,
}
