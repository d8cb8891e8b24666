"""UART link: an accelerator behind two pins."""

from __future__ import annotations

from typing import Any

from amaranth import Module, ResetInserter, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .endpoint import LinkEndpoint
from .params import HostLinkParams
from .uart import UartReceiver, UartTransmitter

__all__ = ["UartLink"]


class UartLink(wiring.Component):
    """An accelerator whose streams are reached through a UART.

    Parameters
    ----------
    accelerator : Component
        Has an input stream `events` and an output stream `out`; the two top bits of both payloads are
        `tick` and `last`. One without an input `reset` is given a reset of its clock domain.
    params : HostLinkParams

    Ports
    -----
    rx : in, tx : out, the pins
    active : out, for a cycle: a word came out of the accelerator
    failed : out, for a cycle: a damaged frame came
    """

    rx: Signal
    tx: Signal
    active: Signal
    failed: Signal

    def __init__(self, accelerator: Any, params: HostLinkParams):
        self.accelerator = accelerator
        self.params = params
        rx, tx = In(1, init=1), Out(1, init=1)  # pyright: ignore[reportCallIssue]
        super().__init__({"rx": rx, "tx": tx, "active": Out(1), "failed": Out(1)})

    def elaborate(self, platform):
        m = Module()
        accelerator = self.accelerator
        event, out = Value.cast(accelerator.events.payload), Value.cast(accelerator.out.payload)
        m.submodules.endpoint = endpoint = LinkEndpoint(self.params, event_bits=len(event), out_bits=len(out))
        m.submodules.receiver = receiver = UartReceiver(bit_cycles=self.params.bit_cycles)
        m.submodules.transmitter = transmitter = UartTransmitter(bit_cycles=self.params.bit_cycles)
        if "reset" in accelerator.signature.members:
            m.submodules.accelerator = accelerator
            m.d.comb += accelerator.reset.eq(endpoint.reset)
        else:
            m.submodules.accelerator = ResetInserter(endpoint.reset)(accelerator)
        if "load" in accelerator.signature.members:
            wiring.connect(m, endpoint.load, accelerator.load)
        wiring.connect(m, receiver.o, endpoint.line_i)
        wiring.connect(m, endpoint.line_o, transmitter.i)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            endpoint.line_error.eq(receiver.framing_error),
            self.failed.eq(endpoint.link.bad),
            self.active.eq(endpoint.out.valid & endpoint.out.ready),
            event.eq(endpoint.events.payload),
            accelerator.events.valid.eq(endpoint.events.valid),
            endpoint.events.ready.eq(accelerator.events.ready),
            endpoint.out.payload.eq(out),
            endpoint.out.valid.eq(accelerator.out.valid),
            accelerator.out.ready.eq(endpoint.out.ready),
        ]
        return m
