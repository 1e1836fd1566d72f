"""Planted mistakes: which ones, whether a test notices them, and what fell below the baseline."""

import subprocess
import sys

import pytest
from mutants import fallen, shares
from setup_cell import ROOT

SOURCE = '''\
def area(width: int | None, height: int = 1) -> int | None:
    """Width times height."""
    return width * height


def doubled(x):
    return x + x
'''
TESTS = """\
from bareattention.toy import area


def test_area():
    assert area(3, 4) == 12 and area(3) == 3
"""
# Without torch and its like.
QUICK = """\
import sys
sys.path.insert(0, sys.argv[1])
import forked_tests, mutant_sample, mutants
forked_tests.LIBRARIES = "hypothesis pytest"; mutant_sample.EACH = 4
mutants.main(["toy"])
"""


@pytest.fixture
def mutant_sample():
    """cosmic-ray is there once `make mutants` was typed."""
    pytest.importorskip("cosmic_ray")
    return pytest.importorskip("mutant_sample")


def test_the_same_source_gives_the_same_sample(mutant_sample, monkeypatch):
    first = mutant_sample.sample(SOURCE)
    assert mutant_sample.sample(SOURCE) == first
    assert len({mutated for _, mutated in first}) == len(first) == 20
    monkeypatch.setattr(mutant_sample, "SEED", "another")
    assert mutant_sample.sample(SOURCE) != first


def test_a_line_that_stays_keeps_its_rank(mutant_sample):
    ranks = {rank for _, rank, *_ in mutant_sample.candidates(SOURCE)}
    longer = {rank for _, rank, *_ in mutant_sample.candidates("import math\n\n" + SOURCE)}
    assert longer == ranks


def test_each_place_gives_one_mutant_before_any_gives_two(mutant_sample):
    first = [mutant["was"] for mutant, _ in mutant_sample.sample(SOURCE)[:3]]
    assert sorted(first) == [SOURCE.splitlines()[0], "return width * height", "return x + x"]


def test_annotations_are_left_out(mutant_sample):
    assert mutant_sample.sample("x: int | None = y\ndef f(x: int | str) -> int | None: ...") == []
    assert mutant_sample.sample("Size = int | None")


def test_survivors_and_killed_are_told_apart(mutant_sample, tmp_path):
    """By tests that never look at the second function."""
    files = {"code/bareattention/__init__.py": "", "code/bareattention/toy.py": SOURCE}
    for name, text in {**files, "tests/test_toy.py": TESTS}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf8")
    done = subprocess.run(
        [sys.executable, "-c", QUICK, str(ROOT / "tools")],
        **{"cwd": tmp_path, "capture_output": True, "text": True},
    )
    assert done.stdout.startswith("toy: "), done.stderr
    survivors = [line for line in done.stdout.splitlines() if "->" in line]
    assert survivors and all("7: return x + x" in line for line in survivors)
    killed = 4 - len(survivors)
    assert done.stdout.startswith(f"toy: {killed} of 4")
    assert (tmp_path / "code/bareattention/toy.py").read_text("utf8") == SOURCE


def result(killed_in: dict, *survivors: str) -> dict:
    return {"killed_in": killed_in, "survivors": [{"in": where} for where in survivors]}


def test_shares_are_summed_where_things_have_gone():
    modules = {
        "records": result({"read": 3}, "write"),
        "chapters/patches": result({"DigitBlock.forward": 2, "": 1}, "DigitBlock", "resample"),
    }
    tomorrow = {"records": "experiments/runs", "chapters/patches:DigitBlock": "chapters/block"}
    assert shares(modules, tomorrow) == {
        "chapters/": [3, 5],
        "chapters/block": [2, 3],
        "chapters/patches": [1, 2],
        "experiments/": [3, 4],
        "experiments/runs": [3, 4],
    }


def test_what_fell_is_named():
    before = {"data": [9, 10], "shapes": [18, 20], "train": [1, 2]}
    assert fallen(before, before) == []
    assert fallen(before, {"data": [17, 20], "shapes": [9, 10], "train": [2, 4]}) == ["data"]
    (gone,) = fallen(before, {**before, "shapes": None})
    assert gone.startswith("shapes: no mutants")
