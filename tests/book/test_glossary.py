"""The glossary: the learner's words, in order, each with its page."""

import re

import pytest
from booklint.pages import BOOK

TEXT = (BOOK / "glossary.md").read_text("utf8")
ENTRIES = re.split(r"\n- (?=\*\*)", TEXT.replace("\n\n## ", "\n## "))[1:]
WORDS = [re.match(r"\*\*(.+?)\*\*: ", entry)[1].strip("`") for entry in ENTRIES]
# What readers searched for in vain.
SOUGHT = """
concatenate inference autoregressive decoder encoder overfitting vanishing skip is_causal dropout_p
reproducible seed quadratic GPU logit logits KV RoPE hull smoothing one-hot saturation broadcasting
batch_first validation equivariance permutation roll-out occlusion augmentation fused variance
"""


def as_sorted(word: str) -> str:
    return re.sub(r"[^a-z0-9 ]", "", re.sub(r"[_–-]", " ", word.lower()))


def test_words_are_in_order_under_their_letters():
    assert sorted(WORDS, key=as_sorted) == WORDS and len(set(WORDS)) == len(WORDS) > 100
    letters = re.findall(r"^## (.)$", TEXT, re.MULTILINE)
    assert letters == sorted({word[0].upper() for word in WORDS})


@pytest.mark.parametrize("entry", ENTRIES, ids=WORDS)
def test_every_word_is_short_and_has_its_page(entry):
    text = entry.partition("\n## ")[0]
    assert re.search(r"\[(?:Chapter \d+|Ancestors)\]\(\w+\.ipynb\)$", text.strip())
    assert len(text.splitlines()) <= 4


@pytest.mark.parametrize("word", SOUGHT.split())
def test_the_words_that_readers_look_for_are_there(word):
    assert re.search(rf"\b{word}\b", TEXT, re.IGNORECASE)


@pytest.mark.parametrize("entry", [e for e in ENTRIES if re.search(r": see \*", e)])
def test_what_an_entry_sends_to_is_there(entry):
    assert re.search(r": see \*(.+?)\*\.", entry)[1] in WORDS
