"""Parameters of the fabric's end of the host link."""

from __future__ import annotations

from dataclasses import dataclass

from ..loaded_memory import LoadedShape
from .protocol import BUILD_ID_BYTES, MAX_WINDOW, VERSION

__all__ = ["MIN_BIT_CYCLES", "HostLinkParams", "bit_cycles_for"]

MIN_BIT_CYCLES = 4
MAX_BIT_CYCLES = 1 << 16
MAX_MEMORIES = 255
MAX_BAUD_ERROR = 0.02
"""Of both ends together a UART allows about 4 %: half a bit in 9.5, less what sampling costs."""


@dataclass(frozen=True, kw_only=True)
class HostLinkParams:
    """The link's end in the fabric.

    Attributes
    ----------
    bit_cycles : int
        Clock cycles of a UART bit, 4 .. 65536; other lines have no use for it.
    window : int
        Frames that each direction keeps, a power of two, 1 .. 64; a frame takes 256 bytes of memory.
    clock_hz : int
        Clock of the accelerator, which the host is told.
    build_id : bytes
        First 16 bytes of the SHA-256 of the build's manifest; with `memories`, of its design.
    memories : tuple of LoadedShape
        Memories of the accelerator that the host loads (`hw.load_bus.loaded_shapes`).
    """

    bit_cycles: int = MIN_BIT_CYCLES
    window: int = 8
    clock_hz: int
    build_id: bytes
    memories: tuple[LoadedShape, ...] = ()

    def __post_init__(self) -> None:
        if not MIN_BIT_CYCLES <= self.bit_cycles <= MAX_BIT_CYCLES:
            raise ValueError(
                f"Cycles of a UART bit must be between {MIN_BIT_CYCLES} and {MAX_BIT_CYCLES}, "
                f"not {self.bit_cycles}"
            )
        if not 1 <= self.window <= MAX_WINDOW or self.window & (self.window - 1):
            raise ValueError(
                f"Window must be a power of two between 1 and {MAX_WINDOW} frames, not {self.window}"
            )
        if not 1 <= self.clock_hz < 1 << 32:
            raise ValueError(f"Clock must be between 1 and {(1 << 32) - 1} Hz, not {self.clock_hz}")
        if len(self.build_id) != BUILD_ID_BYTES:
            raise ValueError(f"Build identity must have {BUILD_ID_BYTES} bytes, not {len(self.build_id)}")

        if len(self.memories) > MAX_MEMORIES:
            raise ValueError(f"Loaded memories must be at most {MAX_MEMORIES}, not {len(self.memories)}")

    def identity(self, *, event_bits: int, out_bits: int) -> bytes:
        """Body of the reply to IDENTIFY (`protocol.IDENTITY`)."""
        head = bytes([VERSION, self.window, event_bits, out_bits])
        return head + self.clock_hz.to_bytes(4, "little") + self.build_id


def bit_cycles_for(clock_hz: float, baud: int) -> int:
    """Clock cycles of a UART bit.

    Raises
    ------
    ValueError
        The clock cannot make this rate within 2 %; says which rates near it it can make.
    """
    if baud < 1:
        raise ValueError(f"Baud rate must be at least 1, not {baud}")
    cycles = max(MIN_BIT_CYCLES, min(MAX_BIT_CYCLES, round(clock_hz / baud)))
    if abs(clock_hz / (baud * cycles) - 1) > MAX_BAUD_ERROR:
        raise ValueError(
            f"A clock of {clock_hz / 1e6:g} MHz makes {clock_hz / cycles:.0f} baud, not {baud}; "
            f"at most {clock_hz / MIN_BIT_CYCLES:.0f}"
        )
    return cycles
