"""Write the repository's address wherever the book names it, or take it out again.

    python tools/repository.py https://github.com/OWNER/REPO
    python tools/repository.py ""       # no address: no launch buttons, no links

`make repository URL=…` calls it, with nothing installed: the standard library does.
pyproject.toml states the address; the pages' settings, the set-up cell of every notebook, the
README and the citation file repeat it.  Nothing is written unless all of them can be.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from setup_cell import CELL_ID, ROOT, read_address, setup_cell

BRANCH = "main"
FIRST_PAGE = "book/index.ipynb"
ADDRESS = re.compile(r"https://github\.com/(?P<owner>[\w-]+)/(?P<name>[\w.-]+)", re.ASCII)
START, END = "repository: start", "repository: end"


class RepositoryError(Exception):
    """A bad address, or a file that has no place for one; the message says which."""


@dataclass(frozen=True)
class Repository:
    """A repository on GitHub, and what can be reached through it."""

    owner: str
    name: str

    @property
    def url(self) -> str:
        return f"https://github.com/{self.owner}/{self.name}"

    @property
    def pages(self) -> str:
        """Where GitHub publishes the pages: a repository named after its host has no folder."""
        host = f"{self.owner.lower()}.github.io"
        return f"https://{host}/" if self.name.lower() == host else f"https://{host}/{self.name}/"

    @property
    def colab(self) -> str:
        path = f"{self.owner}/{self.name}/blob/{BRANCH}/{FIRST_PAGE}"
        return f"https://colab.research.google.com/github/{path}"

    @property
    def binder(self) -> str:
        path = f"{self.owner}/{self.name}/{BRANCH}?urlpath=lab/tree/{FIRST_PAGE}"
        return f"https://mybinder.org/v2/gh/{path}"

    @property
    def workflow(self) -> str:
        return f"{self.url}/actions/workflows/test.yml"


def parse(url: str) -> Repository | None:
    """Read an address; None where it is empty.

    Raises: RepositoryError where it is not of the form https://github.com/OWNER/REPO.
    """
    plain = url.strip().rstrip("/").removesuffix(".git")
    if not plain:
        return None
    match = ADDRESS.fullmatch(plain)
    if not match or match["name"] in {".", ".."}:
        raise RepositoryError(f"URL: wanted https://github.com/OWNER/REPO, got {url!r}")
    return Repository(match["owner"], match["name"])


def pyproject_block(repository: Repository) -> str:
    return f'[project.urls]\nRepository = "{repository.url}"\n'


def config_block(repository: Repository) -> str:
    return f"""\
repository:
  url: {repository.url}
  branch: {BRANCH}
  path_to_book: "" # the pages' names start with book/ already
launch_buttons:
  notebook_interface: jupyterlab
  binderhub_url: https://mybinder.org
  colab_url: https://colab.research.google.com
"""


def readme_block(repository: Repository) -> str:
    return f"""\
[![Tests]({repository.workflow}/badge.svg)]({repository.workflow})

- [Read it]({repository.pages}) in the browser.
- [Run it in Colab]({repository.colab}) or [on Binder]({repository.binder}): nothing to install.
- Or get a copy of your own: `git clone {repository.url}`
"""


def citation_block(repository: Repository) -> str:
    return f'repository-code: "{repository.url}"\n'


# File -> what stands between its two marks while there is an address.
BLOCKS = {
    "pyproject.toml": pyproject_block,
    "_config.yml": config_block,
    "README.md": readme_block,
    "CITATION.cff": citation_block,
}


def with_block(text: str, block: str, name: str) -> str:
    """Put `block` between the two marks of a file, in place of what stands there."""
    lines = text.splitlines(keepends=True)
    starts = [i for i, line in enumerate(lines) if START in line]
    ends = [i for i, line in enumerate(lines) if END in line]
    if len(starts) != 1 or len(ends) != 1 or starts[0] > ends[0]:
        raise RepositoryError(
            f'{name}: wanted one line with "{START}" and, below it, one with "{END}"; '
            f"found {len(starts)} and {len(ends)}"
        )
    return "".join(lines[: starts[0] + 1]) + block + "".join(lines[ends[0] :])


def with_setup_cell(text: str, source: str, name: str) -> str:
    """Write the set-up cell of a notebook anew, in nbformat's layout, and change nothing else."""
    notebook = json.loads(text)
    cells = [cell for cell in notebook["cells"] if cell.get("id") == CELL_ID]
    if len(cells) != 1:
        raise RepositoryError(f"{name}: wanted one cell with the id {CELL_ID}, found {len(cells)}")
    cells[0]["source"] = source.splitlines(keepends=True)
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def wanted(root: Path, url: str) -> dict[Path, str]:
    """File -> its whole text, for every file that names the address.

    Raises: RepositoryError where the address is bad or a file has no place for it.
    """
    repository = parse(url)
    texts = {}
    for name, block in BLOCKS.items():
        path = root / name
        if not path.is_file():
            raise RepositoryError(f"{name}: no such file")
        new = block(repository) if repository else ""
        texts[path] = with_block(path.read_text("utf8"), new, name)
    source = setup_cell(repository.url if repository else "")
    for path in sorted((root / "book").glob("*.ipynb")):
        texts[path] = with_setup_cell(path.read_text("utf8"), source, path.name)
    return texts


def differences(root: Path, url: str) -> dict[Path, str]:
    """The part of `wanted` that is not on disk yet."""
    return {
        path: text
        for path, text in wanted(root, url).items()
        if path.read_bytes() != text.encode("utf8")
    }


def write_all(texts: dict[Path, str]) -> None:
    """Write all files or none: if one cannot be written, the others get their old text back."""
    before = {path: path.read_bytes() for path in texts}
    staged = {path: path.with_name(f".{path.name}.new") for path in texts}
    replaced = []
    try:
        for path, temporary in staged.items():
            temporary.write_bytes(texts[path].encode("utf8"))
            shutil.copymode(path, temporary)
        for path, temporary in staged.items():
            temporary.replace(path)
            replaced.append(path)
    except BaseException:
        for path in replaced:
            path.write_bytes(before[path])
        raise
    finally:
        for temporary in staged.values():
            temporary.unlink(missing_ok=True)


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write the address handed over; 0 if every place has it, 1 if nothing was written.

    Without one, say which it is now.
    """
    if not arguments:
        print(f"The address now: {read_address(root) or 'none'}.")
        print("Set it with    make repository URL=https://github.com/OWNER/REPO")
        print("Unset it with  make repository URL=")
        return 0
    try:
        repository = parse(arguments[0])
        changes = differences(root, arguments[0])
        write_all(changes)
    except (RepositoryError, OSError) as error:
        print(f"repository: {error}\nNothing was written.", file=sys.stderr)
        return 1
    for path in changes:
        print(f"wrote {path.relative_to(root)}")
    print(f"The address is now: {repository.url if repository else 'none'}.")
    if repository and changes:
        print(
            f"Commit and push.  Under {repository.url}/settings/pages choose “GitHub Actions”:\n"
            f"then the pages will stand at {repository.pages}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
