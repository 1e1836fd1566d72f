"""The benchmark measures side by side, and fails where the import takes too long."""

import benchmark
import pytest


@pytest.mark.parametrize(("beyond", "code"), [(0.3, 0), (0.5, 1)])
def test_an_import_that_takes_too_long_is_red(beyond, code, monkeypatch, capsys):
    seconds = {"import torch": 2.0, "import bareattention": 2.0 + beyond}
    monkeypatch.setattr(benchmark, "import_seconds", lambda: seconds)
    monkeypatch.setattr(benchmark, "call_microseconds", lambda: {"formula": 30, "attention": 90})
    assert benchmark.main() == code
    said = capsys.readouterr().out
    assert f"{beyond:.2f} s" in said and "2.00 s" in said and "90 µs" in said


def test_both_ways_of_a_call_are_timed():
    assert all(0 < taken < 1e5 for taken in benchmark.call_microseconds(turns=1, calls=2).values())
