"""The exercises, chapter by chapter: number -> exercise."""

from bareattention.exercises.exercise import Exercise
from bareattention.exercises.tasks import (
    all_at_once,
    block,
    cost,
    digits,
    embeddings,
    inside,
    is_attention_doing_anything,
    language,
    many_heads,
    masks,
    one_sample_at_a_time,
    only_attention,
    parameters,
    patches,
    positions,
    queries_keys_values,
    scores,
    softmax,
    training,
    weighted_values,
)
from bareattention.mistakes.attention import ATTENTION

EXERCISES: dict[str, Exercise] = {
    exercise.number: exercise
    for chapter in (
        parameters,
        embeddings,
        queries_keys_values,
        scores,
        softmax,
        weighted_values,
        masks,
        positions,
        many_heads,
        block,
        digits,
        one_sample_at_a_time,
        all_at_once,
        training,
        is_attention_doing_anything,
        patches,
        inside,
        only_attention,
        cost,
        language,
    )
    for exercise in chapter.EXERCISES
}
# Everything that mistakes can be looked for in.
REFERENCES = tuple(dict.fromkeys([*(e.reference for e in EXERCISES.values()), ATTENTION]))
