"""Say on a folded cell what unfolding it shows.

MyST-NB has one wording for all.  A cell can still bring its own: `mystnb.code_prompt_show` and
`mystnb.code_prompt_hide` in its metadata.
"""

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform


def what_is_folded(hide_mode: str, tags: list[str]) -> str:
    """Return the words for what a cell hides.  `{type}` is filled in by MyST-NB."""
    if "solution" in tags:
        return "the solution"
    if hide_mode == "output":
        return "what happens"
    if hide_mode == "input":
        return "the code"
    if hide_mode == "all":
        return "the code and what happens"
    return "the {type}"


class Prompts(SphinxPostTransform):
    """Word the prompts before MyST-NB folds the cells (at priority 199)."""

    default_priority = 190
    formats = ("html",)

    def run(self, **kwargs) -> None:
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") != "cell_code" or not cell.get("hide_mode"):
                continue
            metadata = cell.get("cell_metadata", {})
            own = metadata.get("mystnb", {})
            words = what_is_folded(cell["hide_mode"], metadata.get("tags", []))
            cell["prompt_show"] = own.get("code_prompt_show", f"Show {words}")
            cell["prompt_hide"] = own.get("code_prompt_hide", f"Hide {words}")


def setup(app) -> None:
    app.add_post_transform(Prompts)
