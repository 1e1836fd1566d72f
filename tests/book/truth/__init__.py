"""What must be true of every page of the book: one module per check.

Every check is a plain function that takes a page and returns its complaints, so the same function
judges the real chapters (`test_pages.py`) and the planted faults (`test_planted_faults.py`).
"""
