"""A damage that libhdf5 does not survive: it reads some broken global heaps for ever.

Texts (node types, edges) lie in global heaps, a list of objects each of which says where the next begins.
A free object of size 0 says "here", and libhdf5 2.0 never comes out of it. Layout: HDF5 File Format
Specification 3.0, section III.E.
"""

from __future__ import annotations

import mmap
import os
import struct

__all__ = ["has_endless_heap"]

_HEADER = struct.Struct("<4sB3xQ")  # signature, version, bytes of the whole heap
_OBJECT = struct.Struct("<H6xQ")  # index (0: free space), bytes


def has_endless_heap(path: str | os.PathLike[str]) -> bool:
    """Whether a global heap of the file leads libhdf5 into an endless loop."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        at = data.find(b"GCOL")
        while at >= 0:
            if at + _HEADER.size <= len(data) and _is_endless(data, at):
                return True
            at = data.find(b"GCOL", at + 4)
    return False


def _is_endless(data: mmap.mmap, at: int) -> bool:
    _, version, size = _HEADER.unpack_from(data, at)
    if version != 1:
        return False  # four bytes of a weight, or a heap that libhdf5 refuses
    end = min(at + size, len(data))
    at += _HEADER.size
    while at + _OBJECT.size <= end:
        index, length = _OBJECT.unpack_from(data, at)
        if index == length == 0:
            return True
        at += length if index == 0 else _OBJECT.size + -(-length // 8) * 8
    return False
