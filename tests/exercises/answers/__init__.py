"""Answers as people write them, one module a chapter.

A module has RIGHT: number -> right answers, each written in another way, and WRONG: number ->
pairs of a wrong answer and the names of the mistakes that the checker has to see in it: one, a
set of several that meet, or None where it has to be rejected and nothing may be blamed.
"""

import importlib
import pkgutil

MODULES = [importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)]
RIGHT = {number: answers for module in MODULES for number, answers in module.RIGHT.items()}
WRONG = {number: answers for module in MODULES for number, answers in module.WRONG.items()}
