"""Registers of an accelerator on a bus, standard library only: docs/blocks/registers.md in numbers."""

from __future__ import annotations

from enum import IntEnum

from .protocol import BUILD_ID_BYTES

__all__ = [
    "ACCELERATOR_COUNTERS",
    "ADDRESS_BITS",
    "BUILD_ID_WORDS",
    "CONTROL_RESET",
    "EVENT_TOKENS",
    "EVENT_WORDS",
    "MAGIC",
    "MAP_VERSION",
    "OUT_VALID",
    "OUT_WORDS",
    "PLACE",
    "STATUS",
    "WIDTHS",
    "WORD_BITS",
    "Reg",
    "out_words",
]

WORD_BITS = 32
ADDRESS_BITS = 8
"""Of a byte address; the two lowest are ignored, as registers are words."""
MAGIC = int.from_bytes(b"SPKL", "little")
MAP_VERSION = 1


class Reg(IntEnum):
    """Offset of each register in bytes; of those with several words, of the first."""

    MAGIC = 0x00
    VERSION = 0x04
    CLOCK_HZ = 0x08
    WIDTHS = 0x0C
    BUILD_ID = 0x10
    CONTROL = 0x20
    STATUS = 0x24
    SCRATCH = 0x28
    EVENT = 0x30
    EVENT_HIGH = 0x34
    OUT = 0x40
    COUNTERS = 0x50
    MEMORY_PLACE = 0x80
    MEMORY_ROW = 0x84
    MEMORY_DATA = 0x88
    MEMORY_ROWS = 0x8C
    MEMORY_BITS = 0x90
    CONTENTS = 0x98
    CONTENTS_HIGH = 0x9C


BUILD_ID_WORDS = 8 * BUILD_ID_BYTES // WORD_BITS
EVENT_WORDS = 2
"""Most words of an event token."""
OUT_WORDS = 4
"""Most words of an out token with its flag."""
EVENT_TOKENS = 16
"""Event tokens that wait for the accelerator, and so the most that STATUS can have room for."""

WIDTHS: dict[str, int] = {"event_bits": 8, "out_bits": 8, "memories": 8, "streams": 1}
"""Fields of WIDTHS and their bits, from bit 0."""
STATUS: dict[str, int] = {"out_valid": 1, "loaded": 1, "reserved": 6, "event_room": 8}
"""Fields of STATUS and their bits, from bit 0."""
PLACE: dict[str, int] = {"memory": 8, "reserved": 8, "slice": 16}
"""Fields of MEMORY_PLACE and their bits, from bit 0."""
CONTROL_RESET = 1
OUT_VALID = 1 << (WORD_BITS - 1)
"""Flag in the last word of OUT: the words are a token."""

ACCELERATOR_COUNTERS = ("cycles", "event_words", "event_ticks", "out_words", "out_ticks", "saturations")
"""Words of COUNTERS in order; the first of `protocol.COUNTERS`. The others are those of a line."""


def out_words(bits: int) -> int:
    """Words of OUT for tokens of `bits` bits: the highest bit of the last is the flag."""
    return bits // WORD_BITS + 1
