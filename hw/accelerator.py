"""Accelerator: a whole network behind one input and one output stream."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Module, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .argmax import Argmax
from .core import Core
from .event_queue import EventQueue
from .params import AcceleratorParams, ReadoutKind, bits_for_unsigned
from .signatures import event_layout, event_stream

__all__ = ["Accelerator"]


class Accelerator(wiring.Component):
    """Chain of cores.

    Streams
    -------
    events : in, `event_stream(sources of the first core)`
    out : out, as `params.readout` says (hw/params.py `ReadoutKind`)

    With `params.debug`, core k has outputs ``probe_k__valid``, ``probe_k__group``, ``probe_k__spikes``,
    ``probe_k__membranes`` and, with a synaptic current, ``probe_k__currents``: every updated group in order.

    Parameters
    ----------
    params : AcceleratorParams
    weights : for each core, `ArrayParams.rows` words
    """

    events: Any
    out: Any

    def __init__(self, params: AcceleratorParams, *, weights: Sequence[Sequence[int]]):
        self.params = params
        last = len(params.cores) - 1
        self.cores = [
            Core(
                core,
                rows,
                readout=params.readout if k == last else ReadoutKind.SPIKES,
                count_bits=params.count_bits,
            )
            for k, (core, rows) in enumerate(zip(params.cores, weights, strict=True))
        ]
        sources = params.cores[0].array.sources
        self.queue = EventQueue(event_layout(sources))
        members = {"events": In(event_stream(sources)), "out": Out(self._out_signature())}
        if params.debug:
            for k, core in enumerate(self.cores):
                members[f"probe_{k}"] = Out(_probe_signature(core))
        super().__init__(members)

    def _out_signature(self):
        if self.params.readout is ReadoutKind.CLASS:
            return event_stream(self.params.cores[-1].neuron.neurons)
        return self.cores[-1].out.signature

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = self.queue
        wiring.connect(m, wiring.flipped(self.events), self.queue.i)
        source = self.queue.o
        for params, core in zip(self.params.cores, self.cores, strict=True):
            m.submodules[f"core_{params.name}"] = core
            wiring.connect(m, source, core.events)
            source = core.out
        if self.params.readout is ReadoutKind.CLASS:
            core = self.cores[-1]
            value = core.serialiser.value
            assert value is not None  # a tallied core sends values
            m.submodules.argmax = argmax = Argmax(neurons=core.params.neuron.neurons, value=value)
            wiring.connect(m, source, argmax.values)
            source = argmax.out
        wiring.connect(m, source, wiring.flipped(self.out))
        if self.params.debug:
            self._probes(m)
        return m

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
        "spikes": Out(lanes),
        "membranes": Out(unsigned(lanes * neuron.state_bits)),
    }
    if neuron.synapse_bits:
        members["currents"] = Out(unsigned(lanes * neuron.synapse_bits))
    return wiring.Signature(members)
