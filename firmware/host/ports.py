"""Ports: what the host writes bytes to and reads them from."""

from __future__ import annotations

import os
import time
from typing import Protocol

from ...gen.errors import MissingTool
from .faults import LinkError

__all__ = ["Port", "SerialPort"]


class Port(Protocol):
    """A line of bytes to a board. A simulated board is one too, with a time of its own."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    def now(self) -> float:
        """Seconds on the clock that `read` waits by."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def read(self, timeout_s: float) -> bytes:
        """Bytes that came, as soon as there are any; none after `timeout_s`."""
        ...

    def close(self) -> None:
        """Let it go."""
        ...


class SerialPort:
    """A serial port of this machine.

    Parameters
    ----------
    path : str
        Such as ``/dev/ttyUSB0`` or ``COM3``, or a URL of pyserial (``socket://host:port``).
    baud : int

    Raises
    ------
    MissingTool
        pyserial is not installed.
    LinkError
        There is no such port, or it cannot be opened at this rate.
    """

    def __init__(self, path: str, *, baud: int):
        try:
            import serial
        except ImportError:
            raise MissingTool(
                "pyserial is not installed, which talks to boards: pip install 'spikeloom[board]'"
            ) from None
        self.name = path
        self._failures = (serial.SerialException, OSError, ValueError)
        try:
            self._serial = serial.serial_for_url(path, baudrate=baud, timeout=0, exclusive=True)
        except self._failures as error:
            raise LinkError(f"{path}: cannot be opened ({_reason(error)}); {_ports()}") from None

    def now(self) -> float:
        """Seconds of a clock that never goes back."""
        return time.monotonic()

    def write(self, data: bytes) -> None:
        """Send bytes; waits only while the system's buffer is full."""
        try:
            self._serial.write(data)
        except self._failures as error:
            raise LinkError(
                f"{self.name}: writing failed ({_reason(error)}); is it still plugged in?"
            ) from None

    def read(self, timeout_s: float) -> bytes:
        """Bytes that came; waits up to `timeout_s` for the first."""
        try:
            self._serial.timeout = timeout_s
            first = self._serial.read(1)
            return first + self._serial.read(self._serial.in_waiting) if first else b""
        except self._failures as error:
            raise LinkError(
                f"{self.name}: reading failed ({_reason(error)}); is it still plugged in?"
            ) from None

    def close(self) -> None:
        """Close the port."""
        self._serial.close()


def _reason(error: Exception) -> str:
    """What the system said, on one line."""
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    return " ".join(str(error).split()) or type(error).__name__


def _ports() -> str:
    from serial.tools.list_ports import comports

    names = ", ".join(sorted(port.device for port in comports()))
    return f"there are {names}" if names else "no serial port is there"
