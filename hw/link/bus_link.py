"""Links for a system on a chip: an accelerator behind AXI or Wishbone, with the port names of their users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amaranth import ClockDomain, ClockSignal, Module, ResetSignal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .attach import attach
from .axi_lite import AxiLiteTarget, axi_lite_signature
from .bus_endpoint import BusEndpoint
from .params import HostLinkParams
from .wishbone import WishboneTarget, wishbone_signature
from .words import word_bytes

__all__ = ["AxiLink", "AxiLiteLink", "BusLink", "WishboneLink", "stream_bytes"]


def stream_bytes(bits: int) -> int:
    """Bytes of TDATA for tokens of `bits` bits: 1, 2, 4, 8 or 16, as elements of an array in memory."""
    return 1 << (word_bytes(bits) - 1).bit_length()


class BusLink(wiring.Component):
    """An accelerator behind a bus; which one is up to `bus`.

    Parameters
    ----------
    accelerator : Component
        As `attach` has it.
    params : HostLinkParams
        Its clock, build identity and memories; a bus has neither bits nor frames.
    ports : mapping of str to member
    streams : bool
        Whether tokens have streams beside the registers.
    """

    def __init__(self, accelerator: Any, params: HostLinkParams, ports: Mapping[str, Any], *, streams: bool):
        self.accelerator = accelerator
        bits = [len(Value.cast(side.payload)) for side in (accelerator.events, accelerator.out)]
        self.endpoint = BusEndpoint(params, event_bits=bits[0], out_bits=bits[1], streams=streams)
        super().__init__(dict(ports))

    def port(self, name: str) -> Any:
        """Port of this name."""
        return getattr(self, name)

    def bus(self, m: Module) -> Any:
        """Connect the ports; give clock, reset and a `register_bus`."""
        raise NotImplementedError

    def elaborate(self, platform):
        m = Module()
        clock, reset, bus = self.bus(m)
        m.domains.sync = ClockDomain("sync")
        m.d.comb += [ClockSignal().eq(clock), ResetSignal().eq(reset)]
        m.submodules.endpoint = self.endpoint
        wiring.connect(m, bus, self.endpoint.bus)
        attach(m, self.accelerator, self.endpoint)
        return m


class AxiLiteLink(BusLink):
    """Everything through registers on AXI-Lite.

    Ports
    -----
    aclk, aresetn : in, of all
    s_axi_awaddr, s_axi_awvalid and so on : AXI-Lite
    irq : out, high while there is a token in OUT
    """

    def __init__(self, accelerator: Any, params: HostLinkParams):
        super().__init__(accelerator, params, {**_axi_ports(), "irq": Out(1)}, streams=False)

    def bus(self, m: Module) -> Any:
        """AXI-Lite, and the interrupt."""
        m.d.comb += self.port("irq").eq(self.endpoint.waiting)
        return _axi_bus(m, self)


class AxiLink(BusLink):
    """Tokens through AXI-Stream, everything else through registers on AXI-Lite.

    Ports
    -----
    aclk, aresetn : in, of all
    s_axi_awaddr, s_axi_awvalid and so on : AXI-Lite
    s_axis_events_tdata, tvalid, tready, tlast : AXI-Stream; TLAST means nothing
    m_axis_out_tdata, tvalid, tready, tlast : AXI-Stream; TLAST is `last` of the token
    """

    def __init__(self, accelerator: Any, params: HostLinkParams):
        bits = [len(Value.cast(side.payload)) for side in (accelerator.events, accelerator.out)]
        streams = {}
        for name, flow, back, width in zip(_STREAMS, (In, Out), (Out, In), bits, strict=True):
            ports = {"tdata": flow(8 * stream_bytes(width)), "tvalid": flow(1), "tlast": flow(1)}
            streams |= {f"{name}_{port}": member for port, member in {**ports, "tready": back(1)}.items()}
        super().__init__(accelerator, params, {**_axi_ports(), **streams}, streams=True)

    def bus(self, m: Module) -> Any:
        """AXI-Lite, and both streams."""
        source, sink = self.endpoint.source, self.endpoint.sink
        events, out = _STREAMS
        m.d.comb += [
            source.payload.eq(self.port(f"{events}_tdata")),
            source.valid.eq(self.port(f"{events}_tvalid")),
            self.port(f"{events}_tready").eq(source.ready),
            self.port(f"{out}_tdata").eq(sink.payload),
            self.port(f"{out}_tlast").eq(sink.payload[-1]),
            self.port(f"{out}_tvalid").eq(sink.valid),
            sink.ready.eq(self.port(f"{out}_tready")),
        ]
        return _axi_bus(m, self)


class WishboneLink(BusLink):
    """Everything through registers on Wishbone.

    Ports
    -----
    wb_clk_i, wb_rst_i : in
    wb_adr_i, wb_dat_i, wb_dat_o, wb_sel_i, wb_we_i, wb_cyc_i, wb_stb_i, wb_ack_o, wb_err_o, wb_stall_o
    irq : out, high while there is a token in OUT
    """

    def __init__(self, accelerator: Any, params: HostLinkParams):
        ports = {"wb_clk_i": In(1), "wb_rst_i": In(1)}
        for name, member in wishbone_signature().members.items():
            ports[_wishbone_port(name, member)] = member.flip()
        super().__init__(accelerator, params, {**ports, "irq": Out(1)}, streams=False)

    def bus(self, m: Module) -> Any:
        """Wishbone, and the interrupt."""
        m.submodules.target = target = WishboneTarget()
        ports = {name: _wishbone_port(name, member) for name, member in wishbone_signature().members.items()}
        _join(m, self, target.wb, wishbone_signature(), ports)
        m.d.comb += self.port("irq").eq(self.endpoint.waiting)
        return self.port("wb_clk_i"), self.port("wb_rst_i"), target.bus


_STREAMS = ("s_axis_events", "m_axis_out")


def _axi_ports() -> dict[str, Any]:
    members = axi_lite_signature().members.items()
    return {"aclk": In(1), "aresetn": In(1)} | {f"s_axi_{name}": member.flip() for name, member in members}


def _axi_bus(m: Module, link: BusLink) -> Any:
    m.submodules.target = target = AxiLiteTarget()
    signature = axi_lite_signature()
    _join(m, link, target.axi, signature, {name: f"s_axi_{name}" for name in signature.members})
    return link.port("aclk"), ~link.port("aresetn"), target.bus


def _wishbone_port(name: str, member: Any) -> str:
    """Name that the standard gives it at the target."""
    end = "i" if member.flow is Out else "o"
    return f"wb_{name.removesuffix('_w').removesuffix('_r')}_{end}"


def _join(m: Module, link: BusLink, target: Any, signature: Any, ports: Mapping[str, str]) -> None:
    """Connect the ports of `link`, by the names of `ports`, to those of `target`."""
    for name, member in signature.members.items():
        port, inner = link.port(ports[name]), getattr(target, name)
        m.d.comb += inner.eq(port) if member.flow is Out else port.eq(inner)
