"""Wishbone target: revision B4, classic and pipelined, on a register bus."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .register_bus import register_bus
from .register_map import ADDRESS_BITS, WORD_BITS

__all__ = ["WishboneTarget", "wishbone_signature"]


def wishbone_signature() -> wiring.Signature:
    """The bus as a master drives it: 32 data bits in bytes, byte addresses."""
    out = {"cyc": 1, "stb": 1, "we": 1, "adr": ADDRESS_BITS, "sel": WORD_BITS // 8, "dat_w": WORD_BITS}
    back = {"dat_r": WORD_BITS, "ack": 1, "err": 1, "stall": 1}
    return wiring.Signature(
        {name: Out(bits) for name, bits in out.items()} | {name: In(bits) for name, bits in back.items()}
    )


class WishboneTarget(wiring.Component):
    """A request is answered while it stands: what a classic master waits for by ACK or ERR, a pipelined one
    waits for by STALL (B4, 5.2: a pipelined master and a standard target).

    Ports
    -----
    wb : in, `wishbone_signature`
    bus : out, `register_bus`
    """

    wb: Any
    bus: Any

    def __init__(self):
        super().__init__({"wb": In(wishbone_signature()), "bus": Out(register_bus())})

    def elaborate(self, platform):
        m = Module()
        wb, bus = self.wb, self.bus
        standing, answered = Signal(), Signal()
        m.d.comb += [
            standing.eq(wb.cyc & wb.stb),
            answered.eq(standing & bus.done),
            bus.valid.eq(standing),
            bus.write.eq(wb.we),
            bus.address.eq(wb.adr[2:]),
            bus.data.eq(wb.dat_w),
            bus.strobe.eq(wb.sel),
            wb.dat_r.eq(bus.q),
            wb.ack.eq(answered & ~bus.error),
            wb.err.eq(answered & bus.error),
            wb.stall.eq(wb.cyc & ~answered),
        ]
        return m
