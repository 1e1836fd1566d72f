"""Node runs the script of the elements as it ships, against numbers that Python writes."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bareattention.touch.script import script

HERE = Path(__file__).parent


@pytest.fixture
def node(tmp_path) -> Callable:
    """Run the tests in NAME.test.mjs: `node("dial", golden)`, tensors and all, unrounded."""
    program = shutil.which("node")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no node, so the script of the elements is not tested", pytrace=False)
        pytest.skip("no node, so the script of the elements is not tested: install nodejs")

    def run(name: str, golden: dict) -> None:
        files = {"TOUCH_SCRIPT": tmp_path / "touch.js", "TOUCH_GOLDEN": tmp_path / "golden.json"}
        files["TOUCH_SCRIPT"].write_text(script(), "utf8")
        text = json.dumps(golden, default=lambda tensor: tensor.tolist())
        files["TOUCH_GOLDEN"].write_text(text, "utf8")
        ran = subprocess.run(
            [program, "--test", HERE / f"{name}.test.mjs"],
            env={**os.environ, **{key: str(path) for key, path in files.items()}},
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        assert "# tests 0" not in ran.stdout, "no test ran"

    return run
