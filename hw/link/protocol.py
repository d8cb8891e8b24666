"""Constants of the link protocol, standard library only: docs/link-protocol.md in numbers."""

from __future__ import annotations

from enum import IntEnum

__all__ = [
    "BUILD_ID_BYTES",
    "CONTENTS_BYTES",
    "COUNTERS",
    "FRAME_BYTES",
    "HEADER_BYTES",
    "IDENTITY",
    "IDENTITY_BYTES",
    "MAX_WINDOW",
    "MEMORY_PLACE",
    "MEMORY_PLACE_BYTES",
    "MEMORY_STATE",
    "MEMORY_STATE_BYTES",
    "PAYLOAD_BYTES",
    "POLL",
    "READ_SLICES",
    "RESEND",
    "SLOT_BYTES",
    "TYPE_MASK",
    "VERSION",
    "VERSION_SHIFT",
    "FrameType",
    "Op",
]

VERSION = 1
"""Of the protocol; in the top bits of every frame."""
VERSION_SHIFT = 5
POLL = 1 << 4
RESEND = 1 << 3
TYPE_MASK = 7

HEADER_BYTES = 4
CRC_BYTES = 4
FRAME_BYTES = 254
"""Longest frame, before COBS: it needs one byte of COBS and the delimiter."""
PAYLOAD_BYTES = FRAME_BYTES - HEADER_BYTES - CRC_BYTES
SLOT_BYTES = 256
"""Memory that a frame of the window takes."""
MAX_WINDOW = 64
"""Frames in flight, so that 8-bit sequence numbers always tell old from new."""


class FrameType(IntEnum):
    """What a frame carries; COMMAND and TOKENS are sequenced."""

    STATUS = 0
    COMMAND = 1
    TOKENS = 2
    OPEN = 3
    CLOSED = 4


class Op(IntEnum):
    """First byte of a command; a reply has the top bit set."""

    IDENTIFY = 0x01
    RESET = 0x02
    COUNTERS = 0x03
    ECHO = 0x04
    MEMORY_WRITE = 0x05
    MEMORY_READ = 0x06
    MEMORY_STATE = 0x07
    MEMORY_COMMIT = 0x08
    REPLY = 0x80
    NOT_LOADED = 0xFE
    UNKNOWN = 0xFF


BUILD_ID_BYTES = 16
IDENTITY: dict[str, int] = {
    "version": 1,
    "window": 1,
    "event_bits": 1,
    "out_bits": 1,
    "clock_hz": 4,
    "build_id": BUILD_ID_BYTES,
}
"""Fields of the reply to IDENTIFY and their bytes, in order, little-endian."""
IDENTITY_BYTES = sum(IDENTITY.values())

CONTENTS_BYTES = 8
"""Start of the SHA-256 of what a board's memories hold; 0: they hold nothing."""
MEMORY_PLACE: dict[str, int] = {"memory": 1, "slice": 2, "row": 3}
"""Fields of a place in a memory and their bytes, in order, little-endian: MEMORY_WRITE and MEMORY_READ."""
MEMORY_PLACE_BYTES = sum(MEMORY_PLACE.values())
READ_SLICES = 122
"""Slices that one MEMORY_READ gives, at most: with its head, what a frame holds."""
MEMORY_STATE: dict[str, int] = {"contents": CONTENTS_BYTES, "memories": 1, "rows": 4, "bits": 2}
"""Fields of the reply to MEMORY_STATE; rows and bits of the memory that was asked for, 0: there is none."""
MEMORY_STATE_BYTES = sum(MEMORY_STATE.values())

COUNTERS = (
    "cycles",
    "event_words",
    "event_ticks",
    "out_words",
    "out_ticks",
    "saturations",
    "bad_frames",
    "stray_frames",
    "line_errors",
)
"""Fields of the reply to COUNTERS, 4 bytes each, little-endian; they wrap."""
