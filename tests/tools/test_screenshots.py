"""Finding a Chromium, serving pages, and saying what is wrong when there is nothing to look at."""

import subprocess
import sys
from urllib.error import HTTPError
from urllib.request import urlopen

import browser
import pytest
import screenshots


@pytest.fixture
def no_chromium(monkeypatch, tmp_path):
    """A machine without any browser."""
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


def test_without_a_chromium_it_says_how_to_get_one(no_chromium):
    with pytest.raises(browser.NoChromiumError, match="apt-get install chromium"):
        browser.find_chromium()


def test_a_chromium_can_be_named(no_chromium, monkeypatch):
    monkeypatch.setenv("CHROMIUM", sys.executable)  # something that can be run
    assert browser.find_chromium() == sys.executable


def test_a_named_chromium_must_be_there(no_chromium, monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/not/there")
    with pytest.raises(browser.NoChromiumError, match=r"CHROMIUM: got '/not/there', want"):
        browser.find_chromium()


def test_one_on_the_path_is_found(no_chromium, tmp_path):
    program = tmp_path / "chromium-browser"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert browser.find_chromium() == str(program)


def test_a_folder_is_served_and_nothing_beside_it(tmp_path):
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "page.html").write_text("here")
    (tmp_path / "secret.html").write_text("not here")
    with browser.serve(folder) as address:
        assert urlopen(f"{address}/page.html").read() == b"here"
        for path in ("/none.html", "/../secret.html"):
            with pytest.raises(HTTPError, match="404"):
                urlopen(address + path)


def shoot(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["screenshots.py", *map(str, arguments)])
    screenshots.main()


def test_no_book_is_said(monkeypatch, tmp_path):
    with pytest.raises(SystemExit, match="run `make book` first"):
        shoot(monkeypatch, "--html", tmp_path)


def test_an_unknown_page_is_said(monkeypatch, tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "index.html").write_text("here")
    with pytest.raises(SystemExit, match=r"No such page: book/none\.  There are: book/index\."):
        shoot(monkeypatch, "--html", tmp_path, "book/none")


def test_pictures_are_taken(tmp_path):
    try:
        browser.find_chromium()
    except browser.NoChromiumError as error:
        pytest.skip(str(error))
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "index.html").write_text("<!DOCTYPE html><title>t</title><p>here</p>")
    # In a process of its own: the browser's tests hold an event loop in this one.
    command = [sys.executable, screenshots.__file__, "--html", tmp_path, "--out", tmp_path / "out"]
    ran = subprocess.run([*command, "book/index"], capture_output=True, text=True, check=True)
    taken = {path.name for path in (tmp_path / "out").iterdir()}
    assert taken == {
        f"book-index-{width}-{theme}.png" for width in (1280, 390) for theme in ("light", "dark")
    }
    assert "book-index-390-dark.png" in ran.stdout
