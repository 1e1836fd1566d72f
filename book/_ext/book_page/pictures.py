"""Say how large each picture is, so that nothing moves when it comes, and let it come late."""

import re
from pathlib import Path

import imagesize

IMAGE = re.compile(r'<img (?=[^>]*src="[^"]*_images/([^"]+)")')


def size_pictures(app, pagename, templatename, context, doctree) -> None:
    """Write sizes on the page's pictures; all but the first wait until they are near."""
    paths = {name: path for path, name in app.builder.images.items()}
    first = True

    def sized(image: re.Match) -> str:
        nonlocal first
        width, height = imagesize.get(Path(app.srcdir) / paths[image[1]])
        loading = "" if first else 'loading="lazy" '
        first = False
        return f'<img width="{width}" height="{height}" {loading}'

    if "body" in context:
        context["body"] = IMAGE.sub(sized, context["body"])


def setup(app) -> None:
    app.connect("html-page-context", size_pictures)
