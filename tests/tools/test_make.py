"""`make` on other people's computers: what it installs, when, and what it says when it cannot.

Nothing is installed here.  A copy of the house meets programs made of a few lines of shell, which
write down how they were called.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from setup_cell import ROOT

UTILITIES = ["awk", "basename", "bash", "cat", "chmod", "cksum", "cmp", "cp", "df", "dirname"]
UTILITIES += ["env", "find", "grep", "make", "mkdir", "rm", "sed", "sh", "sort", "tail", "tee"]
UTILITIES += ["touch", "uname"]
CPU_WHEELS = {"PIP_EXTRA_INDEX_URL": "https://download.pytorch.org/whl/cpu"}
PROGRAM = """\
#!/bin/sh
# Every other program: python, uv, ruff, apt-get.  A call with $NO in it fails and says $SAYS.
call="$(basename "$0") $*"
echo "$call${UV_INDEX:+ from $UV_INDEX}" >>"$CALLS"
case "$call" in *"${NO:-no call}"*) echo "${SAYS:-no}" >&2 && exit 1 ;; esac
case "$call" in
*"-m venv"* | "uv venv"*)
    mkdir -p .venv/bin
    for name in python pip ruff lint-imports jupyter-book; do cp "$0" .venv/bin/$name; done
    basename "$0" >.venv/version ;;
"python --version") cat .venv/version ;;
*" --version") basename "$0" ;;
jupyter-book*) mkdir -p _build/html && echo page >_build/html/index.html ;;
*"-m pytest"*) echo "5 passed" ;;
*as_uri*) exec REAL "$@" ;;
sudo*) "$@" ;;
apt-get*) cp "$0" "$(dirname "$0")/make" ;;
esac
""".replace("REAL", sys.executable)


class House:
    """A copy of what `make` needs, and the programs it meets there."""

    def __init__(self, root: Path):
        self.root = root / "a house"  # a space, as in many people's folders
        self.programs = root / "programs"
        self.calls: list[str] = []  # of the last run
        for name in ("book", "code/bareattention", "tests"):
            (self.root / name).mkdir(parents=True)
        for name in ("tools", ".ci"):
            shutil.copytree(ROOT / name, self.root / name)
        for name in ("Makefile", "pyproject.toml", "requirements.txt", "_config.yml", "_toc.yml"):
            shutil.copy(ROOT / name, self.root / name)
        self.chapter = self.root / "book" / "01_first.ipynb"
        self.chapter.write_text("{}")
        self.programs.mkdir()
        for name in UTILITIES:
            (self.programs / name).symlink_to(shutil.which(name))
        self.program("python3.13")

    def program(self, name: str, text: str = PROGRAM) -> None:
        path = self.programs / name
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess:
        calls = self.programs.with_name("calls")
        calls.write_text("")
        settings = {"PATH": str(self.programs), "CALLS": str(calls), "SKIP_SPACE_CHECK": "1"}
        ran = subprocess.run(
            command, cwd=self.root, env=settings | environment, capture_output=True, text=True
        )
        self.calls = calls.read_text().splitlines()
        return ran

    def make(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        return self.run("make", "--no-print-directory", *arguments, **environment)

    def called(self, words: str) -> bool:
        return any(words in call for call in self.calls)


@pytest.fixture
def house(tmp_path):
    return House(tmp_path)


def test_help_is_the_default_and_lists_every_target(house):
    said = house.make()
    assert said.stdout == house.make("help").stdout
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    assert re.findall(r"^  make ([a-z-]+)", said.stdout, re.M) == phony


# What is installed, and when


@pytest.mark.parametrize("name", ["requirements.txt", "pyproject.toml"])
def test_installs_once_and_after_a_change(name, house):
    assert house.make("install").returncode == 0
    assert house.called("-m venv") and house.called("pip install")
    again = house.make("install")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    with (house.root / name).open("a") as file:
        file.write("# more\n")
    assert house.make("install").returncode == 0
    assert house.called("--quiet --requirement requirements.txt") and not house.called("-m venv")


def test_every_command_installs_what_it_needs(house):
    for target in ("book", "serve", "test", "check", "format", "chapters", "chapter"):
        house.make(target)
        assert house.called("pip install"), target
        shutil.rmtree(house.root / ".venv")


def test_a_broken_installation_goes_on(house):
    assert house.make("install", NO="pip install").returncode != 0
    (house.root / ".venv" / "bin" / "pip").unlink()
    assert house.make("install").returncode == 0
    assert house.called("-m ensurepip") and house.called("pip install")
    assert not house.called("-m venv")


def test_a_moved_house_and_a_lost_python_get_a_new_venv(house):
    house.make("install")
    house.root = house.root.rename(house.root.with_name("moved"))
    assert "making it anew" in house.make("install").stdout
    assert house.called("-m venv")
    (house.root / ".venv" / "bin" / "python").unlink()
    assert "making it anew" in house.make("install").stdout
    assert house.called("-m venv")


def test_takes_the_python_it_is_given(house):
    house.program("python3.12")
    assert house.make("install", "PYTHON=python3.12").returncode == 0
    assert house.called("python3.12 -m venv")
    other = house.make("install", PYTHON="python3.13")
    assert other.returncode != 0
    assert ".venv holds python3.12, and PYTHON is python3.13" in other.stderr


def test_uv_installs_where_it_is_there_and_wanted(house):
    house.program("uv")
    assert house.make("install", **CPU_WHEELS).returncode == 0
    assert house.called("uv venv --quiet --seed --python python3.13 .venv")
    assert house.called("uv pip install --python .venv/bin/python --requirement requirements.txt")
    assert house.called(f"from {CPU_WHEELS['PIP_EXTRA_INDEX_URL']}")
    shutil.rmtree(house.root / ".venv")
    assert house.make("install", UV="").returncode == 0
    assert house.called("python -m pip install") and not house.called("uv ")
    shutil.rmtree(house.root / ".venv")
    (house.programs / "python3.13").unlink()
    house.make("install")
    assert house.called("uv venv --quiet --seed --python 3.13 .venv"), "it can fetch one"


# What it says when it cannot


@pytest.mark.parametrize("uv", [True, False])
@pytest.mark.parametrize(
    ("no", "says", "sentence"),
    [
        ("version_info", "", "It needs Python 3.11 or newer."),
        ("/nowhere/python", "", "It needs Python 3.11 or newer, and /nowhere/python is no such"),
        ("pip install", "[Errno 28] No space left on device", "The disk is full"),
        ("pip install", "HTTPSConnectionPool(host='x'): Read timed out.", "no network?"),
        ("pip install", "error sending request for url (x)", "no network?"),
        ("pip install", "No matching distribution found for torch", "Try Python 3.11 to 3.13"),
        ("pip install", "No solution found when resolving", "Try Python 3.11 to 3.13"),
        ("pip install", "something else", "for the reason above (and in .venv/install.log)"),
        ("font_manager", "a broken matplotlib", "failed, for the reason above"),
    ],
)
def test_says_why_it_could_not_install(no, says, sentence, uv, house):
    if uv:
        house.program("uv")
    said = house.make("book", NO=no, SAYS=says, PYTHON=no if "/" in no else "")
    assert said.returncode != 0
    assert "The book could not be installed." in said.stderr and sentence in said.stderr
    assert says in said.stdout
    assert not (house.root / ".venv" / "installed").exists()


def test_says_why_there_is_no_venv(house):
    assert "apt-get install python3-venv" in house.make("book", NO="import venv").stderr
    assert "No .venv could be made" in house.make("book", NO="-m venv").stderr
    assert not house.called("pip install")


@pytest.mark.parametrize(
    ("gigabytes", "settings", "enough"),
    [(6, {}, False), (7, {}, True), (1, CPU_WHEELS, False), (2, CPU_WHEELS, True)],
)
def test_looks_at_the_disk_first(gigabytes, settings, enough, house):
    free = gigabytes * 1024 * 1024 + 5
    house.program("df", f"#!/bin/sh\necho head\necho /dev/x 99 9 {free} 9% /\n")
    house.program("uname", "#!/bin/sh\necho Linux\n")
    said = house.make("install", SKIP_SPACE_CHECK="", **settings)
    assert (said.returncode == 0) == house.called("pip install") == enough
    assert enough or f"{gigabytes} GB are free here" in said.stderr


# What people hand over


@pytest.mark.parametrize("value", ["01; touch x; echo ", "$(shell touch x)", '"; touch x; "'])
@pytest.mark.parametrize(
    "name",
    [
        *("chapter N", "mutants M", "serve PORT", "install PYTHON"),
        *("repository URL", "repository BRANCH", "new-chapter Q"),
    ],
)
def test_what_is_handed_over_is_never_run(name, value, house):
    house.make("install")
    house.program("python3")
    target, variable = name.split()
    said = house.make(target, f"{variable}={value}")
    assert not list(house.root.rglob("x"))
    refused = target in ("chapter", "install")
    assert said.returncode != 0 if refused else house.calls[-1].endswith(value)


def test_one_chapter(house):
    assert house.make("chapter", "N=01").returncode == 0
    assert house.called("python tools/execute.py book/01_first.ipynb")
    for wrong in ("N=07", "N=", "N=??", "N=01_first"):
        assert "make chapter N=05" in house.make("chapter", wrong).stderr
        assert not house.called("execute.py")


@pytest.mark.parametrize(
    ("arguments", "environment", "call"),
    [
        (["URL=https://x/y z"], {}, "python3 tools/repository.py --url=https://x/y z"),
        (["URL="], {"PYTHON": "python3.13"}, "python3.13 tools/repository.py --url="),
        (["BRANCH=b"], {"URL": "https://not/meant"}, "python3 tools/repository.py --branch=b"),
        ([], {"BRANCH": "not-meant"}, "python3 tools/repository.py"),
    ],
)
def test_repository_takes_its_own_address_and_any_python(arguments, environment, call, house):
    house.program("python3")
    assert house.make("repository", *arguments, **environment).returncode == 0
    assert house.calls == [call], "and installs nothing"


def test_new_chapter_hands_everything_over(house):
    house.make("new-chapter", "N=21", "M=masks", "Q=How? And why?")
    assert house.calls[-1] == "python tools/new_chapter.py 21 masks How? And why?"


def test_the_wheel_holds_nothing_of_an_older_one(house):
    leftover = house.root / "build" / "lib"
    leftover.mkdir(parents=True)
    house.make("wheel")
    assert house.called("-m pip wheel --quiet --no-deps --wheel-dir _build .")
    assert not leftover.exists()


def test_links_names_those_that_are_broken(house):
    broken = {"NO": "linkcheck", "SAYS": "(page: line 1) broken https://x/"}
    said = house.make("links", **broken)
    assert said.returncode != 0
    assert broken["SAYS"] in said.stdout


# The pages


def test_book_is_built_whole_or_not_at_all(house):
    page = house.root / "_build" / "html" / "index.html"
    said = house.make("book")
    assert said.returncode == 0, said.stderr
    assert house.called("jupyter-book build . --all -W -n --keep-going")
    again = house.make("book")
    assert page.as_uri() in said.stdout and page.as_uri() in again.stdout
    assert not house.called("jupyter-book")


@pytest.mark.parametrize(
    "changed", ["book/01_first.ipynb", "book/new.md", "_toc.yml", "code/bareattention/data.py", ""]
)
def test_book_is_built_again_after_a_change(changed, house):
    house.make("book")
    page = house.root / "_build" / "html" / "index.html"
    for built in (page, house.root / "_build" / "built"):
        os.utime(built, ns=(0, 0))  # as if some time had passed
    gone = page.with_name("gone.html")
    gone.touch()
    with (house.root / changed if changed else page).open("a") as file:
        file.write(" ")
    house.make("book")
    assert house.called("jupyter-book")
    assert not gone.exists(), "no page outlives its source"


def test_a_warning_is_not_forgotten(house):
    house.make("book")
    warning = {"NO": "jupyter-book", "SAYS": "page.md:7: WARNING: no such link"}
    for source in ("{ }", "{}"):  # the second as it was when the pages were built
        house.chapter.write_text(source)
        said = house.make("book", **warning)
        assert said.returncode != 0
        assert said.stderr.startswith(f"{warning['SAYS']}\n\nThe book was not built")


def test_serve_builds_and_stays_on_this_computer(house):
    assert "http://127.0.0.1:8123/" in house.make("serve", "PORT=8123").stdout
    assert house.called("jupyter-book")
    assert house.calls[-1] == "python -m http.server --bind 127.0.0.1 --directory _build/html 8123"


@pytest.mark.parametrize("target", ["pdf", "offline"])
def test_what_is_made_of_the_pages_is_made_of_new_ones(target, house):
    assert house.make(target).returncode == 0
    built, made = (
        next(place for place, call in enumerate(house.calls) if words in call)
        for words in ("jupyter-book", f"python tools/{target}.py")
    )
    assert built < made
    assert house.make(target, NO=f"tools/{target}.py").returncode != 0


# The proofs


def test_test_does_everything_in_order(house):
    said = house.make("test", CI="true")
    assert (said.returncode, said.stderr) == (0, "")
    steps = [
        "ruff check",
        "ruff format --check",
        "lint-imports",
        "extract.py --check",
        "tools/booklint",
    ]
    steps += ["--dist worksteal", "--nbval book/ --dist loadscope"]
    done = [[i for i, call in enumerate(house.calls) if step in call][-1] for step in steps]
    assert done == sorted(done)
    assert said.stdout.splitlines()[-1] == "5 passed"


@pytest.mark.parametrize(
    ("no", "advice", "last"),
    [
        ("check", ["make format", "make chapters"], "tools/booklint"),  # both kinds of it
        ("lint-imports", ["a floor above its own"], "tools/booklint"),
        ("--dist worksteal", ["The tests failed"], "browser.py"),
        ("--nbval", ["The chapters failed"], "browser.py"),
    ],
)
def test_test_goes_red_and_says_why(no, advice, last, house):
    house.make("install")
    said = house.make("test", NO=no)
    assert said.returncode != 0
    assert [words for words in advice if words not in said.stderr] == []
    assert last in house.calls[-1], "what can go on, goes on"


def test_without_a_browser_the_last_line_says_so_and_ci_is_red(house):
    said = house.make("test", NO="browser.py", SAYS="No Chromium was found")
    assert said.returncode == 0
    assert said.stderr == "No Chromium was found\n"
    assert house.make("test", NO="browser.py", CI="true").returncode != 0


def test_chapters_are_extracted_executed_and_extracted(house):
    assert house.make("chapters").returncode == 0
    assert house.calls[-3:] == [f"python tools/{s}.py" for s in ("extract", "execute", "extract")]
    for no in ("execute", "extract"):
        assert house.make("chapters", NO=no).returncode != 0
        assert f"tools/{no}.py" in house.calls[-1]


def test_clean_leaves_the_sources_and_the_venv(house):
    house.make("install")
    before = {path for path in house.root.rglob("*") if "__pycache__" not in path.parts}
    house.make("book")
    (house.root / "tools" / "__pycache__").mkdir(exist_ok=True)
    assert house.make("clean").returncode == 0
    assert set(house.root.rglob("*")) == before


@pytest.mark.parametrize("user", ["0", "1000"])
@pytest.mark.parametrize(
    ("there", "fetched"),
    [
        (["make", "python3", "chromium-headless-shell", "fc-list", "node"], ""),
        (["make", "python3", "chromium", "fc-list", "node"], ""),
        (["make", "python3", "fc-list", "node"], "chromium-headless-shell"),
        ([], "make chromium-headless-shell fonts-liberation nodejs python3 python3-venv"),
    ],
)
def test_ci_installs_what_is_missing_and_tests(user, there, fetched, house):
    (house.programs / "make").unlink()
    for name in [*there, "apt-get", "sudo"]:
        house.program(name)
    if "fc-list" in there:
        house.program("fc-list", "#!/bin/sh\necho Liberation Serif\n")
    house.program("id", f"#!/bin/sh\necho {user}\n")
    assert house.run("bash", ".ci/run").returncode == 0
    assert house.calls[-1] == "make test"
    installed = "apt-get install -y --no-install-recommends"
    assert house.called(f"{installed} {fetched}") == bool(fetched)
    assert house.called("sudo") == (fetched != "" and user == "1000")
