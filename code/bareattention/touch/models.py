"""The trained models that elements bring along, as scripts that a page asks for when it needs them.

A page from the disk may fetch nothing, but it may load a script.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[1] / "recorded"
# name -> record that travels with the package
MODELS = {"cards": "cards-seed0", "digit": "final-seed1"}


@cache
def model_script(name: str) -> str:
    """The script that hands the parameters of a model over, as safetensors in base64."""
    text = base64.b64encode((RECORDED / f"{MODELS[name]}.safetensors").read_bytes()).decode()
    return f'bareattention.receive("{name}", "{text}");\n'


def configuration(name: str) -> dict[str, Any]:
    """What the record says of how a model was made."""
    return json.loads((RECORDED / f"{MODELS[name]}.json").read_text("utf8"))["configuration"]
