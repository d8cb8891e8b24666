"""Top level of a board: the self-test and its lights on the board's clock and LEDs."""

from __future__ import annotations

from amaranth import Elaboratable, Module
from amaranth.lib import io

from ..selftest import SelfTest
from .board import Board
from .lights import StatusLights

__all__ = ["BoardTop"]


class BoardTop(Elaboratable):
    """`selftest` on `board`, for the board's own platform."""

    def __init__(self, board: Board, selftest: SelfTest):
        self.board = board
        self.selftest = selftest

    def elaborate(self, platform):
        m = Module()
        m.submodules.selftest = self.selftest
        m.submodules.lights = lights = StatusLights(
            count=len(self.board.leds), clock_hz=round(self.board.clock_mhz * 1e6)
        )
        m.d.comb += [lights.passed.eq(self.selftest.passed), lights.failed.eq(self.selftest.failed)]
        ports = {}
        for number, led in enumerate(self.board.leds):
            key = led.resource, led.number
            if key not in ports:
                ports[key] = platform.request(*key, dir="-")
            port = getattr(ports[key], led.colour) if led.colour else ports[key]
            m.submodules[f"led_{number}"] = buffer = io.Buffer(io.Direction.Output, port)
            m.d.comb += buffer.o.eq(lights.lights[number])
        return m
