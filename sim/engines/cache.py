"""Compiled designs, kept between runs by the hash of what they were made from."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from ...gen.errors import UserError

__all__ = ["cache_folder", "cached", "content_key"]

_KEEP = 64
_DAY_S = 24 * 3600


def cache_folder(kind: str) -> Path:
    """Return the user's cache folder for `kind`, made if it is missing (``XDG_CACHE_HOME`` is obeyed).

    Raises
    ------
    UserError
        It cannot be made or written.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    folder = (Path(base) if os.path.isabs(base) else Path.home() / ".cache") / "spikeloom" / kind
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"cannot make the cache folder {folder}: {error.strerror}; set XDG_CACHE_HOME"
        ) from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"cannot write in the cache folder {folder}; set XDG_CACHE_HOME")
    return folder


def content_key(parts: Iterable[bytes | str]) -> str:
    """Hash everything that an artefact depends on."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()[:40]


def cached(kind: str, key: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of the artefact `key`; ``make(folder)`` fills it if it is not there yet.

    The folder appears at once and whole: two processes that make the same artefact do not meet, and
    an interrupt leaves nothing. The artefacts used longest ago are removed beyond a few dozen.
    """
    root = cache_folder(kind)
    place = root / key
    if not place.is_dir():
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=root))
        try:
            make(draft)
            # Fails when another process was faster; its artefact is the same.
            with contextlib.suppress(OSError):
                draft.rename(place)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        _prune(root)
    with contextlib.suppress(OSError):
        os.utime(place)
    return place


def _prune(root: Path) -> None:
    with contextlib.suppress(OSError):
        ages = {folder: time.time() - folder.stat().st_mtime for folder in root.iterdir()}
        drafts = [folder for folder in ages if folder.name.startswith(".")]
        whole = sorted(ages.keys() - drafts, key=ages.__getitem__)
        # A draft of yesterday belongs to a process that was killed.
        for folder in whole[_KEEP:] + [draft for draft in drafts if ages[draft] > _DAY_S]:
            shutil.rmtree(folder, ignore_errors=True)
