"""Top levels of a board: a self-test, or a link, and its lights on the board's clock, pins and LEDs."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from amaranth import ClockDomain, Const, Elaboratable, Module, Signal, Value
from amaranth.build import Attrs, Pins, Resource, Subsignal
from amaranth.build.res import ResourceError
from amaranth.lib import io

from ..clocked_accelerator import ACCELERATOR_DOMAIN, ClockedAccelerator
from ..link.spi_link import SpiLink
from ..link.uart_link import UartLink
from ..selftest import SelfTest
from .board import Board
from .clock_generator import ClockGenerator, PinClock
from .device import Family
from .lights import StatusLights

__all__ = ["BoardTop", "LinkTop"]

SPI = "spikeloom_spi"
_LEVELS = {
    "ice40": Attrs(IO_STANDARD="SB_LVCMOS"),
    "ecp5": Attrs(IO_TYPE="LVCMOS33"),
    "gowin": Attrs(IO_TYPE="LVCMOS33"),
}


class BoardTop(Elaboratable):
    """`selftest` on `board`, for the board's own platform."""

    def __init__(self, board: Board, selftest: SelfTest):
        self.board = board
        self.selftest = selftest

    def elaborate(self, platform):
        m = Module()
        m.submodules.selftest = self.selftest
        m.d.comb += self.selftest.start.eq(
            _clock(m, self.board, reset_less=self.board.family is Family.ICE40)
        )
        passed, failed = self.selftest.passed, self.selftest.failed
        _show(m, self.board, platform, passed, failed, clock_mhz=self.board.design_mhz)
        return m


class LinkTop(Elaboratable):
    """`link` on the pins of `board`, for the board's own platform: its UART, or an SPI target's.

    Where its accelerator is a `ClockedAccelerator` it has the PLL's clock, and the link `Board.link_mhz`.
    Its lights: pass once something came out of the accelerator, fail once a damaged frame came.
    """

    def __init__(self, board: Board, link: UartLink | SpiLink):
        if isinstance(link, UartLink) and board.uart is None:
            raise ValueError(f"Board {board.name} has no UART")
        if isinstance(link, SpiLink) and board.spi is None:
            raise ValueError(f"Board {board.name} has no pins for SPI")
        self.board = board
        self.link = link
        self.split = isinstance(link.accelerator, ClockedAccelerator)

    def elaborate(self, platform):
        m = Module()
        _clock(m, self.board, split=self.split)
        m.submodules.link = link = self.link
        if isinstance(link, UartLink):
            pins = platform.request("uart", self.board.uart, dir="-")
            into, out = {"rx": pins.rx}, {"tx": pins.tx}
        else:
            platform.add_resources([_spi_resource(self.board)])
            pins = platform.request(SPI, 0, dir="-")
            into = {name: getattr(pins, name) for name in ("sck", "mosi", "cs_n")}
            out = {name: getattr(pins, name) for name in ("miso", "irq")}
        for name, pin in into.items():
            m.submodules[name] = buffer = io.Buffer(io.Direction.Input, pin)
            m.d.comb += getattr(link, name).eq(buffer.i)
        for name, pin in out.items():
            m.submodules[name] = buffer = io.Buffer(io.Direction.Output, pin)
            m.d.comb += buffer.o.eq(getattr(link, name))
        passed, failed = Signal(), Signal()
        m.d.sync += [passed.eq(passed | link.active), failed.eq(failed | link.failed)]
        clock_mhz = self.board.link_mhz if self.split else self.board.design_mhz
        _show(m, self.board, platform, passed, failed, clock_mhz=clock_mhz)
        return m


def _spi_resource(board: Board) -> Resource:
    """The pins of an SPI target; selection is active low, and stays so."""
    pins: Any = board.spi
    directions = {"sck": "i", "mosi": "i", "cs_n": "i", "miso": "o", "irq": "o"}
    signals = [
        Subsignal(name, Pins(getattr(pins, name), dir=direction, conn=pins.connector))
        for name, direction in directions.items()
    ]
    return Resource(SPI, 0, *signals, _LEVELS[board.family])


def _clock(m: Module, board: Board, *, split: bool = False, reset_less: bool = False) -> Value:
    """The PLL where there is one, for all or (`split`) the accelerator; else the pin, or the platform's own.

    A domain without a reset has no gate for it in the enables of an iCE40's flip-flops, whose resets they
    gate. Then nothing may be asked of the design before the value returned, that the clock is steady.
    """
    if split:
        assert board.pll is not None  # without one there is nothing to cross
        sync, inner = ClockDomain("sync"), ClockDomain(ACCELERATOR_DOMAIN, reset_less=True)
        m.domains += [sync, inner]
        m.submodules.clock = clock = ClockGenerator(board.pll, inner, beside=sync)
        return clock.ready
    if board.pll is None and not reset_less:
        return Const(1)  # the platform makes a domain
    m.domains.sync = sync = ClockDomain(reset_less=reset_less)
    if board.pll is None:
        m.submodules.clock = clock = PinClock(sync, clock_mhz=board.clock_mhz)
    else:
        m.submodules.clock = clock = ClockGenerator(board.pll, sync)
    return clock.ready


def _show(m: Module, board: Board, platform, passed: Value, failed: Value, *, clock_mhz: float) -> None:
    """Show it on the LEDs, except those that share a pin with what is already in use."""
    ports = {}
    for led in board.leds:
        with suppress(ResourceError):
            key = led.resource, led.number
            ports.setdefault(key, None)
            ports[key] = ports[key] or platform.request(*key, dir="-")
    leds = [led for led in board.leds if ports[led.resource, led.number] is not None]
    if not leds:
        return
    clock_hz = round(clock_mhz * 1e6)
    m.submodules.lights = lights = StatusLights(count=len(leds), clock_hz=clock_hz)
    m.d.comb += [lights.passed.eq(passed), lights.failed.eq(failed)]
    for number, led in enumerate(leds):
        port = ports[led.resource, led.number]
        port = getattr(port, led.colour) if led.colour else port
        m.submodules[f"led_{number}"] = buffer = io.Buffer(io.Direction.Output, port)
        m.d.comb += buffer.o.eq(lights.lights[number])
