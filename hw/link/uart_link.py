"""Links around an accelerator: what all of them share, and the UART, which is two pins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amaranth import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .attach import attach
from .endpoint import LinkEndpoint
from .params import HostLinkParams
from .uart import UartReceiver, UartTransmitter

__all__ = ["AcceleratorLink", "UartLink"]


class AcceleratorLink(wiring.Component):
    """An accelerator whose streams are reached through pins; what the pins do is up to `line`.

    Parameters
    ----------
    accelerator : Component
        Has an input stream `events` and an output stream `out`; the two top bits of both payloads are
        `tick` and `last`. One without an input `reset` is given a reset of its clock domain. One with its own
        clock is in a `hw.clocked_accelerator.ClockedAccelerator`.
    params : HostLinkParams
    pins : mapping of str to member

    Ports
    -----
    active : out, for a cycle: a word came out of the accelerator
    failed : out, for a cycle: a damaged frame came
    """

    active: Signal
    failed: Signal

    def __init__(self, accelerator: Any, params: HostLinkParams, pins: Mapping[str, Any]):
        self.accelerator = accelerator
        self.params = params
        super().__init__({**pins, "active": Out(1), "failed": Out(1)})

    def line(self, m: Module, endpoint: LinkEndpoint) -> None:
        """Connect the endpoint's `line_i`, `line_o` and `line_error` to the pins."""
        raise NotImplementedError

    def elaborate(self, platform):
        m = Module()
        accelerator = self.accelerator
        event, out = Value.cast(accelerator.events.payload), Value.cast(accelerator.out.payload)
        crossed = "cycles" in accelerator.signature.members
        m.submodules.endpoint = endpoint = LinkEndpoint(
            self.params, event_bits=len(event), out_bits=len(out), crossed=crossed
        )
        self.line(m, endpoint)
        attach(m, accelerator, endpoint)
        m.d.comb += [
            self.failed.eq(endpoint.link.bad),
            self.active.eq(endpoint.out.valid & endpoint.out.ready),
        ]
        return m


class UartLink(AcceleratorLink):
    """An accelerator whose streams are reached through a UART.

    Ports, beside those of `AcceleratorLink`
    -----
    rx : in, tx : out, the pins
    """

    rx: Signal
    tx: Signal

    def __init__(self, accelerator: Any, params: HostLinkParams):
        rx, tx = In(1, init=1), Out(1, init=1)  # pyright: ignore[reportCallIssue]
        super().__init__(accelerator, params, {"rx": rx, "tx": tx})

    def line(self, m: Module, endpoint: LinkEndpoint) -> None:
        """Bytes of the UART."""
        m.submodules.receiver = receiver = UartReceiver(bit_cycles=self.params.bit_cycles)
        m.submodules.transmitter = transmitter = UartTransmitter(bit_cycles=self.params.bit_cycles)
        wiring.connect(m, receiver.o, endpoint.line_i)
        wiring.connect(m, endpoint.line_o, transmitter.i)
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(transmitter.tx),
            endpoint.line_error.eq(receiver.framing_error),
        ]
