"""Chapter 18: cards that are dealt, the reader that looks them up, and what stands in its place."""

import pytest
import torch
from expectations import assert_equal_numbers, copy_heads, holds_for_all, refused, rejects
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import generators, normal, with_random_parameters
from torch import nn
from torch.nn import functional as F

from bareattention import (
    CardReader,
    MeanOfCards,
    MultiHeadAttention,
    attention,
    attention_in_heads,
    count_parameters,
    deal_cards,
    linear_attention,
    load_digits,
    mean_of_products,
    mean_of_sums,
    recorded,
    recorded_measurement,
    sigmoid_attention,
    train_on_cards,
    uniform_attention,
)
from bareattention.experiments.cards import DEALS, MIXINGS, prepared, share_right

DOUBLE = torch.float64
few = st.integers(1, 4)
# What stands in attention's place: with the query meeting each key, and without.
LOOK_UPS = [attention, attention_in_heads, linear_attention, sigmoid_attention]
MEANS = [mean_of_products, mean_of_sums, MeanOfCards(8), uniform_attention]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# Deals


@st.composite
def piles(draw):
    """Labels with at least two of each digit, in any order."""
    more = draw(st.lists(st.integers(0, 9), max_size=20))
    labels = torch.tensor([*range(10), *range(10), *more])
    return labels[torch.randperm(len(labels), generator=draw(generators))]


@given(labels=piles(), n_cards=st.integers(1, 10), generator=generators)
@settings(max_examples=40)
def test_a_deal_keeps_the_rules(labels, n_cards, generator):
    left, right, asked, answer, which = deal_cards(labels, 50, n_cards, generator)
    assert left.shape == right.shape == (50, n_cards)
    here = torch.arange(50)
    assert (labels[left].sort(dim=1).values.diff(dim=1) > 0).all(), "two left digits are alike"
    assert torch.equal(labels[asked], labels[left[here, which]])
    assert (asked != left[here, which]).all(), "the picture of the card itself is shown"
    assert torch.equal(answer, right[here, which])


def test_every_picture_is_dealt_and_as_often_as_the_others():
    """On the left, on the right and as the one that is shown; and each card is asked for."""
    labels = torch.arange(10).repeat(4)
    left, right, asked, _, which = deal_cards(labels, 20_000, 5, seeded())
    for dealt in (left, right, asked, which):
        counts = dealt.flatten().bincount().double()
        wanted = torch.full_like(counts, dealt.numel() / len(counts))
        assert len(counts) == (5 if dealt is which else 40)
        assert ((counts - wanted).abs() < 5 * wanted.sqrt()).all()


def test_a_generator_deals_the_same_again():
    labels = torch.arange(10).repeat(3)
    for one, other in zip(*(deal_cards(labels, 9, 6, seeded(3)) for _ in "ab"), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    "labels, n_cards, name, came",
    [
        (torch.arange(20) % 10, 11, "n_cards", "11"),
        (torch.arange(20) % 10, 0, "n_cards", "0"),
        (torch.arange(19) % 10, 6, "labels", "0 to 9"),
        (torch.arange(40) % 11, 6, "labels", "0 to 10"),
        (torch.arange(40) % 10 - 1, 6, "labels", "-1 to 8"),
    ],
)
def test_what_cannot_be_dealt_is_refused(labels, n_cards, name, came):
    with refused(ValueError, name, came):
        deal_cards(labels, 3, n_cards, seeded())


# The reader


@st.composite
def readers(draw, attends=(attention,)):
    """A reader with random parameters, and deals for it: left, right and asked pictures."""
    generator, n, n_cards = draw(generators), draw(few), draw(st.integers(2, 5))
    model = CardReader(8, draw(st.sampled_from(attends)), image_size=3)
    sizes = (n, n_cards, 3, 3), (n, n_cards, 3, 3), (n, 3, 3)
    shown = [normal(generator, *size, dtype=DOUBLE) for size in sizes]
    return with_random_parameters(model, generator, shown[0]), shown


def equals_pytorch(read, case):
    """PyTorch's attention with a query, keys and values from three places."""
    model, shown = case
    left, right, asked = map(model.embedding, shown)
    theirs = nn.MultiheadAttention(8, 1, bias=False, batch_first=True, dtype=DOUBLE)
    model.output = nn.Linear(8, 8, bias=False, dtype=DOUBLE)  # PyTorch has one more projection
    nn.init.eye_(model.output.weight)
    found, looks = copy_heads(model, theirs)(asked[:, None], left, right)
    query = model.projections.query(asked)
    wanted = model.read(torch.cat([query, found[:, 0]], dim=-1))
    logits, weights = read(model, *shown)
    assert_equal_numbers(logits, wanted, "logits", 100)
    assert_equal_numbers(weights, looks[:, 0], "weights", 100)


def changed(change):
    """The mistake of showing something else."""
    return lambda model, *shown: model(*change(*shown))


MISTAKES = {
    "sides swapped": changed(lambda left, right, asked: (right, left, asked)),
    "keys from the right": changed(lambda left, right, asked: (right, right, asked)),
    "values from the left": changed(lambda left, right, asked: (left, left, asked)),
    "asked upside down": changed(lambda left, right, asked: (left, right, asked.flip(1))),
}


def test_the_reader_is_cross_attention_as_pytorch_has_it():
    holds_for_all(lambda case: equals_pytorch(CardReader.__call__, case), 30, case=readers())


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=MISTAKES)
def test_the_comparison_rejects(mistake):
    rejects(lambda case: equals_pytorch(mistake, case), case=readers())


@given(case=readers(LOOK_UPS + MEANS), generator=generators)
@settings(max_examples=60)
def test_the_order_of_the_cards_changes_nothing_but_the_order_of_the_weights(case, generator):
    model, (left, right, asked) = case
    order = torch.randperm(left.shape[1], generator=generator)
    logits, weights = model(left, right, asked)
    moved, of_moved = model(left[:, order], right[:, order], asked)
    assert_equal_numbers(moved, logits, "logits", 100)
    assert (
        (weights is None) == (of_moved is None) == (model.attend not in LOOK_UPS[:2] + LOOK_UPS[3:])
    )
    if weights is not None:
        assert_equal_numbers(of_moved, weights[..., order], "weights", 100)


def keeps_no_pairs(case):
    """Right sides dealt anew among the cards: does the reader notice?"""
    model, (left, right, asked) = case
    assert_equal_numbers(
        model(left, right.roll(1, dims=1), asked)[0], model(left, right, asked)[0], "logits", 1e4
    )


def kind(attend):
    return getattr(attend, "__name__", type(attend).__name__)


@pytest.mark.parametrize("attend", [mean_of_sums, uniform_attention])
def test_a_mean_of_separate_sides_keeps_no_pairs(attend):
    holds_for_all(keeps_no_pairs, 20, case=readers([attend]))


@pytest.mark.parametrize("attend", [*LOOK_UPS, mean_of_products, MEANS[2]], ids=kind)
def test_a_look_up_keeps_pairs_and_so_does_a_product(attend):
    rejects(keeps_no_pairs, case=readers([attend]))


def test_the_parameters_keep_their_names():
    """The recorded reader is loaded by these names."""
    names = {f"embedding.{i}.{kind}" for i in (1, 3) for kind in ("weight", "bias")}
    names |= {f"read.{i}.{kind}" for i in (0, 2) for kind in ("weight", "bias")}
    names |= {f"projections.{name}.weight" for name in ("query", "key", "value")}
    assert set(CardReader().state_dict()) == names
    assert any(name.startswith("attend.card") for name in CardReader(8, MEANS[2]).state_dict())


# What stands in attention's place


@st.composite
def three(draw):
    """Queries, keys and values of 8 channels."""
    generator, n, n_keys = draw(generators), draw(few), draw(few)
    return [normal(generator, n, rows, 8, dtype=DOUBLE) for rows in (1, n_keys, n_keys)]


@given(case=three())
@settings(max_examples=40)
def test_each_way_to_mix_is_what_its_formula_says(case):
    queries, keys, values = case
    features = [F.elu(x) + 1 for x in (queries, keys)]
    linear = features[0] @ features[1].mT
    wanted = {
        linear_attention: linear / linear.sum(dim=-1, keepdim=True) @ values,
        sigmoid_attention: torch.sigmoid(queries @ keys.mT / 8**0.5) @ values,
        mean_of_products: torch.stack([*(keys * values).unbind(1)]).mean(0)[:, None],
        mean_of_sums: keys.mean(dim=1, keepdim=True) + values.mean(dim=1, keepdim=True),
    }
    for way, output in wanted.items():
        assert_equal_numbers(way(queries, keys, values)[0], output, way.__name__, 100)


@given(case=three(), n_heads=st.sampled_from([1, 2, 4]))
@settings(max_examples=20)
def test_heads_are_those_of_chapter_9(case, n_heads):
    queries, keys, _ = case
    heads = MultiHeadAttention(8, n_heads, bias=False).double()
    for part in (*heads.projections.children(), heads.output):
        nn.init.eye_(part.weight)
    found, looks = attention_in_heads(queries, keys, keys, n_heads=n_heads)
    wanted, weights = heads(queries, context=keys)
    assert_equal_numbers(found, wanted, "output", 100)
    assert_equal_numbers(looks, weights, "weights", 100)


# Training, and what is recorded of it


def test_training_lowers_the_loss_and_is_repeated_by_its_seed():
    """Ten digits that are easily told apart: one pixel each."""
    images = torch.eye(10).repeat(2, 1).unflatten(1, (2, 5))
    images = F.pad(images, (0, 0, 0, 3))
    labels, losses = torch.arange(20) % 10, []
    for seed in (0, 0, 1):
        torch.manual_seed(0)
        model = CardReader(16, image_size=5)
        losses.append(train_on_cards(model, images, labels, n_cards=3, steps=150, seed=seed))
    assert losses[0] == losses[1] != losses[2] and len(losses[0]) == 150
    assert losses[0][0] > 2 and sum(losses[0][-10:]) / 10 < 0.5


def test_the_recorded_reader_reads_fresh_deals():
    (run,) = recorded("cards")
    assert run.path.with_suffix(".safetensors").stat().st_size < 300_000
    assert {tensor.dtype for tensor in run.parameters.values()} == {torch.float16}
    model = CardReader()
    model.load_state_dict(run.parameters)
    assert run.n_parameters == count_parameters(model)
    digits = load_digits("mnist5k")
    parts = prepared(digits)
    for n_cards in (2, 6, 10):
        found = share_right(model, parts["test"], n_cards)
        assert found >= 85 and found == pytest.approx(run.final[f"right_{n_cards}"], abs=0.5)
    images, labels = parts["validation"]
    *shown, answer, which = deal_cards(labels, 2000, 6, seeded(7))
    logits, weights = model(*(images[numbers] for numbers in shown))
    assert (logits.argmax(dim=1) == labels[answer]).float().mean() > 0.85
    assert (weights.argmax(dim=1) == which).float().mean() > 0.9


@pytest.mark.parametrize("name, seeds", [("cards", 5), ("cards_mnist", 3)])
def test_the_recorded_table_has_every_way_and_seed(name, seeds):
    rows = recorded_measurement(name)["rows"]
    ways = list(dict.fromkeys(row["mixing"] for row in rows))
    assert [(row["mixing"], row["seed"]) for row in rows] == [
        (way, seed) for way in ways for seed in range(seeds)
    ]
    assert set(ways) <= set(MIXINGS) and (len(ways) == len(MIXINGS) or name == "cards_mnist")
    longer = 4 if name == "cards_mnist" else 1
    for row in rows:
        steps, attend = MIXINGS[row["mixing"]]
        assert row["steps"] == longer * steps
        assert row["parameters"] == count_parameters(CardReader(attend=attend()))
        for n_cards in (2, 6, 10):
            deals = row[f"right_{n_cards}"] * DEALS / 100
            assert deals == pytest.approx(round(deals), abs=1e-6)
