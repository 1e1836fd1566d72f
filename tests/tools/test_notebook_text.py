"""A notebook as git shows its changes."""

import json
import subprocess
import sys

from setup_cell import ROOT

CELLS = [
    {"id": "title", "cell_type": "markdown", "metadata": {}, "source": ["# Why?\n", "\n", "Só."]},
    {
        "id": "sum",
        "cell_type": "code",
        "metadata": {"tags": ["predict", "hide-output"]},
        "source": ["1 + 1"],
        "outputs": [
            {"output_type": "stream", "text": ["a\n", "b\n"]},
            {
                "output_type": "display_data",
                "data": {"image/png": "abcd", "text/plain": "<Figure>"},
            },
            {"output_type": "error", "evalue": "no such name", "traceback": ["long"]},
        ],
    },
]
TEXT = """\
--- title (markdown)
# Why?

Só.
--- sum (code: predict, hide-output)
1 + 1
| a
| b
| <Figure>
| [picture, 4 bytes]
| no such name
"""


def test_git_shows_cells_and_what_they_print(tmp_path):
    """Switched on as CONTRIBUTING.md says it."""
    (tmp_path / "one.ipynb").write_text(json.dumps({"cells": CELLS}))
    (tmp_path / ".gitattributes").write_text((ROOT / ".gitattributes").read_text())
    tool = f"{sys.executable} {ROOT / 'tools/notebook_text.py'}"
    assert 'diff.notebook.textconv "python3 tools/notebook_text.py"' in (
        (ROOT / "CONTRIBUTING.md").read_text("utf8")
    )

    def git(*command: str) -> str:
        settings = ["-c", f"diff.notebook.textconv={tool}"]
        ran = ["git", *settings, *command]
        return subprocess.run(ran, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    git("init")
    git("add", ".")
    added = [line[1:] for line in git("diff", "--cached", "one.ipynb").splitlines()]
    assert "\n".join(added).endswith("\n".join(TEXT.splitlines()))
