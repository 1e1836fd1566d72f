"""The masks of tests/nbval.cfg hide what differs between honest runs, and nothing else."""

import re
import time

import pytest
from booklint.pages import ROOT
from nbval.plugin import get_sanitize_patterns

PATTERNS = get_sanitize_patterns((ROOT / "tests" / "nbval.cfg").read_text("utf8"))


def masked(text: str) -> str:
    for regex, replacement in PATTERNS:
        text = re.sub(regex, replacement, text)
    return text


def test_every_mask_is_read() -> None:
    assert len(PATTERNS) == 3


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("<object at 0x7f63c83b8180>", "<object at 0x55d0c0ffee00>"),
        ("/tmp/ipykernel_12/345.py:3: UserWarning", "/var/a/ipykernel_9/8.py:3: UserWarning"),
        ('<img src="data:image/png;base64,iVBO+/Rw0K==">', '<img src="data:image/png;base64,AA">'),
    ],
)
def test_mask_hides_what_differs(one: str, other: str) -> None:
    assert masked(one) == masked(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tensor([0.1234])", "tensor([0.1235])"),
        ("mask 0xff", "mask 0xfe"),
        ("/tmp/ipykernel_12/345.py:3: UserWarning", "/tmp/ipykernel_12/345.py:4: UserWarning"),
        ('data:image/png;base64,AA" alt="a"', 'data:image/png;base64,AA" alt="b"'),
        ("data:text/plain;base64,AAAA", "data:text/plain;base64,BBBB"),
    ],
)
def test_mask_shows_what_matters(one: str, other: str) -> None:
    assert masked(one) != masked(other)


def test_data_without_a_space_take_no_time() -> None:
    """The elements that readers touch bring long lines of it."""
    started = time.perf_counter()
    masked("/" + "0" * 300_000)
    assert time.perf_counter() - started < 5
