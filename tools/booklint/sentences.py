"""One sentence per Markdown line, so that a diff shows the sentence that changed."""

import re
from itertools import pairwise

from booklint import prose
from booklint.pages import Complaint, Page
from booklint.template import OPENING

# Words whose full stop ends no sentence.  Single letters, and words with a stop inside (e.g.,
# w.r.t.), need no entry.
ABBREVIATIONS = re.compile(
    "al|approx|ca|cf|ch|dr|eqs?|figs?|incl|mr|ms|pp|prof|resp|sec|vol|vs", re.IGNORECASE
)
CLOSERS = r"[\"'”’»)\]]*"
STOP = re.compile(rf"(?P<mark>[.!?…])(?P<closed>{CLOSERS})\s+(?P<opened>[\"'“‘«(\[]*)(?P<next>\S)")
ENDED = re.compile(rf"[.!?:;…]{CLOSERS}$")
# A code span or a formula, where it stands for a word.
WORD = "Word"


def one_per_line(page: Page) -> list[Complaint]:
    """No line holds two sentences, and no sentence goes on in the next line."""
    complaints = []
    for cell in page.markdown_cells:
        for block in prose.blocks(cell.source):
            if block.kind != "paragraph":
                continue
            found = [
                (number, _words(tokens), on_purpose)
                for number, tokens, on_purpose in prose.lines(block)
            ]
            for number, text, _ in found:
                if second := second_sentence(text):
                    what = f"a second sentence starts at “{second}”: give it a line of its own"
                    complaints.append(cell.complain(number, what))
            for (number, text, on_purpose), (_, following, _) in pairwise(found):
                if text and following and not on_purpose and not has_ended(text):
                    what = f"the sentence goes on after “{text[-30:]}”: write it in one line"
                    complaints.append(cell.complain(number, what))
    return complaints


def _words(tokens: list[prose.Token]) -> str:
    """What a line says; the words that make a box of it are no sentence."""
    text = prose.plain(tokens, code=WORD, math=WORD).strip()
    return text.removeprefix(OPENING.strip("> *")).lstrip()


def second_sentence(text: str) -> str:
    """The start of the second sentence in a line; empty where there is one sentence."""
    for match in STOP.finditer(text):
        if _ends(text[: match.start()], match):
            return text[match.end() - 1 :][:30]
    return ""


def has_ended(text: str) -> bool:
    """Whether a line may be followed by another sentence."""
    if not ENDED.search(text):
        return False
    word = _last_word(text.rstrip("\"'”’»)]")[:-1])
    return not (text.endswith(".") and _is_abbreviation(word) and len(word) > 1)


def _ends(before: str, match: re.Match[str]) -> bool:
    following = match["next"]
    if re.fullmatch(r"\d+", before):
        return False  # "1. Write a function": the number of an exercise.
    if following in ",;:.–—-)":
        return False
    if following.islower():
        # Only a bare full stop ends a sentence whose successor starts with a small letter.
        word = _last_word(before)
        plain_stop = match["mark"] == "." and not match["closed"] and word.lower() != "etc"
        return plain_stop and not before.endswith(".") and not _is_abbreviation(word)
    return match["mark"] != "." or not _is_abbreviation(_last_word(before))


def _last_word(text: str) -> str:
    match = re.search(r"[\w.]+$", text)
    return match.group() if match else ""


def _is_abbreviation(word: str) -> bool:
    return (
        ABBREVIATIONS.fullmatch(word) is not None
        or re.fullmatch(r"(?:[^\W\d_]+\.)+[^\W\d_]+", word) is not None
        or re.fullmatch(r"[A-Za-z]", word) is not None
    )
