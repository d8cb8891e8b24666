"""Arrays in one .npz file: the same bytes for the same arrays, and safe to read from strangers.

Stored, not compressed: weights hardly compress, the bytes do not depend on a zlib version, and nothing
can unpack to more than the file holds. Pickled objects are never read.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from .errors import UserError

__all__ = ["read_npz", "write_npz"]


def write_npz(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write `arrays` in their order; any `numpy.load` reads the file."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                npy.write_array(member, np.asarray(array, order="C"), version=(1, 0), allow_pickle=False)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read what `write_npz` wrote.

    Raises
    ------
    UserError
        Not such a file, or one that holds anything but plain arrays.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return {info.filename.removesuffix(".npy"): _member(archive, info) for info in archive.infolist()}
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except (
        ValueError,
        EOFError,
        SyntaxError,
        NotImplementedError,
        RuntimeError,
        zipfile.BadZipFile,
    ) as error:
        raise UserError(f"{path}: not a readable .npz of plain arrays ({_line(error)})") from None


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    if info.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{info.filename} is compressed")
    # The member is read whole first: its header cannot ask for more memory than the file has bytes.
    content = io.BytesIO(archive.read(info))
    if npy.read_magic(content) != (1, 0):
        raise ValueError(f"{info.filename} is not an array")
    shape, _, kind = npy.read_array_header_1_0(content)
    expected = int(np.prod(shape, dtype=object)) * kind.itemsize
    if kind.hasobject or expected != info.file_size - content.tell():
        raise ValueError(f"{info.filename} does not hold what it declares")
    content.seek(0)
    return npy.read_array(content, allow_pickle=False)


def _line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
