"""Write the repository's address wherever the book names it, or take it out again.

    python tools/repository.py                                       # where git's origin is
    python tools/repository.py --url=https://github.com/OWNER/REPO --branch=main
    python tools/repository.py --url=                                # no address, no links
    python tools/repository.py --check --url=… --branch=…            # is it that one?

`make repository URL=… BRANCH=…` calls it, with nothing installed: the standard library does.
pyproject.toml states the address; the pages' settings, the set-up cell of every notebook, the
README and the citation file repeat it.  Nothing is written unless all of them can be.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path

from address import AddressError, Repository, parse, read_address
from setup_cell import CELL_ID, ROOT, setup_cell

START, END = "repository: start", "repository: end"


class RepositoryError(Exception):
    """A file that has no place for an address, or none to be had; the message says which."""


def pyproject_block(repository: Repository) -> str:
    return f"""\
[project.urls]
Repository = "{repository.url}"
Changelog = "{repository.changelog}"
"""


def config_block(repository: Repository) -> str:
    return f"""\
repository:
  url: {repository.url}
  branch: {repository.branch}
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


def wanted(root: Path, repository: Repository | None) -> dict[Path, str]:
    """File -> its whole text, for every file that names the address.

    Raises: RepositoryError where a file has no place for it.
    """
    texts = {}
    for name, block in BLOCKS.items():
        path = root / name
        if not path.is_file():
            raise RepositoryError(f"{name}: no such file")
        new = block(repository) if repository else ""
        texts[path] = with_block(path.read_text("utf8"), new, name)
    source = setup_cell(repository)
    for path in sorted((root / "book").glob("*.ipynb")):
        texts[path] = with_setup_cell(path.read_text("utf8"), source, path.name)
    return texts


def differences(root: Path, repository: Repository | None) -> dict[Path, str]:
    """The part of `wanted` that is not on disk yet."""
    return {
        path: text
        for path, text in wanted(root, repository).items()
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


def git(root: Path, *arguments: str) -> str:
    """What git answers in a folder; empty where it is not there or knows nothing."""
    try:
        ran = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True)
    except OSError:
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""


def asked_for(root: Path, url: str | None, branch: str | None) -> Repository | None:
    """The repository that was named; what was not named, git says.

    Raises: AddressError, or RepositoryError where git knows no origin.
    """
    if url is None:
        url = git(root, "remote", "get-url", "origin")
        if not url:
            raise RepositoryError(
                "git knows no origin here, so name the address:\n"
                "  make repository URL=https://github.com/OWNER/REPO"
            )
    if not branch:
        published = git(root, "symbolic-ref", "--short", "refs/remotes/origin/HEAD")
        branch = published.partition("/")[2] or git(root, "branch", "--show-current")
    return parse(url, branch or "main")


def described(repository: Repository | None) -> str:
    return f"{repository.url}, branch {repository.branch}" if repository else "none"


def check(root: Path, repository: Repository | None) -> None:
    """Raises: RepositoryError unless the book names this address already."""
    stated = read_address(root)
    if described(stated).lower() != described(repository).lower():  # GitHub sees no difference
        command = f"make repository URL={repository.url} BRANCH={repository.branch}"
        raise RepositoryError(
            f"This is {described(repository)};\nthe address in the book is {described(stated)}.\n"
            f"Its links would lead elsewhere.  In your clone, type\n  {command}\n"
            "then commit what it wrote, and push."
        )


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    made.add_argument("--url", help="https://github.com/OWNER/REPO; empty takes the address out")
    made.add_argument("--branch", help="the branch that the pages are made of")
    made.add_argument("--check", action="store_true", help="write nothing; fail if it is another")
    return made


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Write the address asked for; 0 if every place has it, 1 if nothing was written."""
    options = parser().parse_args(arguments)
    try:
        repository = asked_for(root, options.url, options.branch)
        if options.check:
            check(root, repository)
            return 0
        changes = differences(root, repository)
        write_all(changes)
    except (AddressError, RepositoryError, OSError) as error:
        print(f"repository: {error}", file=sys.stderr)
        if not options.check:
            print("Nothing was written.", file=sys.stderr)
        return 1
    for path in changes:
        print(f"wrote {path.relative_to(root)}")
    print(f"The address is now: {described(repository)}.")
    if repository and changes:
        print(
            f"Commit and push.  Under {repository.url}/settings/pages choose “GitHub Actions”:\n"
            f"then the pages will stand at {repository.pages}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
