"""One figure of every element: each is held to what all promise, in test_touch.py."""

import torch

from bareattention import causal_mask, project, random_embeddings, small_example, touch


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


EXAMPLES = {"dial": dial, "large_matrix": large_matrix, "matrix": matrix, "sentence": sentence}
