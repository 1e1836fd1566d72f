"""Say how large each picture is, so that nothing moves when it comes, and let it come late."""

import re
from pathlib import Path

import imagesize

INCH = 100  # px on the page
IMAGE = re.compile(r'<img (?=[^>]*src="[^"]*_images/([^"]+)")')


def size_on_page(path: Path) -> tuple[int, int]:
    """Return a picture's width and height in px: it may have more pixels, and is sharp then."""
    width, height = imagesize.get(path)
    dots, _ = imagesize.getDPI(path)
    scale = INCH / dots if dots > 0 else 1
    return round(width * scale), round(height * scale)


def size_pictures(app, pagename, templatename, context, doctree) -> None:
    """Write sizes on the page's pictures; all but the first wait until they are near."""
    paths = {name: path for path, name in app.builder.images.items()}
    first = True

    def sized(image: re.Match) -> str:
        nonlocal first
        width, height = size_on_page(Path(app.srcdir) / paths[image[1]])
        loading = "" if first else 'loading="lazy" '
        first = False
        return f'<img width="{width}" height="{height}" {loading}'

    if "body" in context:
        context["body"] = IMAGE.sub(sized, context["body"])


def setup(app) -> None:
    app.connect("html-page-context", size_pictures)
