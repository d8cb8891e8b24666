"""What is loaded into the memories of an accelerator: one file in a build, `load/memories.bin`.

Memory after memory in the order of the load bus, row after row; a row is its slices of 16 bits, the lowest
first, least significant byte first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from ..hw.accelerator import Accelerator
from ..hw.link.protocol import CONTENTS_BYTES
from ..hw.load_bus import loaded_shapes
from ..hw.loaded_memory import LoadedShape

__all__ = ["LoadImage"]

_SLICE_BYTES = 2


@dataclass(frozen=True, eq=False)
class LoadImage:
    """Contents of all loaded memories.

    Attributes
    ----------
    shapes : tuple of LoadedShape
    data : bytes

    Raises
    ------
    ValueError
        `data` is not as long as `shapes` ask for.
    """

    shapes: tuple[LoadedShape, ...]
    data: bytes

    def __post_init__(self) -> None:
        expected = sum(shape.rows * shape.slices * _SLICE_BYTES for shape in self.shapes)
        if len(self.data) != expected:
            raise ValueError(f"Contents of the memories must have {expected} bytes, not {len(self.data)}")

    @classmethod
    def of(cls, accelerator: Accelerator) -> LoadImage | None:
        """Contents of the memories of a component; None: it has none that are loaded."""
        if accelerator.load_bus is None:
            return None
        shapes = loaded_shapes(accelerator.params)
        parts = [
            word.to_bytes(_SLICE_BYTES * shape.slices, "little")
            for shape, memory in zip(shapes, accelerator.load_bus.memories, strict=True)
            for word in memory.words
        ]
        return cls(shapes, b"".join(parts))

    @property
    def sha256(self) -> str:
        """Hash of the contents, hexadecimal."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def contents_id(self) -> bytes:
        """What a board that holds these contents says it does."""
        return bytes.fromhex(self.sha256)[:CONTENTS_BYTES]

    def slices(self) -> list[np.ndarray]:
        """For each memory, (rows, slices) uint16."""
        found, at = [], 0
        for shape in self.shapes:
            count = shape.rows * shape.slices
            part = np.frombuffer(self.data, "<u2", count=count, offset=at)
            found.append(part.reshape(shape.rows, shape.slices))
            at += count * _SLICE_BYTES
        return found
