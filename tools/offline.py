"""Pack the built pages into one file to read without a network: _build/attention-laid-bare.zip.

Unpacked, its index.html opens from the disk, with search, excerpts and figures.
"""

import zipfile
from fnmatch import fnmatch
from pathlib import Path

from browser import BUILT, ROOT
from downloads import FRONT, OFFERED, PDF, PLACE, ZIP, offer

# What only builders, other books and servers read, and the files that are offered for download.
LEFT_OUT = ("*.map", ".buildinfo", "objects.inv", PDF, ZIP)
DAY = (2000, 1, 1, 0, 0, 0)  # the same pages make the same file


def packed(html: Path) -> dict[str, bytes]:
    """Return the files of the built pages that readers need, by name."""
    files = {path.relative_to(html).as_posix(): path for path in sorted(html.rglob("*"))}
    kept = {
        name: path.read_bytes()
        for name, path in files.items()
        if path.is_file() and not any(fnmatch(name, pattern) for pattern in LEFT_OUT)
    }
    for front in FRONT:
        kept[front] = OFFERED.sub(PLACE, kept[front].decode("utf8")).encode("utf8")
    return kept


def pack(html: Path, out: Path) -> None:
    """Write the file, whole or not at all."""
    new = out.with_suffix(".new")
    with zipfile.ZipFile(new, "w") as file:
        for name, content in packed(html).items():
            entry = zipfile.ZipInfo(f"{out.stem}/{name}", DAY)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            file.writestr(entry, content, compresslevel=9)
    new.replace(out)


if __name__ == "__main__":
    out = ROOT / "_build" / ZIP
    pack(BUILT, out)
    offer(out, BUILT)
    print(f"To read without a network: {out} ({out.stat().st_size / 1e6:.1f} MB)")
