"""One figure of every element: each is held to what all promise, in test_touch.py."""

import torch

from bareattention import random_embeddings, small_example, touch


def dial():
    queries, keys = random_embeddings(16, 512, seed=1), random_embeddings(6, 512, seed=2)
    return touch.dial(queries, keys, names=["red", "green", "blue", "grey", "pink", "white"])


def sentence():
    places = torch.tensor([[0, 0, place / 2] for place in range(4)])
    hint = "Change boat to loan, or move bank."
    other = small_example("loan")
    return touch.sentence(*small_example(), instead=other, places=places, hint=hint)


EXAMPLES = {"dial": dial, "sentence": sentence}
