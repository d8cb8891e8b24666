"""A cable that damages what it carries, in every way that a byte stream can be damaged."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

__all__ = ["FAULTS", "FaultyPort"]

_BURST_BYTES = 40


class FaultyPort:
    """A port (`firmware.host.ports.Port`) that is between the host and another.

    Parameters
    ----------
    port : Port
        The port behind it.
    rate : float
        Probability of a fault at a byte, either way.
    kinds : sequence of str
        Names of `FAULTS`; none: all of them.
    seed : int
    once : bool
        Whether `rate` is set to 0 by a fault: one at a time.

    Attributes
    ----------
    injected : Counter of str
        Faults by kind.
    """

    def __init__(
        self, port: Any, *, rate: float, kinds: Sequence[str] = (), seed: int = 0, once: bool = False
    ):
        self.port = port
        self.once = once
        self.rate = rate
        self.kinds = tuple(kinds or FAULTS)
        self.injected: Counter[str] = Counter()
        rng = random.Random(f"faults {seed}")
        self._out, self._in = (_Damage(self, rng) for _ in range(2))

    @property
    def name(self) -> str:
        """What messages call it."""
        return f"{self.port.name}, on a bad cable"

    def now(self) -> float:
        """Seconds on the clock that `read` waits by."""
        return self.port.now()

    def write(self, data: bytes) -> None:
        """Send bytes, some of them wrong."""
        self.port.write(self._out.of(data))

    def read(self, timeout_s: float) -> bytes:
        """Bytes that came, some of them wrong."""
        return self._in.of(self.port.read(timeout_s))

    def close(self) -> None:
        """Close the port behind it."""
        self.port.close()


class _Damage:
    """One direction."""

    def __init__(self, cable: FaultyPort, rng: random.Random):
        self.cable, self.rng = cable, rng
        self.late = b""  # held back by a stall
        self.line, self.frame = b"", b""  # of what was to pass: the part of a frame, the last whole one
        self.left: int | None = None  # bytes up to the next fault

    def of(self, data: bytes) -> bytes:
        """What becomes of `data`; bytes are lost, made and changed, but never change places."""
        self._remember(data)
        data, self.late = self.late + data, b""
        done = bytearray()
        while (left := self._distance()) < len(data):
            done += data[:left]
            data = data[left:]
            self.left = None
            kind = self.rng.choice(self.cable.kinds)
            self.cable.injected[kind] += 1
            if self.cable.once:
                self.cable.rate = 0.0
            if kind == "stall":
                self.late = data
                return bytes(done)
            more, data = self._again(data) if kind == "frame again" else FAULTS[kind](data, self.rng)
            done += more
        if self.left is not None:
            self.left -= len(data)
        return bytes(done) + data

    def _distance(self) -> int:
        rate = self.cable.rate
        if not rate:
            self.left = None
            return 1 << 60
        if self.left is None:
            self.left = int(self.rng.expovariate(rate))
        return self.left

    def _remember(self, data: bytes) -> None:
        *ended, self.line = (self.line + data).split(b"\0")
        self.frame = next((line for line in reversed(ended) if line), self.frame)

    def _again(self, data: bytes) -> tuple[bytes, bytes]:
        """Let the frame end, then the last whole one come once more."""
        part, zero, rest = data.partition(b"\0")
        return part + zero + self.frame + zero, rest


def _flip(data: bytes, rng: random.Random) -> tuple[bytes, bytes]:
    return bytes([data[0] ^ 1 << rng.randrange(8)]), data[1:]


def _drop(data: bytes, rng: random.Random) -> tuple[bytes, bytes]:
    return b"", data[1:]


def _double(data: bytes, rng: random.Random) -> tuple[bytes, bytes]:
    return data[:1] * 2, data[1:]


def _garbage(data: bytes, rng: random.Random) -> tuple[bytes, bytes]:
    return rng.randbytes(rng.randint(1, _BURST_BYTES)), data


def _burst(data: bytes, rng: random.Random) -> tuple[bytes, bytes]:
    count = rng.randint(2, _BURST_BYTES)
    return rng.randbytes(len(data[:count])), data[count:]


def _truncate(data: bytes, rng: random.Random) -> tuple[bytes, bytes]:
    return b"", data[rng.randint(2, 2 * _BURST_BYTES) :]


def _frame_lost(data: bytes, rng: random.Random) -> tuple[bytes, bytes]:
    return b"", data.partition(b"\0")[2]


FAULTS: dict[str, Any] = {
    "flip": _flip,
    "drop": _drop,
    "double": _double,
    "garbage": _garbage,
    "burst": _burst,
    "truncate": _truncate,
    "frame lost": _frame_lost,
    "frame again": None,
    "stall": None,
}
"""What can happen at a byte, by name."""
