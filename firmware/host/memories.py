"""Weights and parameters into the memories of a board, and what it says of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ...gen.load_image import LoadImage
from ...hw.link.protocol import (
    CONTENTS_BYTES,
    MEMORY_PLACE,
    MEMORY_PLACE_BYTES,
    MEMORY_STATE,
    MEMORY_STATE_BYTES,
    PAYLOAD_BYTES,
    READ_SLICES,
    Op,
)
from ...hw.loaded_memory import LoadedShape
from .commands import ask, ask_all
from .faults import LinkError
from .session import Session

__all__ = ["LoadProgress", "difference", "held", "load"]

LoadProgress = Callable[[str, int, int], None]
"""Called with a step, what is done of it, and all of it."""

_WRITE_SLICES = (PAYLOAD_BYTES - 1 - MEMORY_PLACE_BYTES) // 2


def held(session: Session) -> bytes:
    """Start of the hash of what the board's memories hold; zeros: nothing that has a name."""
    return _state(session, 0)[0]


def load(session: Session, image: LoadImage, *, progress: LoadProgress | None = None) -> None:
    """Write all memories, read them back, and give what they hold its name.

    Raises
    ------
    LinkError
        What is read back is not what was written.
    """
    where = session.port.name
    for step, op, most, exchange in (
        ("loading", Op.MEMORY_WRITE, _WRITE_SLICES, _written),
        ("reading back", Op.MEMORY_READ, READ_SLICES, _read_back),
    ):
        parts = list(_parts(image, most))
        wanted = [exchange(data) for _, _, data in parts]
        commands = [
            (place + body, len(reply)) for (_, place, _), (body, reply) in zip(parts, wanted, strict=True)
        ]
        wrong = None  # all replies are taken first, so that the board can be asked again
        replies = _shown(parts, ask_all(session, op, commands), progress, step)
        for (number, _, _), (_, expected), reply in zip(parts, wanted, replies, strict=True):
            wrong = number if reply != expected and wrong is None else wrong
        if wrong is not None:
            name = image.shapes[wrong].name
            raise LinkError(
                f"{where}: memory {wrong} ({name}) does not hold what was written; is its RAM good?"
            )
    if ask(session, Op.MEMORY_COMMIT, image.contents_id, reply_bytes=1) != b"\1":
        raise LinkError(f"{where}: the board did not accept what was loaded")


def difference(session: Session, image: LoadImage) -> str:
    """What of a board, whose design is another one, is not as `image` needs it."""
    try:
        _, count, _ = _state(session, 0)
    except LinkError:
        return "its memories cannot be loaded"
    if count != len(image.shapes):
        return f"it has {count} loaded memories, not {len(image.shapes)}"
    for number, shape in enumerate(image.shapes):
        _, _, (rows, bits) = _state(session, number)
        if (rows, bits) != (shape.rows, shape.bits):
            return f"memory {number} ({shape.name}) has {rows} rows of {bits} bits, not {_size(shape)}"
    return "its memories are of the same sizes, but number formats, shared parameters or wiring differ"


def _size(shape: LoadedShape) -> str:
    return f"{shape.rows} of {shape.bits}"


def _state(session: Session, memory: int) -> tuple[bytes, int, tuple[int, int]]:
    """What the memories hold, how many they are, rows and bits of one."""
    body, at, fields = ask(session, Op.MEMORY_STATE, bytes([memory]), reply_bytes=MEMORY_STATE_BYTES), 0, []
    for count in MEMORY_STATE.values():
        fields.append(body[at : at + count])
        at += count
    numbers = [int.from_bytes(field, "little") for field in fields[1:]]
    return fields[0], numbers[0], (numbers[1], numbers[2])


def _parts(image: LoadImage, most: int) -> Iterator[tuple[int, bytes, bytes]]:
    """Number of a memory, place in it and bytes from there, at most so many slices."""
    for number, (shape, slices) in enumerate(zip(image.shapes, image.slices(), strict=True)):
        data = slices.tobytes()
        for first in range(0, len(data) // 2, most):
            row, at = divmod(first, shape.slices)
            values = {"memory": number, "slice": at, "row": row}
            place = b"".join(values[name].to_bytes(count, "little") for name, count in MEMORY_PLACE.items())
            yield number, place, data[2 * first : 2 * (first + most)]


def _written(data: bytes) -> tuple[bytes, bytes]:
    """Rest of a MEMORY_WRITE, and its reply when all of it was written."""
    return data, bytes([len(data) // 2])


def _read_back(data: bytes) -> tuple[bytes, bytes]:
    """Rest of a MEMORY_READ, and its reply when this is what the memory holds."""
    count = bytes([len(data) // 2])
    return count, count + data


def _shown(
    parts: list[tuple[int, bytes, bytes]], replies: Iterator[bytes], progress: LoadProgress | None, step: str
) -> Iterator[bytes]:
    """The replies, telling how far it is."""
    done, total = 0, sum(len(data) for _, _, data in parts)
    for (_, _, data), reply in zip(parts, replies, strict=True):
        yield reply
        done += len(data)
        if progress is not None:
            progress(step, done, total)


assert MEMORY_STATE["contents"] == CONTENTS_BYTES
