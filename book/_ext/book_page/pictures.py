"""Say how large each picture is, so that nothing moves when it comes, and let it come late.

Pictures are sent as WebP, pixel for pixel what the notebook holds, in less than half the bytes;
the few that are still heavy, mostly noise drawn finely, are sent in 64 colours or 32.
"""

import base64
import hashlib
import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagesize
from PIL import Image

INCH = 100  # px on the page
IMAGE = re.compile(r'<img (?=[^>]*src="[^"]*_images/([^"]+)")')
LIGHT, HEAVY = 40_000, 150_000  # bytes
QUICKLY = {"lossless": True, "quality": 50, "method": 2}
WELL = {"lossless": True, "quality": 100, "method": 4}  # as exact, smaller, and twice the time
# What an element shows where it cannot be touched; the notebook holds it within its output.
WITHIN = re.compile(r'src="data:image/png;base64,([^"]+)"')
PNG = re.compile(r'(_images/[^"]+)\.png"')


def size_on_page(path: Path) -> tuple[int, int]:
    """Return a picture's width and height in px: it may have more pixels, and is sharp then."""
    width, height = imagesize.get(path)
    dots, _ = imagesize.getDPI(path)
    scale = INCH / dots if dots > 0 else 1
    return round(width * scale), round(height * scale)


def size_pictures(app, pagename, templatename, context, doctree) -> None:
    """Write sizes on the notebook's pictures; all but the first wait until they are near."""
    paths = {name: path for path, name in app.builder.images.items()}
    first = True

    def sized(image: re.Match) -> str:
        nonlocal first
        if image[1] not in paths:  # it has its size already
            return image[0]
        width, height = size_on_page(Path(app.srcdir) / paths[image[1]])
        loading = "" if first else 'loading="lazy" '
        first = False
        return f'<img width="{width}" height="{height}" {loading}'

    if "body" in context:
        folder = context["pathto"]("_images", resource=True)

        def written(image: re.Match) -> str:
            name = write_picture(Path(app.outdir) / "_images", image[1])
            return f'src="{folder}/{name}" loading="lazy"'

        body = PNG.sub(r'\1.webp"', IMAGE.sub(sized, context["body"]))
        context["body"] = WITHIN.sub(written, body)


def write_picture(folder: Path, png: str) -> str:
    """Write a picture in base64 as WebP into a folder; return the file's name."""
    content = base64.b64decode(png)
    path = folder / f"{hashlib.sha256(content).hexdigest()}.webp"
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(io.BytesIO(content)) as picture:
        picture.save(path, **WELL)
    return path.name


def pack(path: Path) -> None:
    packed = path.with_suffix(".webp")
    with Image.open(path) as image:
        image.save(packed, **QUICKLY)
        if packed.stat().st_size > LIGHT:
            image.save(packed, **WELL)
        for colours in (64, 32):
            if packed.stat().st_size > HEAVY:
                fewer = image.quantize(colours, method=Image.Quantize.FASTOCTREE, dither=0)
                fewer.convert("RGBA").save(packed, **WELL)
    path.unlink()


def pack_pictures(app, exception) -> None:
    """Write the pages' pictures anew; what other pages show of ours stays as it is."""
    if exception is None and app.builder.format == "html":
        shown = [Path(app.outdir) / "_images" / name for name in app.builder.images.values()]
        with ThreadPoolExecutor() as pool:
            list(pool.map(pack, [path for path in shown if path.suffix == ".png"]))


def setup(app) -> None:
    app.connect("html-page-context", size_pictures)
    app.connect("build-finished", pack_pictures)
