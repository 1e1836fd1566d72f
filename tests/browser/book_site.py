"""Build the book, and say which pages it must have."""

import subprocess
import sysconfig
from pathlib import Path

from sphinx_external_toc.parsing import parse_toc_yaml

ROOT = Path(__file__).resolve().parents[2]
JUPYTER_BOOK = Path(sysconfig.get_path("scripts")) / "jupyter-book"


def page_names() -> list[str]:
    """Return the names of the pages that `_toc.yml` lists, such as book/index."""
    return list(parse_toc_yaml(ROOT / "_toc.yml"))


def build(source: Path, out: Path) -> Path:
    """Build the book of one folder into another, warnings as errors; return the pages' folder."""
    strict = ["--all", "-W", "-n", "--keep-going", "--quiet"]
    result = subprocess.run(
        [JUPYTER_BOOK, "build", source, "--path-output", out, *strict],
        capture_output=True,
        text=True,
        cwd=source,
    )
    said = result.stdout[-3000:] + result.stderr[-3000:]
    assert result.returncode == 0, f"The book does not build without a warning:\n{said}"
    return out / "_build" / "html"
