"""Accelerator: a whole network behind one input and one output stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Signal, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .argmax import Argmax
from .core import Core
from .event_queue import EventQueue
from .load_bus import LoadBus, load_signature, loaded_shapes
from .params import AcceleratorParams, ReadoutKind, bits_for_unsigned
from .pipelined_sum import pipelined_sum
from .router import connect_cores
from .signatures import input_layout, out_layout
from .traffic_counter import TRAFFIC_BITS, watch

__all__ = ["TRAFFIC", "Accelerator"]

TRAFFIC = wiring.Signature({name: Out(TRAFFIC_BITS) for name in ("arrived", "sent", "steps")})
"""Counters of the router at one core."""


class Accelerator(wiring.Component):
    """Cores joined by the spike router.

    Streams
    -------
    events : in, `input_layout(params)`
    out : out, `out_layout(params)`, as `params.readout` says (hw/params.py `ReadoutKind`)

    With `params.debug`, core k has outputs ``probe_k__valid``, ``probe_k__group``, ``probe_k__spikes``,
    ``probe_k__membranes`` and, with a synaptic current, ``probe_k__currents``: every updated group in order.
    Beside them ``traffic_k__arrived``, ``traffic_k__sent``, ``traffic_k__steps``: events the router has
    brought to core k and taken from it since the reset, and steps that the core has begun.

    With `params.count_saturations`, an output `saturations`: states that were saturated, in each cycle
    those of the updates some cycles before.

    With memories that are loaded (`loaded_shapes(params)`), a port `load`, the bus of `load_signature`.

    Parameters
    ----------
    params : AcceleratorParams
    weights : for each core, `CoreParams.rows` words
    """

    events: Any
    out: Any
    load: Any
    saturations: Signal

    def __init__(self, params: AcceleratorParams, *, weights: Sequence[Sequence[int]]):
        self.params = params
        self.cores = [
            Core(
                core,
                rows,
                readout=params.readout if k in params.output_cores else ReadoutKind.SPIKES,
                count_bits=params.count_bits,
                channels_last=params.channels_last(k),
                count_saturations=params.count_saturations,
            )
            for k, (core, rows) in enumerate(zip(params.cores, weights, strict=True))
        ]
        memories = [memory for core in self.cores for memory in core.loaded_memories]
        self.load_bus = LoadBus(memories) if memories else None
        self.queue = EventQueue(input_layout(params))
        members = {
            "events": In(stream.Signature(input_layout(params))),
            "out": Out(stream.Signature(out_layout(params))),
        }
        if memories:
            members["load"] = In(load_signature(loaded_shapes(params)))
        if params.count_saturations:
            members["saturations"] = Out(bits_for_unsigned(params.most_saturations))
        if params.debug:
            for k, core in enumerate(self.cores):
                members[f"probe_{k}"] = Out(_probe_signature(core))
                members[f"traffic_{k}"] = Out(TRAFFIC)
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = self.queue
        wiring.connect(m, wiring.flipped(self.events), self.queue.i)
        for core in self.cores:
            m.submodules[f"core_{core.params.name}"] = core
        if self.load_bus is not None:
            m.submodules.load_bus = self.load_bus
            wiring.connect(m, wiring.flipped(self.load), self.load_bus.bus)
        source = connect_cores(m, self.params, self.queue.o, self.cores)
        if self.params.readout is ReadoutKind.CLASS:
            core = self.cores[self.params.output_cores[0]]
            value = core.serialiser.value
            assert value is not None  # a tallied core sends values
            m.submodules.argmax = argmax = Argmax(neurons=core.params.neuron.neurons, value=value)
            wiring.connect(m, source, argmax.values)
            source = argmax.out
        m.d.comb += [
            self.out.payload.eq(source.payload),
            self.out.payload.last.eq(source.payload.tick & source.payload.last),
            self.out.valid.eq(source.valid),
            source.ready.eq(self.out.ready),
        ]
        if self.params.count_saturations:
            counts = [(core.saturations, core.lif.most_saturations) for core in self.cores]
            total, _ = pipelined_sum(m, counts, name="saturations")
            m.d.comb += self.saturations.eq(total)
        if self.params.debug:
            self._probes(m)
            self._traffic(m)
        return m

    def _traffic(self, m: Module) -> None:
        for k, core in enumerate(self.cores):
            traffic = getattr(self, f"traffic_{k}")
            arrived = watch(m, core.events, f"arrived_{core.params.name}")
            sent = watch(m, core.out, f"sent_{core.params.name}")
            m.d.comb += [
                traffic.arrived.eq(arrived.events),
                traffic.steps.eq(arrived.steps),
                traffic.sent.eq(sent.events),
            ]

    def _probes(self, m: Module) -> None:
        for k, core in enumerate(self.cores):
            probe = getattr(self, f"probe_{k}")
            m.d.comb += probe.valid.eq(core.probe.strobe)
            for name in probe.signature.members:
                if name != "valid":
                    m.d.comb += getattr(probe, name).eq(getattr(core.probe, name))


def _probe_signature(core: Core) -> wiring.Signature:
    neuron, lanes = core.params.neuron, core.params.update_lanes
    members = {
        "valid": Out(1),
        "group": Out(bits_for_unsigned(core.serialiser.groups - 1)),
        "spikes": Out(unsigned(lanes * neuron.spike_bits)),
        "membranes": Out(unsigned(lanes * neuron.state_bits)),
    }
    if neuron.synapse_bits:
        members["currents"] = Out(unsigned(lanes * neuron.synapse_bits))
    return wiring.Signature(members)
