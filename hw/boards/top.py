"""Top levels of a board: a self-test, or a link, and its lights on the board's clock, pins and LEDs."""

from __future__ import annotations

from amaranth import Elaboratable, Module, Signal, Value
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
    m.submodules.lights = lights = StatusLights(count=len(board.leds), clock_hz=round(board.clock_mhz * 1e6))
    m.d.comb += [lights.passed.eq(passed), lights.failed.eq(failed)]
    ports = {}
    for number, led in enumerate(board.leds):
        key = led.resource, led.number
        if key not in ports:
            ports[key] = platform.request(*key, dir="-")
        port = getattr(ports[key], led.colour) if led.colour else ports[key]
        m.submodules[f"led_{number}"] = buffer = io.Buffer(io.Direction.Output, port)
        m.d.comb += buffer.o.eq(lights.lights[number])
