"""While tests run, results are held to the signatures as well as arguments."""

from __future__ import annotations

from hypothesis import settings

from bareattention import shapes

shapes.HOLD_RESULTS = True

# The same examples every time: a red test can be run again, and CI does not flicker.
settings.register_profile("book", derandomize=True, deadline=None)
settings.load_profile("book")
