"""What a cell shows: an element with its data, and a picture for where it cannot be touched."""

from __future__ import annotations

import base64
import html
import io
import json
import os
import struct
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from bareattention.touch.models import model_script
from bareattention.touch.script import script

INCH = 100  # px on the page
# Where the page brings the script, as the built book does, stored outputs hold none.
PAGE_BRINGS_SCRIPT = "BAREATTENTION_TOUCH"


class TouchFigure:
    """One element as the output of a cell."""

    def __init__(
        self,
        element: str,
        data: dict[str, Any],
        *,
        alt: str,
        picture: Figure,
        model: str | None = None,
    ):
        """
        Args:
            element: the tag after "touch-".
            data: what the element reads; `label` names it, `hint` says what to try.
                Tensors become lists, other than whole numbers are rounded to 6 digits.
            alt: what the picture shows, for those who do not see it.
            picture: what shows where scripts do not run; it is closed.
            model: the trained model that the element asks for, of `models.MODELS`.
        """
        self.tag = f"touch-{element}"
        self.data = as_json(data)
        self.alt, self.model = alt, model
        self.png = _png(picture)

    def __repr__(self) -> str:
        return f"<{self.tag}>"

    def html(self, with_script: bool) -> str:
        """The element, its data and its picture; a page needs the script once."""
        width, height = (side // 2 for side in struct.unpack(">II", self.png[16:24]))
        source = base64.b64encode(self.png).decode()
        element = (
            f'<{self.tag} class="touch"><script type="application/json">{self.data}</script>'
            f'<img alt="{html.escape(self.alt)}" width="{width}" height="{height}" '
            f'src="data:image/png;base64,{source}"></{self.tag}>'
        )
        if not with_script:
            return element
        scripts = [script()] + ([model_script(self.model)] if self.model else [])
        return element + "".join(f"<script>{text}</script>" for text in scripts)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        stored = os.environ.get(PAGE_BRINGS_SCRIPT) == "page"
        return {
            "text/html": self.html(with_script=not stored),
            "image/png": base64.b64encode(self.png).decode(),  # for paper, and untrusted notebooks
            "text/plain": repr(self),
        }


def as_json(data: Any) -> str:
    """Data as JSON that can stand inside a page.

    Raises: ValueError for a number that is not finite.
    """
    text = json.dumps(_plain(data), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.replace("<", r"\u003c")  # no </script> and no <!--


def _plain(value: Any) -> Any:
    """Lists and numbers.  Six digits: the last ones differ from machine to machine."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        short = float(f"{value:.6g}")
        return int(short) if short.is_integer() else short
    return value


def _png(picture: Figure) -> bytes:
    """The picture, twice as many pixels as the page has for it."""
    file = io.BytesIO()
    picture.savefig(file, format="png", dpi=2 * INCH, metadata={"Software": None})
    plt.close(picture)
    return file.getvalue()
