"""What must be true of every page of the book, as rules: `python tools/booklint`.

A rule is a plain function that takes a page and returns its complaints, so the same function
judges the real chapters and the faults that its tests plant.
"""
