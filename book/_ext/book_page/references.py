"""Say below each paper of the references which pages cite it: those that link to its address."""

from docutils import nodes

from .chapters import chapter_number

PAGE = "book/references"


def addresses(node) -> set[str]:
    """Return where the links inside a node lead."""
    return {link["refuri"] for link in node.findall(nodes.reference) if "refuri" in link}


def link_to(app, name) -> nodes.reference:
    """Return a link to a page: "chapter 7", or the page's title."""
    number = chapter_number(name)
    says = app.env.titles[name].astext() if number is None else f"chapter {number}"
    return nodes.reference("", says, refuri=app.builder.get_relative_uri(PAGE, name), internal=True)


def say_who_cites(app, doctree, docname) -> None:
    """Put "Cited in chapter 7, Results" below each paper."""
    if docname != PAGE:
        return
    cited = {name: addresses(app.env.get_doctree(name)) for name in sorted(app.env.found_docs)}
    for paper in doctree.findall(nodes.list_item):
        links = [link_to(app, name) for name in cited if cited[name] & addresses(paper)]
        parts = [part for link in links for part in (nodes.Text(", "), link)][1:]
        if parts:
            paper += nodes.paragraph("", "", nodes.Text("Cited in "), *parts, classes=["cited-in"])


def read_again(app, env, added, changed, removed) -> list[str]:
    """Let the references be written again when any page has changed."""
    return [PAGE] if added | changed | removed and PAGE in env.found_docs else []


def setup(app) -> None:
    app.connect("doctree-resolved", say_who_cites)
    app.connect("env-get-outdated", read_again)
