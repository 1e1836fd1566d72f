"""What one sees when attention with a known mistake is trained, and when it is then used.

The task: each token is the one four places back, or, one time in five, drawn at random.  Nobody
can know those before they come, so that more than 82 % right answers mean a look ahead.
"""

import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from bareattention.mistakes import Wrong
from bareattention.mistakes.attention import ATTENTION

VOCABULARY, SEQ_LEN, BACK, AT_RANDOM = 12, 16, 3, 0.2
D_MODEL, D_K, D_V = 32, 64, 32
STEPS, BATCH_SIZE, TESTS = 400, 64, 500
BOUND = 100 * (1 - AT_RANDOM + AT_RANDOM / VOCABULARY)
SAYS = (
    "one causal head with one known mistake of attention in it, on sequences that repeat after "
    "four tokens, four times in five: percent of next tokens that are right, seed by seed, as "
    "training sees it (whole sequences) and in use (the sequence cut before the token asked for)"
)


def sequences(n: int, generator: torch.Generator) -> Tensor:
    """Draw sequences of ids, (n, SEQ_LEN + 1)."""
    drawn = torch.randint(VOCABULARY, (n, SEQ_LEN + 1), generator=generator)
    fresh = torch.rand(n, SEQ_LEN + 1, generator=generator) < AT_RANDOM
    for place in range(BACK + 1, SEQ_LEN + 1):
        again = drawn[:, place - BACK - 1]
        drawn[:, place] = torch.where(fresh[:, place], drawn[:, place], again)
    return drawn


class OneHead(nn.Module):
    """A causal model of one head, which mixes by the function that is handed over."""

    def __init__(self, attend: Callable[..., Tensor]):
        super().__init__()
        self.attend = attend
        self.tokens = nn.Embedding(VOCABULARY, D_MODEL)
        self.places = nn.Embedding(SEQ_LEN, D_MODEL)
        self.projections = nn.Linear(D_MODEL, 2 * D_K + D_V, bias=False)
        self.output = nn.LazyLinear(D_MODEL)  # a mistake may change the width
        self.logits = nn.Linear(D_MODEL, VOCABULARY)

    def forward(self, ids: Tensor) -> Tensor:
        """Ids `(batch_size, seq_len)` -> logits `(batch_size, seq_len, VOCABULARY)`."""
        x = self.tokens(ids) + self.places.weight[: ids.shape[1]]
        causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril()
        mixed = self.attend(*self.projections(x).split((D_K, D_K, D_V), dim=-1), causal)
        return self.logits(x + self.output(mixed))


def trained(wrong: Wrong, seed: int) -> OneHead:
    """Train a head with these mistakes in it."""
    torch.manual_seed(seed)
    model, generator = OneHead(ATTENTION.answer(wrong)), torch.Generator().manual_seed(seed)
    model(sequences(1, generator)[:, :-1])  # the lazy layer takes its width
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(STEPS):
        ids = sequences(BATCH_SIZE, generator)
        logits = model(ids[:, :-1])[:, BACK:]
        loss = F.cross_entropy(logits.flatten(0, 1), ids[:, BACK + 1 :].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


@torch.no_grad()
def percent_right(model: OneHead, cut: bool) -> float:
    """Percent of next tokens that are right: of whole sequences, or of cut ones, as in use."""
    ids = sequences(TESTS, torch.Generator().manual_seed(1000))
    asked = range(BACK, SEQ_LEN)
    if cut:
        logits = torch.stack([model(ids[:, : place + 1])[:, -1] for place in asked], dim=1)
    else:
        logits = model(ids[:, :-1])[:, BACK:]
    return 100 * (logits.argmax(-1) == ids[:, BACK + 1 :]).float().mean().item()


def measure_failures(repeats: int) -> list[dict]:
    """Train the right head and one for each mistake, with as many seeds as repeats."""
    torch.set_num_threads(1)
    rows = []
    for wrong in tqdm(list(ATTENTION.combinations(most=1)), desc="mistakes", file=sys.stderr):
        row = {"mistake": next(iter(wrong), ""), "training": [], "use": []}
        for seed in range(repeats):
            try:
                model = trained(wrong, seed)
                figures = [round(percent_right(model, cut), 1) for cut in (False, True)]
            except (RuntimeError, IndexError) as error:
                row["error"] = type(error).__name__
                break
            row["training"].append(figures[0])
            row["use"].append(figures[1])
        rows.append(row)
    return rows
