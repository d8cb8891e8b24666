"""AXI-Lite target: the five channels of AMBA AXI4-Lite (ARM IHI 0022) on a register bus."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .register_bus import register_bus
from .register_map import ADDRESS_BITS, WORD_BITS

__all__ = ["OKAY", "SLVERR", "AxiLiteTarget", "axi_lite_signature"]

OKAY = 0
SLVERR = 2


def axi_lite_signature() -> wiring.Signature:
    """The channels as a manager drives them; AWPROT and ARPROT mean nothing here."""
    out = {
        "awaddr": ADDRESS_BITS,
        "awprot": 3,
        "awvalid": 1,
        "wdata": WORD_BITS,
        "wstrb": WORD_BITS // 8,
        "wvalid": 1,
        "bready": 1,
        "araddr": ADDRESS_BITS,
        "arprot": 3,
        "arvalid": 1,
        "rready": 1,
    }
    back = {"awready": 1, "wready": 1, "bresp": 2, "bvalid": 1, "arready": 1}
    back |= {"rdata": WORD_BITS, "rresp": 2, "rvalid": 1}
    return wiring.Signature(
        {name: Out(bits) for name, bits in out.items()} | {name: In(bits) for name, bits in back.items()}
    )


class AxiLiteTarget(wiring.Component):
    """One request at a time; reads and writes that wait take turns. No path leads from input to output.

    Ports
    -----
    axi : in, `axi_lite_signature`
    bus : out, `register_bus`
    """

    axi: Any
    bus: Any

    def __init__(self):
        super().__init__({"axi": In(axi_lite_signature()), "bus": Out(register_bus())})

    def elaborate(self, platform):
        m = Module()
        axi, bus = self.axi, self.bus
        write_address, read_address = Signal(len(bus.address)), Signal(len(bus.address))
        addressed, filled, asked = Signal(), Signal(), Signal()  # AW, W, AR came
        m.d.comb += [
            axi.awready.eq(~addressed),
            axi.wready.eq(~filled),
            axi.arready.eq(~asked),
            bus.address.eq(Mux(bus.write, write_address, read_address)),
        ]
        with m.If(axi.awvalid & axi.awready):
            m.d.sync += [addressed.eq(1), write_address.eq(axi.awaddr[2:])]
        with m.If(axi.wvalid & axi.wready):
            m.d.sync += [filled.eq(1), bus.data.eq(axi.wdata), bus.strobe.eq(axi.wstrb)]
        with m.If(axi.arvalid & axi.arready):
            m.d.sync += [asked.eq(1), read_address.eq(axi.araddr[2:])]
        with m.If(axi.bready):
            m.d.sync += axi.bvalid.eq(0)
        with m.If(axi.rready):
            m.d.sync += axi.rvalid.eq(0)

        to_write = addressed & filled & ~axi.bvalid
        to_read = asked & ~axi.rvalid
        with m.If(~bus.valid):
            m.d.sync += bus.valid.eq(to_write | to_read)
            m.d.sync += bus.write.eq(to_write & ~(to_read & bus.write))
        with m.Elif(bus.done):
            response = Mux(bus.error, SLVERR, OKAY)
            m.d.sync += bus.valid.eq(0)
            with m.If(bus.write):
                m.d.sync += [addressed.eq(0), filled.eq(0), axi.bvalid.eq(1), axi.bresp.eq(response)]
            with m.Else():
                m.d.sync += [asked.eq(0), axi.rvalid.eq(1), axi.rresp.eq(response), axi.rdata.eq(bus.q)]
        return m
