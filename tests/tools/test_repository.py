"""The repository's address: the same in all places, set and unset without a trace."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import address
import nbformat
import pytest
import repository
import yaml
from address import Repository, read_address
from setup_cell import ROOT

BOOK = Repository("some-one", "some.book", "trunk")
URL = BOOK.url
SET, UNSET = [f"--url={URL}", "--branch=trunk"], ["--url="]


def snapshot(root: Path) -> dict[str, bytes]:
    """Path -> bytes of every file under a folder."""
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture
def tree(tmp_path):
    """A copy of every file that names the address, with no address in it."""
    (tmp_path / "book").mkdir()
    for name in repository.BLOCKS:
        shutil.copy(ROOT / name, tmp_path / name)
    for path in (ROOT / "book").glob("*.ipynb"):
        shutil.copy(path, tmp_path / "book" / path.name)
    assert repository.main(UNSET, tmp_path) == 0
    return tmp_path


def test_all_places_name_the_same_address():
    found = repository.differences(ROOT, read_address(ROOT))
    assert not found, f"type  make repository URL=…  : {sorted(map(str, found))}"


def test_writes_the_address_everywhere(tree):
    assert repository.main(SET, tree) == 0
    assert read_address(tree) == BOOK
    config = yaml.safe_load((tree / "_config.yml").read_text("utf8"))
    assert config["repository"] == {"url": URL, "branch": "trunk", "path_to_book": ""}
    assert set(config["launch_buttons"]) == {"notebook_interface", "binderhub_url", "colab_url"}
    citation = yaml.safe_load((tree / "CITATION.cff").read_text("utf8"))
    assert citation["repository-code"] == URL
    readme = (tree / "README.md").read_text("utf8")
    for link in (
        f"git clone {URL}",
        "https://some-one.github.io/some.book/",
        "https://colab.research.google.com/github/some-one/some.book/blob/trunk/book/index.ipynb",
        "https://mybinder.org/v2/gh/some-one/some.book/trunk?urlpath=lab/tree/book/index.ipynb",
        f"{URL}/actions/workflows/test.yml/badge.svg",
    ):
        assert link in readme
    notebooks = sorted((tree / "book").glob("*.ipynb"))
    assert notebooks
    for path in notebooks:
        cells = nbformat.read(path, as_version=4).cells
        assert f'"git+{URL}@trunk"' in next(c.source for c in cells if c.id == "setup")


def test_no_address_means_no_link_and_no_button(tree):
    config = yaml.safe_load((tree / "_config.yml").read_text("utf8"))
    assert "repository" not in config
    assert "launch_buttons" not in config
    assert "urls" not in tomllib.loads((tree / "pyproject.toml").read_text("utf8"))["project"]
    assert "repository-code" not in (tree / "CITATION.cff").read_text("utf8")
    assert "mybinder" not in (tree / "README.md").read_text("utf8")


def test_there_and_back_leaves_no_trace(tree):
    before = snapshot(tree)
    assert repository.main(SET, tree) == 0
    after = snapshot(tree)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == before.keys() == after.keys()
    assert repository.main(UNSET, tree) == 0
    assert snapshot(tree) == before


def test_a_second_time_writes_nothing(tree, capsys):
    repository.main(SET, tree)
    capsys.readouterr()
    assert repository.main(SET, tree) == 0
    assert capsys.readouterr().out == f"The address is now: {URL}, branch trunk.\n"


@pytest.mark.parametrize(
    "spelling",
    [
        *(f"{URL}/", f"{URL}.git", f" {URL}.git/ ", URL),
        *("git@github.com:some-one/some.book.git", "ssh://git@github.com/some-one/some.book"),
        "https://me:secret@github.com/some-one/some.book.git",
    ],
)
def test_takes_common_spellings(spelling):
    assert address.parse(spelling).url == URL


def test_pages_of_a_repository_named_after_its_host():
    found = address.parse("https://github.com/Someone/someone.github.io")
    assert found.pages == "https://someone.github.io/"


@pytest.mark.parametrize(
    "url",
    [
        "github.com/owner/repo",
        "git@example.org:owner/repo",
        "http://github.com/owner/repo",
        "https://example.org/owner/repo",
        "https://github.com/owner",
        "https://github.com/owner/..",
        "https://github.com/owner/repo/tree/main",
        'https://github.com/owner/re"po',
        "https://github.com/owner/repo\nx",
    ],
)
def test_refuses_other_addresses_and_writes_nothing(url, tree, capsys):
    before = snapshot(tree)
    assert repository.main([f"--url={url}"], tree) == 1
    assert "wanted https://github.com/OWNER/REPO, got" in capsys.readouterr().err
    assert snapshot(tree) == before


@pytest.mark.parametrize("name", sorted(repository.BLOCKS))
def test_a_file_without_its_marks_stops_everything(name, tree, capsys):
    path = tree / name
    path.write_text(path.read_text("utf8").replace("repository: end", "repository"), "utf8")
    before = snapshot(tree)
    assert repository.main(SET, tree) == 1
    assert f"{name}: wanted one line with" in capsys.readouterr().err
    assert snapshot(tree) == before


def test_a_notebook_without_the_set_up_cell_stops_everything(tree, capsys):
    (tree / "book" / "99_bare.ipynb").write_text(nbformat.writes(nbformat.v4.new_notebook()))
    before = snapshot(tree)
    assert repository.main(SET, tree) == 1
    assert "99_bare.ipynb: wanted one cell with the id setup" in capsys.readouterr().err
    assert snapshot(tree) == before


def test_a_failed_write_takes_the_others_back(tree, capsys, monkeypatch):
    before = snapshot(tree)
    replace, calls = Path.replace, []

    def fail_at_the_third(self, target):
        calls.append(target)
        if len(calls) == 3:
            raise OSError("disk full")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_at_the_third)
    assert repository.main(SET, tree) == 1
    assert "disk full" in capsys.readouterr().err
    assert len(calls) == 3
    assert snapshot(tree) == before


@pytest.mark.parametrize("branch", ["-x", "a b", "a..b//c", 'main"', "main\n"])
def test_refuses_what_is_no_branch(branch, tree, capsys):
    assert repository.main([f"--url={URL}", f"--branch={branch}"], tree) == 1
    assert "BRANCH: wanted the name of a branch, got" in capsys.readouterr().err
    assert read_address(tree) is None


def test_a_secret_in_an_address_is_not_shown(tree, capsys):
    repository.main(["--url=https://me:secret@example.org/owner/repo"], tree)
    assert "secret" not in "".join(capsys.readouterr())


def git(folder: Path, *arguments: str) -> None:
    settings = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=work"]
    subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def clone(tree):
    """A clone of the repository BOOK, on a branch of its owner's own."""
    git(tree, "init")
    git(tree, "remote", "add", "origin", "git@github.com:some-one/some.book.git")
    return tree


def test_without_an_address_it_takes_the_clones(clone):
    git(clone, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    git(clone, "commit", "--allow-empty", "-m", "any")
    git(clone, "update-ref", "refs/remotes/origin/trunk", "HEAD")
    assert repository.main([], clone) == 0
    assert read_address(clone) == BOOK


def test_without_a_published_branch_it_takes_the_present_one(clone):
    assert repository.main([], clone) == 0
    assert read_address(clone) == Repository("some-one", "some.book", "work")


@pytest.mark.parametrize("path", [None, ""], ids=["no origin", "no git"])
def test_says_what_to_do_where_git_knows_nothing(path, tree, capsys, monkeypatch):
    git(tree, "init")
    if path is not None:
        monkeypatch.setenv("PATH", path)
    assert repository.main([], tree) == 1
    assert "make repository URL=https://github.com/OWNER/REPO" in capsys.readouterr().err
    assert repository.main([f"--url={URL}"], tree) == 0
    assert read_address(tree).branch == ("main" if path is not None else "work")


def test_a_check_writes_nothing_and_knows_a_stranger(tree, capsys):
    repository.main(SET, tree)
    before = snapshot(tree)
    capsys.readouterr()
    same = ["--url=https://github.com/Some-One/some.book", "--branch=trunk"]
    assert repository.main(["--check", *same], tree) == 0
    assert "".join(capsys.readouterr()) == ""
    for others in (["--url=https://github.com/a/b", "--branch=trunk"], [*SET[:1], "--branch=x"]):
        assert repository.main(["--check", *others], tree) == 1
        said = capsys.readouterr().err
        assert f"the address in the book is {URL}, branch trunk." in said
        assert f"make repository {others[0].replace('--url', 'URL')} BRANCH=" in said
    assert snapshot(tree) == before


def test_a_check_misses_an_address_that_was_never_written(tree, capsys):
    assert repository.main(["--check", *SET], tree) == 1
    assert "the address in the book is none." in capsys.readouterr().err


def test_needs_nothing_but_the_standard_library(tree):
    shutil.copytree(ROOT / "tools", tree / "tools")
    command = [sys.executable, "-E", "-S", "tools/repository.py", *SET]  # -S: no site-packages
    ran = subprocess.run(command, cwd=tree, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert read_address(tree) == BOOK
