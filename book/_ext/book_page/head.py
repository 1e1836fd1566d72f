"""Say in each page's head what search engines and those who share a link want to know.

Addresses that must be whole, such as that of a page's picture, are left out until the book has one:
`make repository URL=…` gives it.
"""

import re
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes
from PIL import Image

from .buttons import has_address

LONGEST = 160  # letters that a search engine shows
CARD, PAPER, MARGIN = (1200, 630), "#fdfcfa", 40
GITHUB = re.compile(r"https://github\.com/([^/]+)/([^/]+?)/?")
SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
{}</urlset>
"""
VIEWPORT = re.compile(r'<meta name="viewport"[^>]*>')
ROOT = "book/index"


def follow_address(app, config) -> None:
    """Derive where the pages are published from the repository's address."""
    options = config.html_theme_options
    match = GITHUB.fullmatch(options.get("repository_url") or "")
    if match and has_address(options) and not config.html_baseurl:
        host = f"{match[1].lower()}.github.io"
        folder = "" if match[2].lower() == host else f"{match[2]}/"
        config.html_baseurl = f"https://{host}/{folder}"


def describe(doctree) -> str:
    """Return the first sentences of a page that fit a description."""
    for paragraph in doctree.findall(nodes.paragraph):
        is_note = len(paragraph) == 1 and isinstance(paragraph[0], nodes.emphasis)
        if is_note or paragraph["classes"] or not isinstance(paragraph.parent, nodes.section):
            continue
        sentences = re.split(r"(?<=[.?!])\s+", " ".join(paragraph.astext().split()))
        said = sentences[0]
        for sentence in sentences[1:]:
            if len(said) + len(sentence) >= LONGEST:
                break
            said += f" {sentence}"
        return said if len(said) <= LONGEST else said[:LONGEST].rsplit(" ", 1)[0] + " …"
    return ""


def pictures(app, doctree) -> list[Path]:
    """Return the files of a page's pictures."""
    sources = {name: path for path, name in app.builder.images.items()}
    uris = [image["uri"] for image in doctree.findall(nodes.image)]
    paths = [Path(app.srcdir) / sources.get(Path(uri).name, uri) for uri in uris]
    return [path for path in paths if path.suffix == ".png"]


def draw_card(picture: Path, card: Path) -> None:
    """Lay a picture on the page's paper, in the format of a shared link."""
    ground = Image.new("RGB", CARD, PAPER)
    with Image.open(picture).convert("RGBA") as image:
        image.thumbnail([side - 2 * MARGIN for side in CARD])
        place = [(side - length) // 2 for side, length in zip(CARD, image.size, strict=True)]
        ground.paste(image, tuple(place), image)
    card.parent.mkdir(parents=True, exist_ok=True)
    ground.quantize(128).save(card, optimize=True)


def tag(name: str, value: str, key: str = "property") -> str:
    return f'\n    <meta {key}="{name}" content="{escape(value)}" />'


def write_head(app, pagename, templatename, context, doctree) -> None:
    """Add a page's description and what a shared link shows of it."""
    base = app.config.html_baseurl
    context["base_path"] = urlsplit(base).path
    if doctree is None or app.builder.format != "html":
        return
    if base and pagename == ROOT:
        context["pageurl"] = base  # the first page stands at the root, too
    tags = {
        "og:type": "article",
        "og:site_name": app.config.html_title,
        "og:title": app.env.titles[pagename].astext(),
        "og:description": describe(doctree),
        "og:url": context.get("pageurl") or "",
    }
    shown = pictures(app, doctree) or pictures(app, app.env.get_doctree(ROOT))
    if base and shown:
        name = f"_images/card-{pagename.rpartition('/')[2]}.png"
        draw_card(shown[0], Path(app.outdir) / name)
        tags["og:image"] = base + name
        tags["twitter:card"] = "summary_large_image"
    others = VIEWPORT.sub("", context.get("metatags", ""))  # the theme has said it
    description = tag("description", tags["og:description"], key="name")
    written = (tag(name, value) for name, value in tags.items() if value)
    context["metatags"] = "".join([others, description, *written])


def write_lists(app, exception) -> None:
    """Write robots.txt, and the list of all pages if they have an address."""
    if exception is not None or app.builder.format != "html":
        return
    base, out = app.config.html_baseurl, Path(app.outdir)
    robots = "User-agent: *\nAllow: /\n"
    if base:
        others = sorted(app.env.found_docs - {ROOT})
        places = [base, *(f"{base}{name}.html" for name in others)]
        urls = "".join(f"  <url><loc>{escape(place)}</loc></url>\n" for place in places)
        (out / "sitemap.xml").write_text(SITEMAP.format(urls), "utf8")
        robots += f"Sitemap: {base}sitemap.xml\n"
    (out / "robots.txt").write_text(robots, "utf8")


def setup(app) -> None:
    app.connect("config-inited", follow_address)
    app.connect("html-page-context", write_head)
    app.connect("build-finished", write_lists)
