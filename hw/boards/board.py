"""What a board is to the rest of spikeloom; pins and clocks come from amaranth-boards."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from .device import Device, Family
from .pll import Pll

__all__ = ["Board", "Led", "SpiPins"]


@dataclass(frozen=True, kw_only=True)
class Led:
    """One LED of a board: a resource of its platform, and of an RGB LED the colour."""

    resource: str
    number: int = 0
    colour: str | None = None


@dataclass(frozen=True, kw_only=True)
class SpiPins:
    """Where a controller is connected: pins of one connector of the platform, 3.3 V.

    Attributes
    ----------
    connector : tuple of str and int
        Of the platform.
    sck, mosi, miso, cs_n, irq : str
        Pins of that connector; `irq` says that there is something to fetch.
    """

    connector: tuple[str, int]
    sck: str
    mosi: str
    miso: str
    cs_n: str
    irq: str


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board.

    Attributes
    ----------
    name : str
        What ``--board`` takes.
    title : str
        What its maker calls it.
    device : Device
    package, speed : str
        As nextpnr names them (`speed` is empty where a device has one grade).
    clock_mhz : float
        Frequency of the oscillator.
    platform : str
        ``module:class`` in amaranth-boards.
    leds : tuple of Led
        In the order in which they are used: pass, fail, heartbeat.
    uart : int or None
        Number of the platform's UART that a host reaches the board by; None: it has none.
    spi : SpiPins or None
        Pins of an SPI target; None: none were chosen on this board.
    programmer : str
        Command that loads a bitstream, which is its last argument.
    pll : Pll or None
        Makes the design's clock; None: the oscillator drives it.
    """

    name: str
    title: str
    device: Device
    package: str
    clock_mhz: float
    platform: str
    leds: tuple[Led, ...]
    programmer: str
    speed: str = ""
    uart: int | None = 0
    spi: SpiPins | None = None
    pll: Pll | None = None

    @property
    def design_mhz(self) -> float:
        """Clock of the design."""
        return self.clock_mhz if self.pll is None else self.pll.output_mhz

    @property
    def link_mhz(self) -> float:
        """Clock of a link, beside an accelerator with the PLL's."""
        return self.clock_mhz if self.pll is None else self.pll.beside_mhz

    @property
    def family(self) -> Family:
        """Device family."""
        return self.device.family

    def make_platform(self) -> Any:
        """Return a new Amaranth platform of this board (one can build one design)."""
        module, name = self.platform.split(":")
        return getattr(importlib.import_module(f"amaranth_boards.{module}"), name)()
