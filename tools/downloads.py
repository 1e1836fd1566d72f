"""Offer on the front page what was made of the pages: the PDF, and the pages to take along.

Each stands beside the pages once it has been made, and not before; the link is written then.
"""

import os
import re
import shutil
from pathlib import Path

PDF = "attention-laid-bare.pdf"
ZIP = "attention-laid-bare.zip"
SAYS = {PDF: "one PDF, to print", ZIP: "the pages packed, to read without a network"}
FRONT = {"index.html": "", "book/index.html": "../"}  # the front page, and its way to the root
PLACE = "<!-- downloads -->"  # in the front page's source
OFFERED = re.compile(f'{PLACE}(<p class="downloads">.*?</p>)?')


def line(html: Path, root: str) -> str:
    """Return the line that offers what stands beside the pages; `root` is the way there."""
    links = [
        f'<a href="{root}{name}">{says}</a> ({(html / name).stat().st_size / 1e6:.0f} MB)'
        for name, says in SAYS.items()
        if (html / name).exists()
    ]
    return f'<p class="downloads">To take along: {" · ".join(links)}.</p>' if links else ""


def offer(file: Path, html: Path) -> None:
    """Copy a file beside the built pages, and link to it from the front page.

    Raises: ValueError if the front page has no place for the link.
    """
    texts = {html / name: (html / name).read_text("utf8") for name in FRONT}
    for front, text in texts.items():
        if not OFFERED.search(text):
            raise ValueError(f"{front}: wanted the comment {PLACE}, found none")
    shutil.copyfile(file, html / file.name)
    for (front, text), root in zip(texts.items(), FRONT.values(), strict=True):
        built = front.stat()
        front.write_text(OFFERED.sub(PLACE + line(html, root), text), "utf8")
        os.utime(front, ns=(built.st_atime_ns, built.st_mtime_ns))  # tools/build.sh compares times
