"""What every chapter is: its sections in their order, and the format and kernel of its notebook."""

FORMAT = (4, 5)
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
METADATA = {"kernelspec": KERNEL, "language_info": {"name": "python"}}
# Cell id -> heading of the sections that a chapter starts with.
SECTIONS = {
    "able": "You will be able to",
    "definition": "The compact definition",
    "torch": "Checked against PyTorch",
    "limits": "Limits and fine print",
    "recap": "Recap",
    "exercises": "Exercises",
    "next": "The next question",
    "sources": "Sources",
    "solutions": "Solutions",
}
OPTIONAL = {"definition", "torch"}
REQUIRED = [heading for name, heading in SECTIONS.items() if name not in OPTIONAL]
