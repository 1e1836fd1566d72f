"""A file is written whole or not at all."""

import os
import resource
from contextlib import contextmanager

import pytest

from bareattention.files import write_whole


@contextmanager
def full_disk(room):
    """No file grows beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize(
    ("data", "stored"), [("a – b\n", b"a \xe2\x80\x93 b\n"), (b"\x00\r\n", b"\x00\r\n")]
)
def test_text_and_bytes_replace_what_was_there(tmp_path, data, stored):
    file = tmp_path / "file"
    for old in (None, b"something longer than what replaces it"):
        if old:
            file.write_bytes(old)
        write_whole(file, data)
        assert file.read_bytes() == stored
    assert list(tmp_path.iterdir()) == [file]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    file = tmp_path / "file"
    file.write_text("precious")
    with full_disk(room=100), pytest.raises(OSError, match=r"/file cannot be written: File too"):
        write_whole(file, "x" * 101)
    assert file.read_text() == "precious" and list(tmp_path.iterdir()) == [file]


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    def interrupted(handle):
        raise KeyboardInterrupt

    file = tmp_path / "file"
    file.write_text("precious")
    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(file, "new")
    assert file.read_text() == "precious" and list(tmp_path.iterdir()) == [file]


def test_permissions_and_links_stay(tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    file.touch()
    file.chmod(0o751)
    link.symlink_to(file)
    write_whole(link, "new")
    assert link.is_symlink() and file.read_text() == "new"
    assert file.stat().st_mode & 0o777 == 0o751


def test_a_new_file_is_for_whom_new_files_are(tmp_path):
    write_whole(tmp_path / "file", "new")
    (tmp_path / "other").touch()
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_what_cannot_be_written_is_named(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(FileNotFoundError, match=r"/none/file cannot be written: No such file"):
        write_whole(tmp_path / "none" / "file", "x")
    with pytest.raises(IsADirectoryError, match=r"/folder cannot be written: Is a directory"):
        write_whole(tmp_path / "folder", "x")
    with pytest.raises(NotADirectoryError, match=r"/file/x cannot be written: Not a directory"):
        write_whole(tmp_path / "file" / "x", "x")
    assert {path.name for path in tmp_path.iterdir()} == {"folder", "file"}
