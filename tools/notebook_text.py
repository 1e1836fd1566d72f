"""Say a notebook as text, for `git diff`: its cells, and what they print.

    git config diff.notebook.textconv "python3 tools/notebook_text.py"

.gitattributes names the notebooks; the standard library does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path


def printed(output: dict) -> str:
    """What an output says; a picture says its size, so that another one is noticed."""
    data = output.get("data", {})
    texts = [output.get("text"), data.get("text/plain"), output.get("evalue")]
    said = "".join(next((text for text in texts if text), ""))
    picture = data.get("image/png")
    return f"{said}\n[picture, {len(picture)} bytes]" if picture else said


def as_text(notebook: dict) -> str:
    """The cells one after the other, each under its id and its tags."""
    lines = []
    for cell in notebook["cells"]:
        tags = ", ".join(cell["metadata"].get("tags", []))
        lines += [f"--- {cell.get('id')} ({cell['cell_type']}{': ' if tags else ''}{tags})"]
        lines += "".join(cell["source"]).splitlines()
        for output in cell.get("outputs", []):
            lines += [f"| {line}" for line in printed(output).splitlines()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf8")
    print(as_text(json.loads(Path(sys.argv[1]).read_text("utf8"))), end="")
