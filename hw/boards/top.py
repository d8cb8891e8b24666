"""Top levels of a board: a self-test, or a link, and its lights on the board's clock, pins and LEDs."""

from __future__ import annotations

from contextlib import suppress

from amaranth import Elaboratable, Module, Signal, Value
from amaranth.build.res import ResourceError
from amaranth.lib import io

from ..link.uart_link import UartLink
from ..selftest import SelfTest
from .board import Board
from .lights import StatusLights

__all__ = ["BoardTop", "LinkTop"]


class BoardTop(Elaboratable):
    """`selftest` on `board`, for the board's own platform."""

    def __init__(self, board: Board, selftest: SelfTest):
        self.board = board
        self.selftest = selftest

    def elaborate(self, platform):
        m = Module()
        m.submodules.selftest = self.selftest
        _show(m, self.board, platform, self.selftest.passed, self.selftest.failed)
        return m


class LinkTop(Elaboratable):
    """`link` on the UART of `board`, for the board's own platform.

    Its lights: pass once something came out of the accelerator, fail once a damaged frame came.
    """

    def __init__(self, board: Board, link: UartLink):
        if board.uart is None:
            raise ValueError(f"Board {board.name} has no UART")
        self.board = board
        self.link = link

    def elaborate(self, platform):
        m = Module()
        m.submodules.link = self.link
        pins = platform.request("uart", self.board.uart, dir="-")
        m.submodules.rx = rx = io.Buffer(io.Direction.Input, pins.rx)
        m.submodules.tx = tx = io.Buffer(io.Direction.Output, pins.tx)
        m.d.comb += [self.link.rx.eq(rx.i), tx.o.eq(self.link.tx)]
        passed, failed = Signal(), Signal()
        m.d.sync += [passed.eq(passed | self.link.active), failed.eq(failed | self.link.failed)]
        _show(m, self.board, platform, passed, failed)
        return m


def _show(m: Module, board: Board, platform, passed: Value, failed: Value) -> None:
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
    clock_hz = round(board.clock_mhz * 1e6)
    m.submodules.lights = lights = StatusLights(count=len(leds), clock_hz=clock_hz)
    m.d.comb += [lights.passed.eq(passed), lights.failed.eq(failed)]
    for number, led in enumerate(leds):
        port = ports[led.resource, led.number]
        port = getattr(port, led.colour) if led.colour else port
        m.submodules[f"led_{number}"] = buffer = io.Buffer(io.Direction.Output, port)
        m.d.comb += buffer.o.eq(lights.lights[number])
