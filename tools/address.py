"""The repository's address: how people write it, where the book states it, what it leads to.

The standard library and an old Python do: `make repository` asks for no .venv.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FIRST_PAGE = "book/index.ipynb"
# As typed, or as `git remote` says it: with a name and perhaps a secret in front, which is dropped.
SPELLINGS = re.compile(
    r"(?:https://(?:[^@/\s]*@)?github\.com/|(?:ssh://)?git@github\.com[:/])"
    r"(?P<owner>[\w-]+)/(?P<name>[\w.-]+)",
    re.ASCII,
)
BRANCHES = re.compile(r"(?!-)[\w.+-]+(?:/[\w.+-]+)*", re.ASCII)
STATED = re.compile(r'^Changelog = "(.*)/blob/(.*)/CHANGELOG\.md"$', re.MULTILINE)


class AddressError(Exception):
    """An address that is none; the message says what was wanted."""


@dataclass(frozen=True)
class Repository:
    """A repository on GitHub, the branch that its pages are made of, and what they lead to."""

    owner: str
    name: str
    branch: str = "main"

    @property
    def url(self) -> str:
        return f"https://github.com/{self.owner}/{self.name}"

    @property
    def changelog(self) -> str:
        return f"{self.url}/blob/{self.branch}/CHANGELOG.md"

    @property
    def pages(self) -> str:
        """Where GitHub publishes the pages: a repository named after its host has no folder."""
        host = f"{self.owner.lower()}.github.io"
        return f"https://{host}/" if self.name.lower() == host else f"https://{host}/{self.name}/"

    @property
    def colab(self) -> str:
        path = f"{self.owner}/{self.name}/blob/{self.branch}/{FIRST_PAGE}"
        return f"https://colab.research.google.com/github/{path}"

    @property
    def binder(self) -> str:
        # A slash within the branch would end it.
        branch = self.branch.replace("/", "%2F")
        return f"https://mybinder.org/v2/gh/{self.owner}/{self.name}/{branch}?urlpath=lab/tree/{FIRST_PAGE}"

    @property
    def workflow(self) -> str:
        return f"{self.url}/actions/workflows/test.yml"


def parse(url: str, branch: str = "main") -> Repository | None:
    """Read an address; None where it is empty.

    Raises: AddressError where it leads to no repository on GitHub, or the branch cannot be one.
    """
    plain = url.strip().rstrip("/").removesuffix(".git")
    if not plain:
        return None
    match = SPELLINGS.fullmatch(plain)
    if not match or match["name"] in {".", ".."}:
        shown = re.sub(r"(?<=//)[^@/]*@", "", url)  # no secret on the screen
        raise AddressError(f"URL: wanted https://github.com/OWNER/REPO, got {shown!r}")
    if not BRANCHES.fullmatch(branch):
        raise AddressError(f"BRANCH: wanted the name of a branch, got {branch!r}")
    return Repository(match["owner"], match["name"], branch)


def read_address(root: Path) -> Repository | None:
    """The address as pyproject.toml states it; None while there is none."""
    stated = STATED.search((root / "pyproject.toml").read_text("utf8"))
    return parse(stated[1], stated[2]) if stated else None
