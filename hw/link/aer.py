"""Address-event representation: events of a sensor in, spikes out, by four-phase handshakes on pins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Const, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from ..params import AcceleratorParams, bits_for_unsigned
from ..signatures import input_layout, out_layout

__all__ = ["AerLink", "AerParams", "AerReceiver", "AerSender", "StepTimer"]

_PENDING_BITS = 8


@dataclass(frozen=True, kw_only=True)
class AerParams:
    """What AER itself does not say: where steps and samples end.

    Attributes
    ----------
    steps : int
        Of a sample.
    step_cycles : int
        Clock cycles of a step; 0: only the pin `step` ends one.
    ticks : bool
        Whether ends of steps are sent too.
    """

    steps: int
    step_cycles: int = 0
    ticks: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.steps < 1 << 24:
            raise ValueError(f"Steps of a sample must be between 1 and {(1 << 24) - 1}, not {self.steps}")
        if not 0 <= self.step_cycles < 1 << 32:
            raise ValueError(
                f"Cycles of a step must be between 0 and {(1 << 32) - 1}, not {self.step_cycles}"
            )


class AerReceiver(wiring.Component):
    """Takes addresses: `ack` follows `req`, up once the address is taken and down after it.

    The address has to stay from before `req` rises until `ack` does (bundled data): `req` passes two
    flip-flops, and the address is read after them.

    Ports
    -----
    req, address : in, pins, of any clock or none; ack : out, pin
    o : out, stream of addresses
    """

    req: Signal
    ack: Signal
    address: Signal
    o: Any

    def __init__(self, bits: int):
        ports = {"req": In(1), "ack": Out(1), "address": In(bits)}
        super().__init__({**ports, "o": Out(stream.Signature(bits))})

    def elaborate(self, platform):
        m = Module()
        req = Signal()
        m.submodules.req_cross = FFSynchronizer(self.req, req)
        # in a register: while it waits, the pins may already be between two addresses
        with m.If(req & ~self.ack & ~self.o.valid):
            m.d.sync += [self.o.payload.eq(self.address), self.o.valid.eq(1)]
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += [self.o.valid.eq(0), self.ack.eq(1)]
        with m.If(~req):
            m.d.sync += self.ack.eq(0)
        return m


class AerSender(wiring.Component):
    """Sends addresses: `req` rises a cycle after its address, which stays until `ack` is down again.

    Ports
    -----
    i : in, stream of addresses
    req, address : out, pins; ack : in, pin, of any clock or none
    """

    i: Any
    req: Signal
    ack: Signal
    address: Signal

    def __init__(self, bits: int):
        ports = {"req": Out(1), "ack": In(1), "address": Out(bits)}
        super().__init__({**ports, "i": In(stream.Signature(bits))})

    def elaborate(self, platform):
        m = Module()
        ack, sending = Signal(), Signal()
        m.submodules.ack_cross = FFSynchronizer(self.ack, ack)
        # `ack` is low, as it was seen, before an address changes: the last transfer is over
        m.d.comb += self.i.ready.eq(~sending & ~self.req & ~ack)
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [self.address.eq(self.i.payload), sending.eq(1)]
        with m.If(sending):
            m.d.sync += [self.req.eq(1), sending.eq(0)]
        with m.If(self.req & ack):
            m.d.sync += self.req.eq(0)
        return m


class StepTimer(wiring.Component):
    """Ends of steps: each `step_cycles` cycles, and at each rising edge of `step`.

    Ports
    -----
    step : in, pin
    due : out, a step has ended; last : out, and the sample with it
    take : in, with `due`: it is told
    overrun : out, stays: more steps ended than could be told, and some were lost
    """

    step: Signal
    due: Signal
    last: Signal
    take: Signal
    overrun: Signal

    def __init__(self, params: AerParams):
        self.params = params
        flags = {"due": Out(1), "last": Out(1), "overrun": Out(1)}
        super().__init__({"step": In(1), "take": In(1), **flags})

    def elaborate(self, platform):
        m = Module()
        level, before, timed = Signal(), Signal(), Signal()
        m.submodules.step_cross = FFSynchronizer(self.step, level)
        m.d.sync += before.eq(level)
        if self.params.step_cycles:
            cycle = Signal(range(self.params.step_cycles))
            m.d.comb += timed.eq(cycle == self.params.step_cycles - 1)
            m.d.sync += cycle.eq(cycle + 1)
            with m.If(timed):
                m.d.sync += cycle.eq(0)
        pending, number = Signal(_PENDING_BITS), Signal(range(self.params.steps))
        ended = Signal(2)
        more = pending - self.take + ended
        m.d.comb += [
            ended.eq(timed + (level & ~before)),
            self.due.eq(pending != 0),
            self.last.eq(number == self.params.steps - 1),
        ]
        with m.If(more >= 1 << _PENDING_BITS):
            m.d.sync += [self.overrun.eq(1), pending.eq((1 << _PENDING_BITS) - 1)]
        with m.Else():
            m.d.sync += pending.eq(more)
        with m.If(self.take):
            m.d.sync += number.eq(number + 1)
            with m.If(self.last):
                m.d.sync += number.eq(0)
        return m


class AerLink(wiring.Component):
    """An accelerator between two AER ports.

    An event that comes when a step has ended belongs to the next. An address without an input is
    acknowledged and counts as an error; with values, an address is an event of value 1.

    Parameters
    ----------
    accelerator : Component
        Has `events`, `out` and `reset` (`hw.emitted.EmittedAccelerator`), and no memories that are loaded.
    shape : AcceleratorParams
        Its parameters.
    params : AerParams

    Ports
    -----
    in_req, in_address : in, in_ack : out, `AerReceiver`
    step : in, `StepTimer`
    out_req, out_address : out, out_ack : in, `AerSender`: index, and value where there is one, from bit 0;
        with `params.ticks` above them `tick` and `last`, as in the out stream
    overrun, stray : out, stay: an end of a step was lost; an address was none of an input
    """

    in_req: Signal
    in_ack: Signal
    in_address: Signal
    step: Signal
    out_req: Signal
    out_ack: Signal
    out_address: Signal
    overrun: Signal
    stray: Signal

    def __init__(self, accelerator: Any, shape: AcceleratorParams, params: AerParams):
        self.accelerator = accelerator
        self.shape = shape
        self.params = params
        self.in_bits = bits_for_unsigned(shape.channels - 1)
        self.out_bits = out_layout(shape).size - (0 if params.ticks else 2)
        super().__init__(
            {
                "in_req": In(1),
                "in_ack": Out(1),
                "in_address": In(self.in_bits),
                "step": In(1),
                "out_req": Out(1),
                "out_ack": In(1),
                "out_address": Out(self.out_bits),
                "overrun": Out(1),
                "stray": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.accelerator = self.accelerator
        m.submodules.receiver = receiver = AerReceiver(self.in_bits)
        m.submodules.sender = sender = AerSender(self.out_bits)
        m.submodules.timer = timer = StepTimer(self.params)
        m.d.comb += [
            receiver.req.eq(self.in_req),
            receiver.address.eq(self.in_address),
            self.in_ack.eq(receiver.ack),
            sender.ack.eq(self.out_ack),
            self.out_req.eq(sender.req),
            self.out_address.eq(sender.address),
            timer.step.eq(self.step),
            self.overrun.eq(timer.overrun),
        ]
        self._merge(m, receiver, timer)
        out = Value.cast(self.accelerator.out.payload)
        tick = Const(0) if self.params.ticks else out[-2]
        m.d.comb += [
            sender.i.payload.eq(out),
            sender.i.valid.eq(self.accelerator.out.valid & ~tick),
            self.accelerator.out.ready.eq(sender.i.ready | tick),
        ]
        return m

    def _merge(self, m: Module, receiver: AerReceiver, timer: StepTimer) -> None:
        """Events and ends of steps as tokens, in a register that does not change while it waits."""
        events, layout = self.accelerator.events, input_layout(self.shape)
        valid, token = Signal(), Signal(layout)
        free = ~valid | events.ready
        known = receiver.o.payload < self.shape.channels
        m.d.comb += [
            Value.cast(events.payload).eq(token),
            events.valid.eq(valid),
            timer.take.eq(timer.due & free),
            receiver.o.ready.eq(~timer.due & free),
        ]
        with m.If(free):
            m.d.sync += [
                valid.eq(timer.due | (receiver.o.valid & known)),
                token.tick.eq(timer.due),
                token.last.eq(timer.due & timer.last),
                token.index.eq(receiver.o.payload),
            ]
            if self.shape.input_value_bits:
                m.d.sync += token.value.eq(~timer.due)
        with m.If(receiver.o.valid & ~known):
            m.d.sync += self.stray.eq(1)
