"""One figure of every element: each is held to what all promise, in test_touch.py."""

from bareattention import random_embeddings, touch


def dial():
    queries, keys = random_embeddings(16, 512, seed=1), random_embeddings(6, 512, seed=2)
    return touch.dial(queries, keys, names=["red", "green", "blue", "grey", "pink", "white"])


EXAMPLES = {"dial": dial}
