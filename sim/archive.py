"""``.npz`` files: read with suspicion, written atomically and to the same bytes each time."""

from __future__ import annotations

import contextlib
import math
import os
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..gen.errors import UserError

__all__ = ["MAX_BYTES", "Archive", "write_archive"]

MAX_BYTES = 1 << 32  # of one array in memory: a file of a few bytes may claim any size
_NAMES_SHOWN = 8
_READ_BYTES = 1 << 20
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    ValueError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
)


class Archive:
    """An ``.npz`` file from anyone: headers are judged before data are read, nothing is unpickled.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    UserError
        The file is missing, unreadable or not an ``.npz``.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        try:
            self._zip = zipfile.ZipFile(self.path)
        except FileNotFoundError:
            raise UserError(f"{self.path}: no such file") from None
        except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError):
            raise UserError(f"{self.path}: not an .npz file, or a truncated one") from None
        except OSError as error:
            raise UserError(f"{self.path}: cannot be read: {error.strerror}") from None

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self._zip.namelist()

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of array `name`; raises as `read` does."""
        with self._judged(name), self._zip.open(f"{name}.npy") as file:
            return self._header(file, name)[0]

    def read(self, name: str, *, limit: int | None = None) -> np.ndarray:
        """Array `name`, of which only the first `limit` entries along the first axis.

        Raises
        ------
        UserError
            It is missing, damaged, not numeric, or larger than `MAX_BYTES`.
        """
        with self._judged(name), self._zip.open(f"{name}.npy") as file:
            shape, fortran_order, dtype = self._header(file, name)
            if limit is not None and shape and not fortran_order:
                shape = (min(shape[0], limit), *shape[1:])
            size = math.prod(shape) * dtype.itemsize
            if size > MAX_BYTES:
                raise UserError(
                    f"{self.path}: array {name} has {size} bytes, at most {MAX_BYTES} are accepted"
                )
            array = np.frombuffer(_read_exactly(file, size), dtype=dtype)
            array = array.reshape(shape, order="F" if fortran_order else "C")
            return array if limit is None or not shape else array[:limit]

    @contextlib.contextmanager
    def _judged(self, name: str):
        if name not in self:
            held = sorted(n.removesuffix(".npy") for n in self._zip.namelist())
            shown = ", ".join(ascii(n)[1:-1] for n in held[:_NAMES_SHOWN]) or "nothing"
            raise UserError(f"{self.path}: has no array {name}, only {shown}")
        try:
            yield
        except _DAMAGE:
            raise UserError(f"{self.path}: array {name} is damaged, or not a NumPy array") from None

    def _header(self, file, name: str) -> tuple[tuple[int, ...], bool, np.dtype]:
        version = np.lib.format.read_magic(file)
        one = version == (1, 0)
        read = np.lib.format.read_array_header_1_0 if one else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = read(file)
        if dtype.kind not in "buif":
            raise UserError(f"{self.path}: array {name} must be of numbers, not {dtype}")
        return shape, fortran_order, dtype


def write_archive(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a compressed ``.npz``: complete or not at all, and the same bytes for the same arrays.

    Raises
    ------
    UserError
        The file cannot be written.
    """
    path = Path(path)
    temporary = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = file.name
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
        temporary = None
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        if temporary is not None:
            os.unlink(temporary)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _read_exactly(file, size: int) -> np.ndarray:
    data = np.empty(size, dtype=np.uint8)
    view, at = data.data, 0
    while at < size:
        got = file.readinto(view[at : at + _READ_BYTES])
        if not got:
            raise EOFError
        at += got
    return data
