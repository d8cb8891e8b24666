"""Figures as JSON and other texts in files: judged before the work, and written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..gen.errors import UserError

__all__ = ["check_json", "write_json", "write_text"]


def check_json(path: Path | None) -> Path | None:
    """Give `path` back if a file can be written there; minutes of work may come before that.

    Raises
    ------
    UserError
        It cannot.
    """
    if path is None:
        return None
    folder = path.parent
    if path.is_dir():
        raise UserError(f"Cannot write {path}: it is a directory")
    if not folder.is_dir():
        raise UserError(f"Cannot write {path}: no directory {folder}")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise UserError(f"Cannot write {path}: no permission")
    return path


def write_json(path: Path, table: Mapping[str, Any]) -> None:
    """Write plain data (paths become text) to `path`, or straight into it where it is no regular file.

    Raises
    ------
    UserError
        It cannot be written; what was there stays.
    """
    write_text(path, json.dumps(table, indent=2, default=os.fspath, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text; see `write_json`."""
    try:
        if path.exists() and not path.is_file():  # /dev/stdout, a pipe
            path.write_text(text, encoding="utf-8")
        else:
            _replace(path, text)
    except OSError as error:
        raise UserError(f"Cannot write {path}: {error.strerror}") from None


def _replace(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
