"""Chapter 20: a causal model of the book's own blocks, rotations, a cache, drawn text."""

import pytest
import torch
from expectations import assert_equal_numbers

from bareattention import (
    CausalLanguageModel,
    KeyValueCache,
    attention,
    attention_scores,
    generate,
    rotary_attention,
    rotate_positions,
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return CausalLanguageModel(n_tokens=7, d_model=8, n_heads=2, n_blocks=2).double().eval()


IDS = torch.tensor([3, 1, 4, 1, 5, 2, 6, 5, 3, 5])


def test_a_rotation_keeps_lengths_and_scores_know_distances_alone():
    rows = torch.randn(2, 6, dtype=torch.float64)
    queries, keys = (rotate_positions(row.expand(9, 6)) for row in rows)
    assert_equal_numbers(queries.norm(dim=-1), rows[0].norm().expand(9), "lengths")
    scores = attention_scores(queries, keys)
    assert_equal_numbers(scores[1:, 1:], scores[:-1, :-1], "one step on")
    assert not torch.allclose(scores[0, 1:], scores[0, :-1])


def test_a_rotation_is_that_of_a_complex_number():
    x = torch.randn(5, 6, dtype=torch.float64)
    angles = torch.arange(2, 7)[:, None] * 10000.0 ** (-torch.arange(0, 6, 2).double() / 6)
    pairs = torch.view_as_complex(x.unflatten(-1, (3, 2)))
    turned = torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)
    assert_equal_numbers(rotate_positions(x, first=2), turned, "against complex numbers")


def test_an_odd_number_of_channels_is_refused():
    with pytest.raises(ValueError, match=r"^x: wanted an even number of channels, got 5$"):
        rotate_positions(torch.zeros(3, 5))


def test_no_place_feels_what_comes_later(model):
    changed = IDS.clone()
    changed[6] = 0
    before, after = model(IDS), model(changed)
    assert torch.equal(before[:6], after[:6])
    assert not torch.allclose(before[6:], after[6:])


@pytest.mark.parametrize("pieces", [[1] * 10, [4, 1, 5], [10]])
def test_with_a_cache_any_pieces_give_the_logits_of_the_whole(model, pieces):
    caches = [KeyValueCache() for _ in model.blocks]
    parts = [model(piece, caches) for piece in IDS.split(pieces)]
    assert_equal_numbers(torch.cat(parts), model(IDS), "logits")


def test_a_batch_is_its_rows(model):
    batch = torch.stack([IDS, IDS.flip(0)])
    assert_equal_numbers(model(batch)[1], model(IDS.flip(0)), "logits")


def test_the_heads_do_what_is_handed_over(model):
    assert_equal_numbers(model(IDS, [rotary_attention] * 2), model(IDS), "logits")
    assert not torch.allclose(model(IDS, [attention] * 2), model(IDS))
    with pytest.raises(ValueError):
        model(IDS, [attention])


def test_what_is_written_follows_the_shares(model):
    """At a low temperature the likeliest token is written, from the whole text each time."""
    expected = IDS[:3]
    for _ in range(5):
        expected = torch.cat([expected, model(expected)[-1:].argmax(dim=-1)])
    assert torch.equal(generate(model, IDS[:3], 5, temperature=1e-6), expected)


def test_writing_repeats_with_its_generator(model):
    generators = [torch.Generator().manual_seed(seed) for seed in (1, 1, 2)]
    one, other, third = (generate(model, IDS, 30, generator=g) for g in generators)
    assert torch.equal(one, other) and not torch.equal(one, third)
    assert torch.equal(one[:10], IDS) and len(one) == 40
    assert not one.requires_grad
