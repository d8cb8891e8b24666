"""Frames of the link protocol (docs/link-protocol.md) to bytes of the line and back."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from ...hw.link.protocol import (
    CRC_BYTES,
    FRAME_BYTES,
    HEADER_BYTES,
    PAYLOAD_BYTES,
    POLL,
    RESEND,
    TYPE_MASK,
    VERSION,
    VERSION_SHIFT,
    FrameType,
)

__all__ = ["Frame", "FrameReader", "cobs_decode", "cobs_encode", "decode_frame", "encode_frame"]

_BLOCK = 254


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One frame.

    Attributes
    ----------
    type : FrameType
    seq : int
        Its number (COMMAND, TOKENS), the number of the next one (STATUS), low byte of the nonce (OPEN).
    ack : int
        Number expected next from the other side; high byte of the nonce (OPEN).
    limit : int
        First number that the other side must not send yet.
    poll, resend : bool
    payload : bytes
    """

    type: FrameType
    seq: int
    ack: int
    limit: int
    poll: bool = False
    resend: bool = False
    payload: bytes = b""


def encode_frame(frame: Frame) -> bytes:
    """Give the bytes of a frame on the line, its delimiter included."""
    if len(frame.payload) > PAYLOAD_BYTES:
        raise ValueError(f"Payload must have at most {PAYLOAD_BYTES} bytes, not {len(frame.payload)}")
    control = VERSION << VERSION_SHIFT | frame.type | POLL * frame.poll | RESEND * frame.resend
    content = bytes([control, frame.seq, frame.ack, frame.limit]) + frame.payload
    return cobs_encode(content + zlib.crc32(content).to_bytes(CRC_BYTES, "little")) + b"\0"


def decode_frame(line: bytes) -> Frame | None:
    """Read the bytes between two delimiters; None: they are no frame, or a damaged one."""
    content = cobs_decode(line)
    if content is None or not HEADER_BYTES + CRC_BYTES <= len(content) <= FRAME_BYTES:
        return None
    content, crc = content[:-CRC_BYTES], content[-CRC_BYTES:]
    if zlib.crc32(content) != int.from_bytes(crc, "little"):
        return None
    control, seq, ack, limit = content[:HEADER_BYTES]
    if control >> VERSION_SHIFT != VERSION or control & TYPE_MASK not in list(FrameType):
        return None
    return Frame(
        type=FrameType(control & TYPE_MASK),
        seq=seq,
        ack=ack,
        limit=limit,
        poll=bool(control & POLL),
        resend=bool(control & RESEND),
        payload=content[HEADER_BYTES:],
    )


class FrameReader:
    """Cuts what arrives into frames, however it arrives."""

    def __init__(self) -> None:
        self._line = bytearray()

    def frames(self, data: bytes) -> list[Frame | None]:
        """Frames that `data` completes; None for each damaged one."""
        *ended, rest = (bytes(self._line) + data).split(b"\0")
        # Beyond what any frame has there is no need to know more than that it is too long.
        self._line = bytearray(rest[: FRAME_BYTES + 2])
        return [decode_frame(line) for line in ended if line]


def cobs_encode(data: bytes) -> bytes:
    """Consistent overhead byte stuffing, without the delimiter: bytes without a zero."""
    line = bytearray()
    parts = data.split(b"\0")
    for number, part in enumerate(parts, 1):
        full = len(part) // _BLOCK * _BLOCK
        for at in range(0, full, _BLOCK):
            line += bytes([_BLOCK + 1]) + part[at : at + _BLOCK]
        # A full block at the very end needs none behind it: no zero follows.
        if number < len(parts) or part[full:] or not part:
            line += bytes([len(part) - full + 1]) + part[full:]
    return bytes(line)


def cobs_decode(line: bytes) -> bytes | None:
    """Undo `cobs_encode`; None where a block is cut short."""
    data = bytearray()
    at, zero_due = 0, False
    while at < len(line):
        code = line[at]
        block = line[at + 1 : at + code]
        if not code or len(block) != code - 1 or 0 in block:
            return None
        data += b"\0" * zero_due + block
        zero_due = code != _BLOCK + 1
        at += code
    return bytes(data)
