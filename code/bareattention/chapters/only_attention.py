"""What can only a look-up by content do?

Written from book/18_only_attention.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Integer
from torch import Tensor, nn
from torch.nn import functional as F

from bareattention.chapters.many_heads import join_heads, split_heads
from bareattention.chapters.patches import decaying_adamw, warm_up_and_cosine
from bareattention.chapters.queries_keys_values import Projections
from bareattention.chapters.scores import attention_scores
from bareattention.chapters.weighted_values import attention
from bareattention.data import N_CLASSES
from bareattention.shapes import Positive, Size, checked, require

__all__ = [
    "CardReader",
    "MeanOfCards",
    "attention_in_heads",
    "deal_cards",
    "linear_attention",
    "mean_of_products",
    "mean_of_sums",
    "sigmoid_attention",
    "train_on_cards",
]


@checked
def deal_cards(
    labels: Integer[Tensor, "n"],
    n_deals: Size,
    n_cards: Size,
    generator: torch.Generator,
) -> tuple[
    Integer[Tensor, "n_deals n_cards"],
    Integer[Tensor, "n_deals n_cards"],
    Integer[Tensor, "n_deals"],
    Integer[Tensor, "n_deals"],
    Integer[Tensor, "n_deals"],
]:
    """Deal cards with a digit on either side, and ask for one of them.

    In one deal the left digits differ; the right ones come as they come.

    Args:
        labels: the digit of each picture that may be dealt.
        n_cards: cards of one deal, at most ten.
        generator: source of the random numbers, on the CPU.
    Returns: numbers of pictures: on the left, on the right, the one that is
        shown (of a left digit, but never the same picture), the one on the
        right that is asked for; and the place of its card.
    Raises: ValueError for labels that are not digits, or without two of each.
    """
    require(n_cards <= N_CLASSES, "n_cards", f"at most {N_CLASSES}", n_cards)
    per_digit = (labels[:, None] == torch.arange(N_CLASSES)).sum(dim=0)
    whole = per_digit.sum() == len(labels) and per_digit.min() >= 2
    require(whole, "labels", "digits, at least two of each", labels)
    chances = torch.rand(n_deals, N_CLASSES, generator=generator)
    left = chances.argsort(dim=1)[:, :n_cards]
    sizes = n_deals, n_cards
    right = torch.randint(N_CLASSES, sizes, generator=generator)
    which = torch.randint(n_cards, (n_deals, 1), generator=generator)
    digits = torch.cat([left, right, left.gather(1, which)], dim=1)
    many = torch.randint(2**40, digits.shape, generator=generator)
    there = per_digit[digits]
    place = many % there
    # Another picture: some places on from the card's, but not all the way.
    ahead = 1 + many[:, -1:] % (there[:, -1:] - 1)
    place[:, -1:] = (place.gather(1, which) + ahead) % there[:, -1:]
    first = per_digit.cumsum(dim=0) - per_digit
    dealt = labels.argsort(stable=True)[first[digits] + place]
    left, right, asked = dealt.split([n_cards, n_cards, 1], dim=1)
    answer = right.gather(1, which)
    return left, right, asked[:, 0], answer[:, 0], which[:, 0]


@checked
class CardReader(nn.Module):
    """Say what is on the right of the card whose left digit is shown.

    Keys come from left pictures, values from right ones, and the query from
    elsewhere: cross-attention.

    Args:
        d_model: channels of an embedded picture.
        attend: what brings query, keys and values together, as
            `MultiHeadAttention` takes it.
        image_size: pixels along one side of a picture.
    """

    def __init__(
        self,
        d_model: Size = 64,
        attend: Callable = attention,
        image_size: Size = 14,
    ):
        super().__init__()
        self.d_model, self.image_size = d_model, image_size
        self.attend, self.n_classes = attend, N_CLASSES
        self.embedding = nn.Sequential(
            nn.Flatten(start_dim=-2),
            nn.Linear(image_size**2, 128),
            nn.GELU(),
            nn.Linear(128, d_model),
        )
        self.projections = Projections(d_model, d_model, d_model)
        self.read = nn.Sequential(
            nn.Linear(2 * d_model, 128),
            nn.GELU(),
            nn.Linear(128, self.n_classes),
        )

    def forward(
        self,
        left: Float[Tensor, "n_deals n_cards image_size image_size"],
        right: Float[Tensor, "n_deals n_cards image_size image_size"],
        asked: Float[Tensor, "n_deals image_size image_size"],
    ) -> tuple[
        Float[Tensor, "n_deals n_classes"],
        Float[Tensor, "n_deals *n_heads n_cards"] | None,
    ]:
        """Logits, and how much each card was looked at, or None."""
        asked = self.embedding(asked[:, None])  # (n_deals, 1, d_model)
        query = self.projections.query(asked)  # (n_deals, 1, d_model)
        left = self.embedding(left)  # (n_deals, n_cards, d_model)
        keys = self.projections.key(left)  # (n_deals, n_cards, d_model)
        right = self.embedding(right)  # (n_deals, n_cards, d_model)
        values = self.projections.value(right)  # (n_deals, n_cards, d_model)
        found, looks = self.attend(query, keys, values)  # (..., d_model), ...
        both = torch.cat([query, found], dim=-1)  # (n_deals, 1, 2 * d_model)
        logits = self.read(both[:, 0])  # (n_deals, n_classes)
        if looks is not None:
            looks = looks.squeeze(-2)  # (..., n_cards)
        return logits, looks


@checked
def train_on_cards(
    model: CardReader,
    images: Float[Tensor, "n image_size image_size"],
    labels: Integer[Tensor, "n"],
    n_cards: Size = 6,
    steps: Size = 1500,
    seed: int = 0,
    learning_rate: Positive = 2e-3,
) -> list[float]:
    """Train a reader in place, on 64 fresh deals in each step.

    Args:
        labels: the digit of each image, on the CPU.
        seed: start of the random deals.
        learning_rate: how far a step goes at most.
    Returns: the cross-entropy of each step, in nats.
    """
    optimizer = decaying_adamw(model, learning_rate, weight_decay=0.01)
    schedule = warm_up_and_cosine(optimizer, steps, warm_up=0.1)
    generator = torch.Generator().manual_seed(seed)
    losses = []
    for _ in range(steps):
        *shown, answer, _ = deal_cards(labels, 64, n_cards, generator)
        logits, _ = model(*(images[numbers] for numbers in shown))
        loss = F.cross_entropy(logits, labels[answer].to(logits.device))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@checked
def attention_in_heads(
    queries: Float[Tensor, "*batch n_queries d_k"],
    keys: Float[Tensor, "*batch n_keys d_k"],
    values: Float[Tensor, "*batch n_keys d_v"],
    mask: None = None,
    n_heads: Size = 4,
) -> tuple[
    Float[Tensor, "*batch n_queries d_v"],
    Float[Tensor, "*batch n_heads n_queries n_keys"],
]:
    """Attention in several heads, as `MultiHeadAttention` has them."""
    heads = [split_heads(x, n_heads) for x in (queries, keys, values)]
    output, weights = attention(*heads)
    return join_heads(output), weights  # (..., n_queries, d_v), ...


@checked
def linear_attention(
    queries: Float[Tensor, "*#batch n_queries d_k"],
    keys: Float[Tensor, "*#batch n_keys d_k"],
    values: Float[Tensor, "*#batch n_keys d_v"],
    mask: None = None,
) -> tuple[Float[Tensor, "*batch n_queries d_v"], None]:
    """Attention without softmax: weights are products of positive features.

    Keys and values make one table first, of a size that does not depend on
    how many they are; then the queries read it.

    Source: Katharopoulos et al. 2020.
    """
    asks, offers = F.elu(queries) + 1, F.elu(keys) + 1
    table = offers.mT @ values  # (..., d_k, d_v)
    total = asks @ offers.sum(dim=-2)[..., None]  # (..., n_queries, 1)
    return asks @ table / total, None  # (..., n_queries, d_v)


@checked
def sigmoid_attention(
    queries: Float[Tensor, "*#batch n_queries d_k"],
    keys: Float[Tensor, "*#batch n_keys d_k"],
    values: Float[Tensor, "*#batch n_keys d_v"],
    mask: None = None,
) -> tuple[
    Float[Tensor, "*batch n_queries d_v"], Float[Tensor, "... n_queries n_keys"]
]:
    """Attention in which keys do not compete: each weight is a sigmoid."""
    weights = attention_scores(queries, keys).sigmoid()
    return weights @ values, weights  # (..., n_queries, d_v)


@checked
def mean_of_products(
    queries: Float[Tensor, "*#batch n_queries d_k"],
    keys: Float[Tensor, "*#batch n_keys d_k"],
    values: Float[Tensor, "*#batch n_keys d_k"],
    mask: None = None,
) -> tuple[Float[Tensor, "*batch 1 d_k"], None]:
    """Bind each value to its key, channel by channel; nobody asks."""
    return (keys * values).mean(dim=-2, keepdim=True), None


@checked
def mean_of_sums(
    queries: Float[Tensor, "*#batch n_queries d_k"],
    keys: Float[Tensor, "*#batch n_keys d_k"],
    values: Float[Tensor, "*#batch n_keys d_k"],
    mask: None = None,
) -> tuple[Float[Tensor, "*batch 1 d_k"], None]:
    """Average keys and values, each for themselves; nobody asks."""
    return (keys + values).mean(dim=-2, keepdim=True), None


@checked
class MeanOfCards(nn.Module):
    """Let a small network read each card whole, then average; nobody asks."""

    def __init__(self, d_model: Size = 64, d_hidden: Size = 128):
        super().__init__()
        self.d_model = d_model
        self.card = nn.Sequential(
            nn.Linear(2 * d_model, d_hidden),
            nn.GELU(),
            nn.Linear(d_hidden, d_model),
        )

    def forward(
        self,
        queries: Float[Tensor, "*batch n_queries d_model"],
        keys: Float[Tensor, "*batch n_keys d_model"],
        values: Float[Tensor, "*batch n_keys d_model"],
        mask: None = None,
    ) -> tuple[Float[Tensor, "*batch 1 d_model"], None]:
        """The mean of all cards."""
        cards = torch.cat([keys, values], dim=-1)  # (..., n_keys, 2 * d_model)
        read = self.card(cards)  # (..., n_keys, d_model)
        return read.mean(dim=-2, keepdim=True), None  # (..., 1, d_model)
