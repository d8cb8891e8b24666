"""Write a directory so that it is either complete or not there.

Everything goes to a sibling with a temporary name, which takes its place in one rename. An error or an
interrupt removes it and leaves what was there before.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from .errors import UserError

__all__ = ["check_target", "replace_directory"]

Ours = Callable[[Path], bool]


def check_target(path: Path | str, *, ours: Ours, what: str) -> Path:
    """Tell whether a directory may be written at `path`, before any work is done.

    Parameters
    ----------
    path : Path or str
        It must not exist, be an empty directory, or one of `ours`, which will be replaced.
    ours : callable
        Whether an existing directory is one that may be replaced.
    what : str
        What is written, for messages.

    Returns
    -------
    Path
        `path`, absolute and without symbolic links.

    Raises
    ------
    UserError
        Something else is there, or the directory above cannot be written.
    """
    try:
        target = Path(path).resolve()
        if target.exists() or target.is_symlink():
            _check_replaceable(Path(path), target, ours, what)
        parent = next(p for p in target.parents if p.exists())
    except (OSError, RuntimeError, ValueError) as error:
        raise UserError(f"Cannot write {what} to {path}: {_reason(error)}") from None
    if not parent.is_dir():
        raise UserError(f"Cannot write {what} to {path}: {parent} is not a directory")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UserError(f"Cannot write {what} to {path}: no permission to write in {parent}")
    return target


def _check_replaceable(path: Path, target: Path, ours: Ours, what: str) -> None:
    if not target.is_dir():
        raise UserError(f"Cannot write {what} to {path}: it exists and is not a directory")
    if any(target.iterdir()) and not ours(target):
        raise UserError(
            f"Cannot write {what} to {path}: it holds other files;"
            " give a new or empty directory, or an earlier one"
        )


@contextlib.contextmanager
def replace_directory(path: Path | str, *, ours: Ours, what: str) -> Iterator[Path]:
    """Give a temporary directory that becomes `path` when the block ends without an error.

    Parameters
    ----------
    path, ours, what
        As in `check_target`; missing directories above `path` are made.

    Raises
    ------
    UserError
        `path` cannot be written, at any point.
    """
    target = check_target(path, ours=ours, what=what)
    made = [parent for parent in target.parents if not parent.exists()]
    part = target.parent / f".spikeloom-{secrets.token_hex(6)}"
    try:
        part.mkdir(parents=True)
        yield part
        _swap(part, target)
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()
        if isinstance(error, OSError):
            raise UserError(f"Cannot write {what} to {path}: {_reason(error)}") from None
        raise


def _swap(part: Path, target: Path) -> None:
    """Put `part` where `target` is, or leave `target` as it was."""
    old = part.with_name(f"{part.name}-old")
    try:
        if target.exists():
            target.rename(old)
        part.rename(target)
    except BaseException:
        if old.exists() and not target.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
