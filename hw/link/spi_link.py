"""SPI link: an accelerator behind the pins of an SPI target."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .endpoint import LinkEndpoint
from .params import HostLinkParams
from .spi import FrameStore, SpiTarget
from .uart_link import AcceleratorLink

__all__ = ["SpiLink"]


class SpiLink(AcceleratorLink):
    """An accelerator whose streams are reached through SPI; frames and commands are those of the UART.

    Ports, beside those of `AcceleratorLink`
    -----
    sck, mosi, cs_n : in, miso : out, the pins (`SpiTarget`)
    irq : out, high while there is something to fetch
    """

    sck: Signal
    mosi: Signal
    cs_n: Signal
    miso: Signal
    irq: Signal

    def __init__(self, accelerator: Any, params: HostLinkParams):
        cs_n = In(1, init=1)  # pyright: ignore[reportCallIssue]
        pins = {"sck": In(1), "mosi": In(1), "cs_n": cs_n, "miso": Out(1), "irq": Out(1)}
        super().__init__(accelerator, params, pins)

    def line(self, m: Module, endpoint: LinkEndpoint) -> None:
        """Bytes of the target, and whole frames to it."""
        m.submodules.target = target = SpiTarget()
        m.submodules.store = store = FrameStore()
        wiring.connect(m, target.o, endpoint.line_i)
        wiring.connect(m, endpoint.line_o, store.i)
        wiring.connect(m, store.o, target.i)
        m.d.comb += [
            target.sck.eq(self.sck),
            target.mosi.eq(self.mosi),
            target.cs_n.eq(self.cs_n),
            self.miso.eq(target.miso),
            self.irq.eq(target.waiting),
            endpoint.line_error.eq(target.cut),
        ]
