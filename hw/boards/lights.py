"""Status lights: pass, fail and a heartbeat on however many LEDs a board has."""

from __future__ import annotations

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["StatusLights"]


class StatusLights(wiring.Component):
    """Shows a test on `count` LEDs.

    Three or more: pass, fail, heartbeat (a blink about once a second: the clock runs).
    Two: pass, which blinks as the heartbeat, and fail.
    One: off before the first result, a slow blink for pass, eight times as fast for fail.

    Ports
    -----
    passed, failed : in
    lights : out, `count` bits, 1 is lit
    """

    passed: Signal
    failed: Signal
    lights: Signal

    def __init__(self, *, count: int, clock_hz: int):
        if count < 1:
            raise ValueError(f"Status lights need at least 1 LED, not {count}")
        if clock_hz < 1:
            raise ValueError(f"Clock must be at least 1 Hz, not {clock_hz}")
        self.count = count
        self.divider_bits = max(4, (clock_hz - 1).bit_length())
        super().__init__({"passed": In(1), "failed": In(1), "lights": Out(count)})

    def elaborate(self, platform):
        m = Module()
        divider = Signal(self.divider_bits)
        m.d.sync += divider.eq(divider + 1)
        slow, fast = divider[-1], divider[-4]
        if self.count == 1:
            shown = [Mux(self.failed, fast, self.passed & slow)]
        elif self.count == 2:
            shown = [self.passed & slow, self.failed]
        else:
            shown = [self.passed, self.failed, slow]
        for light, value in zip(self.lights, shown, strict=False):
            m.d.sync += light.eq(value)
        return m
