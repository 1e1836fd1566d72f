"""What changes for language?

Written from book/20_language.ipynb by tools/extract.py.
Edit the notebook, then run `make chapters`.
"""

from collections.abc import Callable, Sequence

import torch
from jaxtyping import Bool, Float, Integer
from torch import Tensor, nn

from bareattention.chapters.block import Block
from bareattention.chapters.masks import causal_mask
from bareattention.chapters.positions import sinusoidal_positions
from bareattention.chapters.softmax import softmax
from bareattention.chapters.weighted_values import attention
from bareattention.shapes import Count, Positive, Share, Size, checked, require

__all__ = [
    "CausalLanguageModel",
    "KeyValueCache",
    "generate",
    "rotary_attention",
    "rotate_positions",
]


@checked
def rotate_positions(
    x: Float[Tensor, "*batch seq_len d_k"], first: Count = 0
) -> Float[Tensor, "*batch seq_len d_k"]:
    """Turn each pair of channels by the angles of its token's place.

    Args:
        first: the place of the first token.  d_k must be even.
    Source: Su et al. 2021, equation 34, with pairs of neighbouring channels.
    """
    seq_len, d_k = x.shape[-2:]
    require(d_k % 2 == 0, "x", "an even number of channels", d_k)
    waves = sinusoidal_positions(first + seq_len, d_k, x.dtype)[first:]
    sine, cosine = waves[:, 0::2], waves[:, 1::2]
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = [even * cosine - odd * sine, even * sine + odd * cosine]
    return torch.stack(turned, dim=-1).flatten(start_dim=-2)


@checked
def rotary_attention(
    queries: Float[Tensor, "*batch seq_len d_k"],
    keys: Float[Tensor, "*batch seq_len d_k"],
    values: Float[Tensor, "*batch seq_len d_v"],
    mask: Bool[Tensor, "... #seq_len #seq_len"] | None = None,
) -> tuple[
    Float[Tensor, "*batch seq_len d_v"], Float[Tensor, "*batch seq_len seq_len"]
]:
    """`attention`, with queries and keys turned by their places."""
    turned = rotate_positions(queries), rotate_positions(keys)
    return attention(*turned, values, mask)


class KeyValueCache:
    """`rotary_attention` for a text that grows: keeps all keys and values.

    Each call brings the tokens that follow those of the calls before, and any
    mask is replaced by the causal one of the whole text.  A block needs a
    cache of its own.
    """

    def __init__(self):
        self.keys = self.values = None

    def __call__(
        self,
        queries: Float[Tensor, "*batch seq_len d_k"],
        keys: Float[Tensor, "*batch seq_len d_k"],
        values: Float[Tensor, "*batch seq_len d_v"],
        mask: Bool[Tensor, "... #seq_len #seq_len"] | None = None,
    ) -> tuple[
        Float[Tensor, "*batch seq_len d_v"],
        Float[Tensor, "*batch seq_len n_seen"],
    ]:
        first = 0 if self.keys is None else self.keys.shape[-2]
        keys = rotate_positions(keys, first)  # (..., d_k)
        if first:
            keys = torch.cat([self.keys, keys], dim=-2)
            values = torch.cat([self.values, values], dim=-2)
        self.keys, self.values = keys, values
        mask = causal_mask(keys.shape[-2])[first:]
        return attention(rotate_positions(queries, first), keys, values, mask)


@checked
class CausalLanguageModel(nn.Module):
    """Says, at each place of a text, how likely each token is to come next.

    Args:
        n_tokens: how many different tokens there are.
    Source: Radford et al. 2019 (norm first, one norm at the end), with the
        positions of Su et al. 2021.
    """

    def __init__(
        self,
        n_tokens: Size,
        d_model: Size,
        n_heads: Size,
        n_blocks: Size,
        dropout: Share = 0.0,
    ):
        super().__init__()
        self.d_model, self.n_tokens = d_model, n_tokens
        self.embedding = nn.Embedding(n_tokens, d_model)
        self.blocks = nn.ModuleList(
            Block(d_model, n_heads, 4 * d_model, dropout, "gelu")
            for _ in range(n_blocks)
        )
        self.norm = nn.LayerNorm(d_model)
        self.output = nn.Linear(d_model, n_tokens)

    def forward(
        self,
        ids: Integer[Tensor, "*batch seq_len"],
        attends: Sequence[Callable] | None = None,
    ) -> Float[Tensor, "*batch seq_len n_tokens"]:
        """Logits for the token that follows each token.

        Args:
            attends: what the heads of each block do; None means
                `rotary_attention` in all of them.
        """
        return self.read(self.embedding(ids), attends)  # (..., n_tokens)

    def read(
        self,
        x: Float[Tensor, "*batch seq_len d_model"],
        attends: Sequence[Callable] | None = None,
    ) -> Float[Tensor, "*batch seq_len n_tokens"]:
        """The same, from embeddings."""
        mask = causal_mask(x.shape[-2])  # (seq_len, seq_len)
        attends = attends or [rotary_attention] * len(self.blocks)
        for block, attend in zip(self.blocks, attends, strict=True):
            x, _ = block(x, mask, attend)  # (..., d_model)
        return self.output(self.norm(x))  # (..., n_tokens)


@checked
@torch.no_grad()
def generate(
    model: CausalLanguageModel,
    ids: Integer[Tensor, " seq_len"],
    n_new: Size,
    temperature: Positive = 1.0,
    generator: torch.Generator | None = None,
) -> Integer[Tensor, " n_written"]:
    """Write n_new tokens after those given, each drawn from the model's shares.

    The model should be in eval mode.

    Args:
        temperature: below 1 prefers what is likely, above 1 does less so.
    Returns: the tokens given, and the new ones.
    """
    caches = [KeyValueCache() for _ in model.blocks]
    logits, written = model(ids, caches)[-1], [ids]
    for _ in range(n_new):
        shares = softmax(logits, temperature)
        written.append(torch.multinomial(shares, 1, generator=generator))
        logits = model(written[-1], caches)[-1]
    return torch.cat(written)
