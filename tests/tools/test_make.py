"""`make` on other people's computers: what it installs, when, and what it says when it cannot.

Nothing is installed here.  A copy of the house meets a Python, a pip and a disk made of a few
lines of shell, which write down how they were called.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from setup_cell import ROOT

# What the scripts may find on their way; no python among it.
UTILITIES = ["awk", "basename", "cat", "cksum", "cmp", "cp", "df", "dirname", "find", "grep"]
UTILITIES += ["make", "mkdir", "rm", "sed", "sh", "sort", "tail", "uname"]

PYTHON = """\
#!/bin/sh
# A Python of a few lines: $FAKE tells it what to lack.
echo "$(basename "$0") $*" >>"$CALLS"
case "$*" in
*version_info*) case "$FAKE" in *old*) exit 1 ;; esac ;;
--version) cat "$(dirname "$0")/version" 2>/dev/null || echo "Python ${0##*python}.1" ;;
*ensurepip*) case "$FAKE" in *no-venv*) exit 1 ;; esac ;;
*"-m venv"*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && "$0" --version >"$3/bin/version" ;;
*"pip --version"*) case "$FAKE" in *half-made*) exit 1 ;; esac ;;
*"pip install"*)
    if [ -n "${PIP_SAYS:-}" ]; then echo "$PIP_SAYS" >>.venv/pip.log; exit 1; fi ;;
*browser.py*) case "$FAKE" in *no-browser*) echo "No Chromium was found" >&2; exit 1 ;; esac ;;
*"-m pytest --nbval"*) echo "5 passed"; case "$FAKE" in *bad-chapter*) exit 1 ;; esac ;;
*"-m pytest"*) echo "9 passed"; case "$FAKE" in *bad-test*) exit 1 ;; *no-test*) exit 5 ;; esac ;;
*extract.py*) case "$FAKE" in *stale*) exit 1 ;; esac ;;
*execute.py*) case "$FAKE" in *bad-chapter*) exit 1 ;; esac ;;
esac
"""
TOOL = """\
#!/bin/sh
echo "$(basename "$0") $*" >>"$CALLS"
case "$FAKE" in *"bad-$(basename "$0")"*) exit 1 ;; esac
"""
JUPYTER_BOOK = """\
#!/bin/sh
echo "jupyter-book $*" >>"$CALLS"
echo progress
case "$FAKE" in *warning*) echo "page.md:7: WARNING: no such link" >&2; echo end; exit 1 ;; esac
mkdir -p _build/html && echo page >_build/html/index.html
"""


class House:
    """A copy of what `make` needs, and the programs it meets there."""

    def __init__(self, root: Path):
        self.root = root / "a house"  # a space, as in many people's folders
        self.programs = root / "programs"
        self.calls_file = root / "calls"
        shutil.copytree(ROOT / "tools", self.root / "tools")
        for name in ("Makefile", "pyproject.toml", "requirements.txt", "_config.yml", "_toc.yml"):
            shutil.copy(ROOT / name, self.root / name)
        for name in ("book", "code/bareattention", "tests"):
            (self.root / name).mkdir(parents=True)
        (self.root / "book" / "01_first.ipynb").write_text("{}")
        self.programs.mkdir()
        for name in UTILITIES:
            (self.programs / name).symlink_to(shutil.which(name))
        self.program("python3.13", PYTHON)

    def program(self, name: str, text: str) -> None:
        """Put a program of our own on the path."""
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        """Run make; what it called stands in `calls` afterwards."""
        self.calls_file.write_text("")
        settings = {"PATH": str(self.programs), "CALLS": str(self.calls_file), "FAKE": ""}
        return subprocess.run(
            ["make", "--no-print-directory", *arguments],
            cwd=self.root,
            env=settings | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines()

    def installed(self) -> bool:
        """Whether the last make called `pip install`."""
        return any("pip install" in call for call in self.calls)


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


@pytest.fixture
def ready(house):
    """A house where everything is installed and every program does its work."""
    done = house.make("install")
    assert done.returncode == 0, done.stderr
    for name in ("ruff", "lint-imports"):
        house.program(name, TOOL)
    # The copy in .venv/bin answers as `python` too.
    (house.root / ".venv" / "bin" / "jupyter-book").write_text(JUPYTER_BOOK)
    (house.root / ".venv" / "bin" / "jupyter-book").chmod(0o755)
    return house


def test_help_is_the_default_and_lists_every_target(house):
    said = house.make()
    assert said.returncode == 0
    assert said.stdout == house.make("help").stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    assert re.findall(r"^  make (\w+)", said.stdout, re.M) == phony
    assert house.calls == []


def test_installs_once(house):
    assert house.make("install").returncode == 0
    assert house.installed()
    again = house.make("install")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert not house.installed()


@pytest.mark.parametrize(
    "target",
    ["book", "serve", "test", "check", "mutants", "format", "chapters", "chapter", "repository"],
)
def test_every_command_installs_what_it_needs(target, house):
    house.make(target)
    assert house.installed()


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_installs_again_when_asked_for_something_else(name, house):
    house.make("install")
    with (house.root / name).open("a") as file:
        file.write("# more\n")
    assert house.make("install").returncode == 0
    assert house.installed()
    assert not any("-m venv" in call for call in house.calls), "the old .venv will do"
    assert any("pip install" in call and "--quiet" in call for call in house.calls)


def test_a_failed_installation_is_tried_again(house):
    assert house.make("install", PIP_SAYS="some error").returncode != 0
    assert house.make("install").returncode == 0
    assert house.installed()


def test_a_half_made_venv_is_made_anew(house):
    house.make("install", PIP_SAYS="some error")
    assert house.make("install", FAKE="half-made").returncode == 0
    assert any("-m venv" in call for call in house.calls)


def test_a_moved_house_gets_a_new_venv(house):
    house.make("install")
    house.root = house.root.rename(house.root.with_name("moved"))
    said = house.make("install")
    assert said.returncode == 0
    assert "made in another folder" in said.stdout
    assert any("-m venv" in call for call in house.calls)


def test_a_venv_whose_python_is_gone_is_made_anew(house):
    house.make("install")
    python = house.root / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/python")
    said = house.make("install")
    assert said.returncode == 0
    assert "does not run" in said.stdout
    assert any("-m venv" in call for call in house.calls)


def test_takes_the_python_it_is_given(house):
    house.program("python3.12", PYTHON)
    assert house.make("install", "PYTHON=python3.12").returncode == 0
    assert any(call.startswith("python3.12 -m venv") for call in house.calls)
    other = house.make("install", "PYTHON=python3.13")
    assert other.returncode != 0
    assert "rm -r .venv" in other.stderr


@pytest.mark.parametrize("shim", [PYTHON, "#!/bin/sh\necho not found >&2\nexit 127\n"])
def test_says_which_python_it_needs(shim, house):
    house.program("python3.13", shim)
    house.program("python3", PYTHON)
    said = house.make("book", FAKE="old")
    assert said.returncode != 0
    assert "It needs Python 3.11 or newer." in said.stderr
    assert "PYTHON=/path/to/python" in said.stderr
    assert not (house.root / ".venv").exists()


def test_says_that_the_python_it_was_given_does_not_do(house):
    said = house.make("book", "PYTHON=/nowhere/python")
    assert said.returncode != 0
    assert "/nowhere/python is no such Python" in said.stderr


def test_says_how_to_get_the_module_venv(house):
    said = house.make("book", FAKE="no-venv")
    assert said.returncode != 0
    assert "apt-get install python3-venv" in said.stderr
    assert not (house.root / ".venv").exists()


def disk(gigabytes: int) -> str:
    """A `df` that has seen this much free space."""
    free = gigabytes * 1024 * 1024 + 5
    return f"#!/bin/sh\necho Filesystem Blocks Used Available\necho /dev/x 99 9 {free} 9% /\n"


@pytest.mark.parametrize(
    ("gigabytes", "settings", "enough"),
    [
        (6, {}, False),
        (7, {}, True),
        (2, {"PIP_EXTRA_INDEX_URL": "https://download.pytorch.org/whl/cpu"}, True),
        (1, {"PIP_EXTRA_INDEX_URL": "https://download.pytorch.org/whl/cpu"}, False),
        (1, {"SKIP_SPACE_CHECK": "1"}, True),
    ],
)
def test_looks_at_the_disk_first(gigabytes, settings, enough, house):
    house.program("df", disk(gigabytes))
    house.program("uname", "#!/bin/sh\necho Linux\n")
    said = house.make("install", **settings)
    assert (said.returncode == 0) == enough
    assert house.installed() == enough
    if not enough:
        assert f"{gigabytes} GB are free here" in said.stderr
        assert "PIP_EXTRA_INDEX_URL=" in said.stderr


@pytest.mark.parametrize(
    ("pip", "message"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("NewConnectionError('Failed to establish a new connection')", "no network?"),
        ("ReadTimeoutError: Read timed out. ReadTimeout", "no network?"),
        ("ERROR: No matching distribution found for torch", "Try Python 3.11 to 3.13"),
        ("ERROR: something else", "stands in .venv/pip.log"),
    ],
)
def test_says_why_pip_failed(pip, message, house):
    said = house.make("book", PIP_SAYS=pip)
    assert said.returncode != 0
    assert message in said.stderr
    assert not (house.root / ".venv" / "installed").exists()


def test_book_is_built_whole_or_not_at_all(ready):
    said = ready.make("book")
    assert said.returncode == 0, said.stderr
    assert [c for c in ready.calls if c.startswith("jupyter-book")] == [
        "jupyter-book build . --all -W -n --keep-going"
    ]
    page = ready.root / "_build" / "html" / "index.html"
    assert f"file://{page}" in said.stdout
    assert "make serve" in said.stdout
    again = ready.make("book")
    assert f"file://{page}" in again.stdout
    assert not any(c.startswith("jupyter-book") for c in ready.calls)


@pytest.mark.parametrize(
    "path",
    [
        "book/01_first.ipynb",
        "book/new.md",
        "_toc.yml",
        "code/bareattention/data.py",
        "_build/html/index.html",
    ],
)
def test_book_is_built_again_after_a_change(path, ready):
    ready.make("book")
    stamp = ready.root / "_build" / "built"
    os.utime(stamp, ns=(0, 0))  # as if some time had passed
    for built in (ready.root / "_build" / "html").iterdir():
        os.utime(built, ns=(0, 0))
    ready.make("book")
    assert not any(c.startswith("jupyter-book") for c in ready.calls)
    with (ready.root / path).open("a") as file:
        file.write("\n")
    ready.make("book")
    assert any(c.startswith("jupyter-book") for c in ready.calls)


def test_no_page_outlives_its_source(ready):
    ready.make("book")
    gone = ready.root / "_build" / "html" / "gone.html"
    gone.write_text("old")
    (ready.root / "book" / "01_first.ipynb").write_text("{ }")
    ready.make("book")
    assert not gone.exists()


def test_a_warning_is_not_forgotten(ready):
    for _ in range(2):
        said = ready.make("book", FAKE="warning")
        assert said.returncode != 0
        assert said.stderr.startswith("page.md:7: WARNING: no such link\n\nThe book was not built")
        assert any(c.startswith("jupyter-book") for c in ready.calls)
    ready.make("book")
    (ready.root / "book" / "01_first.ipynb").write_text("{ }")
    assert ready.make("book", FAKE="warning").returncode != 0
    (ready.root / "book" / "01_first.ipynb").write_text("{}")
    assert ready.make("book", FAKE="warning").returncode != 0


def test_test_does_everything_in_order(ready):
    said = ready.make("test")
    assert said.returncode == 0, said.stderr
    steps = [
        "ruff check",
        "ruff format --check",
        "lint-imports",
        "extract.py --check",
        "font_manager",
        "-m pytest",
        "-m pytest --nbval book/",
    ]
    places = [next(i for i, c in enumerate(ready.calls) if step in c) for step in steps]
    assert places == sorted(places)
    assert said.stdout.splitlines()[-1] == "5 passed"
    assert said.stderr == ""


@pytest.mark.parametrize(
    "fault", ["bad-ruff", "bad-lint-imports", "stale", "bad-test", "no-test", "bad-chapter"]
)
def test_test_goes_red(fault, ready):
    said = ready.make("test", FAKE=fault)
    assert said.returncode != 0
    assert "fail" in said.stderr


def test_a_failed_test_does_not_hide_the_chapters(ready):
    said = ready.make("test", FAKE="bad-test")
    assert "5 passed" in said.stdout
    assert "The tests failed" in said.stderr
    assert "The chapters failed" not in said.stderr


def test_quick_checks_are_all_run_before_it_stops(ready):
    said = ready.make("check", FAKE="bad-ruff stale")
    assert said.returncode != 0
    for words in (
        "ruff check . failed",
        "make format",
        "extract.py --check failed",
        "make chapters",
    ):
        assert words in said.stderr
    ready.make("test", FAKE="bad-ruff")
    assert not any("pytest" in call for call in ready.calls)


def test_without_a_browser_the_last_line_says_so(ready):
    said = subprocess.run(
        ["sh", "-c", "exec make test 2>&1"],
        cwd=ready.root,
        env={"PATH": str(ready.programs), "CALLS": str(ready.calls_file), "FAKE": "no-browser"},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0
    assert said.stdout.splitlines()[-1] == "No Chromium was found"


def test_without_a_browser_ci_is_red(ready):
    assert ready.make("test", FAKE="no-browser", CI="true").returncode != 0
    assert ready.make("test", CI="true").returncode == 0


def test_chapters_are_extracted_executed_and_extracted(ready):
    assert ready.make("chapters").returncode == 0
    assert [c for c in ready.calls if "tools/" in c] == [
        "python tools/extract.py",
        "python tools/execute.py",
        "python tools/extract.py",
    ]
    assert ready.make("chapters", FAKE="bad-chapter").returncode != 0
    assert ready.make("chapters", FAKE="stale").returncode != 0
    assert not any("execute.py" in c for c in ready.calls)


def test_one_chapter(ready):
    assert ready.make("chapter", "N=01").returncode == 0
    assert "python tools/execute.py book/01_first.ipynb" in ready.calls
    for wrong in ("N=07", "N="):
        said = ready.make("chapter", wrong)
        assert said.returncode != 0
        assert "make chapter N=05" in said.stderr


def test_mutants_of_one_module(ready):
    assert ready.make("mutants", "M=softmax").returncode == 0
    assert ready.calls[-1] == "python tools/mutants.py softmax"


@pytest.mark.parametrize(
    ("arguments", "environment", "call"),
    [
        (["URL=https://x/y z"], {}, "python tools/repository.py https://x/y z"),
        (["URL="], {}, "python tools/repository.py "),
        ([], {}, "python tools/repository.py"),
        ([], {"URL": "https://not/meant"}, "python tools/repository.py"),
    ],
)
def test_repository_takes_the_address_from_its_own_line(arguments, environment, call, ready):
    assert ready.make("repository", *arguments, **environment).returncode == 0
    assert ready.calls[-1] == call


def test_serve_builds_and_stays_on_this_computer(ready):
    said = ready.make("serve", "PORT=8123")
    assert "http://127.0.0.1:8123/" in said.stdout
    assert any(c.startswith("jupyter-book") for c in ready.calls)
    assert ready.calls[-1] == (
        "python -m http.server --bind 127.0.0.1 --directory _build/html 8123"
    )


def test_clean_leaves_the_sources_and_the_venv(ready):
    ready.make("book")
    kept = {p for p in ready.root.rglob("*") if "_build" not in p.parts}
    (ready.root / "tools" / "__pycache__").mkdir(exist_ok=True)
    assert ready.make("clean").returncode == 0
    assert set(ready.root.rglob("*")) == {p for p in kept if "__pycache__" not in p.parts}


SPY = """\
#!/bin/sh
echo "$(basename "$0") $* CI=$CI" >>"$CALLS"
"""


@pytest.mark.parametrize("user", ["0", "1000"])
@pytest.mark.parametrize("there", [["chromium", "make", "python3"], ["make", "python3"], []])
def test_ci_installs_what_is_missing_and_tests(user, there, house):
    shutil.copytree(ROOT / ".ci", house.root / ".ci")
    for name in ("bash", "env"):
        (house.programs / name).symlink_to(shutil.which(name))
    make = house.programs / "make"
    make.unlink()
    for name in [*there, "apt-get"]:
        house.program(name, SPY)
    house.program("id", f"#!/bin/sh\necho {user}\n")
    house.program("sudo", '#!/bin/sh\necho sudo >>"$CALLS"\nexec "$@"\n')
    if "make" not in there:  # apt-get brings it
        house.program("apt-get", f'{SPY}[ -e {make} ] || cp "$0" {make}\n')
    house.calls_file.write_text("")
    ran = subprocess.run(
        [house.programs / "bash", house.root / ".ci" / "run"],
        env={"PATH": str(house.programs), "CALLS": str(house.calls_file), "FAKE": ""},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    assert house.calls[-1] == "make test CI=true"
    fetched = [call for call in house.calls if call.startswith("apt-get install")]
    if "chromium" in there:
        assert not any("apt-get" in call or "sudo" in call for call in house.calls)
    else:
        assert len(fetched) == 1
        assert "chromium" in fetched[0]
        assert ("make" in fetched[0]) == (there == [])
        assert ("python3-venv" in fetched[0]) == (there == [])
        assert ("sudo" in house.calls) == (user == "1000")


def test_ci_ends_with_the_words_of_its_tests():
    lines = (ROOT / ".ci" / "run").read_text().splitlines()
    assert lines[-1] == "exec make test"
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
