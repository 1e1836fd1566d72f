"""Files are written whole or not at all: nobody meets half of one, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path


def write_whole(path: str | os.PathLike[str], data: str | bytes) -> None:
    """Write a file, text as UTF-8; the old file stays as it is until the new one has everything.

    The old file's permissions are kept, and a link goes on pointing at its file.

    Raises: OSError where it cannot be written, as on a full disk; the message names the path.
    """
    content = data.encode("utf8") if isinstance(data, str) else data
    target = Path(os.path.realpath(path))
    # Beside it, since replacing cannot cross to another disk; not by tempfile, whose files are
    # for their owner only.
    unfinished = target.with_name(f".unfinished-{uuid.uuid4().hex}")
    try:
        with unfinished.open("xb") as file:
            if target.exists():
                shutil.copymode(target, unfinished)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError as error:
        reason = error.strerror or error
        raise type(error)(f"{os.fspath(path)} cannot be written: {reason}") from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
