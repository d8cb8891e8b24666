"""Core: a synaptic array, the population it feeds, and the serialiser that sends the population's output.

Layers are cores in a chain of streams: a step flows through by its tick, without a global controller.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.hdl import Shape, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .accumulators import most_late_cycles
from .delayed_array import DelayedArray
from .dense import DenseArray
from .event_array import EventArray
from .lif import LifCore, accs_slack_cycles
from .loaded_memory import LoadedMemory
from .neuron import tally_shape
from .params import CoreParams, ReadoutKind
from .serialiser import Serialiser
from .signatures import event_stream

__all__ = ["Core", "accs_late_cycles"]


def accs_late_cycles(params: CoreParams, *, tally_bits: int | None) -> int:
    """Cycles that accumulators reach the neurons after the strobe of their group.

    As many as the neurons need to read their state and to decay it: that does not wait for the array.
    """
    if params.by_rows:
        return 0
    groups = -(-params.neuron.neurons // params.update_lanes)
    most = most_late_cycles(params.array, groups)
    return accs_slack_cycles(params.neuron, lanes=params.update_lanes, tally_bits=tally_bits, most=most)


class Core(wiring.Component):
    """One population with its synapses.

    Streams
    -------
    events : in, `event_stream(sources, value_bits)` of the array
    out : out, spikes or, as `readout` says, values (hw/params.py `ReadoutKind`; CLASS sends the tallies)

    `probe` is what every sweep updated (signature of `LifCore.update`).

    Parameters
    ----------
    channels_last : sequence of bool
        Where the core is `by_rows`: for each of its links, whether its source numbers its channels last.
    count_saturations : bool
        Whether there is `saturations`, as of `LifCore`.
    """

    events: Any
    out: Any
    probe: Any
    saturations: Signal

    def __init__(
        self,
        params: CoreParams,
        rows: Sequence[int],
        *,
        readout: ReadoutKind = ReadoutKind.SPIKES,
        count_bits: int = 16,
        channels_last: Sequence[bool] = (),
        count_saturations: bool = False,
    ):
        self.params = params
        neuron, lanes = params.neuron, params.update_lanes
        self.tallied = readout in (ReadoutKind.COUNTS, ReadoutKind.CLASS)
        tally_bits = count_bits if self.tallied else None
        accs_late = accs_late_cycles(params, tally_bits=tally_bits)
        if params.by_rows:
            self.array = EventArray(params, rows, channels_last)
        elif params.array.max_delay:
            self.array = DelayedArray(params.array, rows, update_lanes=lanes, accs_late=accs_late)
        else:
            self.array = DenseArray(params.array, rows, update_lanes=lanes, accs_late=accs_late)
        self.lif = LifCore(
            neuron,
            lanes=lanes,
            tally_bits=tally_bits,
            count_saturations=count_saturations,
            accs_late=accs_late,
        )
        self.serialiser = Serialiser(
            neurons=neuron.neurons,
            lanes=lanes,
            value=self._value(readout, count_bits),
            spike_bits=neuron.spike_bits if readout is ReadoutKind.SPIKES else 1,
            only_last=self.tallied,
        )
        super().__init__(
            {
                "events": In(event_stream(params.array.sources, params.array.value_bits)),
                "out": Out(self.serialiser.out.signature),
                "probe": Out(self.lif.update.signature),
                **({"saturations": self.lif.signature.members["saturations"]} if count_saturations else {}),
            }
        )

    @property
    def loaded_memories(self) -> list[LoadedMemory]:
        """Memories for the load bus: weights, groups of row lists, parameters."""
        stores = [*self.array.memories, *([self.lif.parameters] if self.lif.parameters else [])]
        return [store.loaded for store in stores if store.loaded is not None]

    def _value(self, readout: ReadoutKind, count_bits: int) -> Shape | None:
        if readout is ReadoutKind.SPIKES:
            return None
        if readout is ReadoutKind.MEMBRANE:
            return signed(self.params.neuron.state_bits)
        return tally_shape(self.params.neuron, count_bits)

    def elaborate(self, platform):
        m = Module()
        m.submodules.array = array = self.array
        m.submodules.lif = lif = self.lif
        m.submodules.serialiser = serialiser = self.serialiser
        wiring.connect(m, wiring.flipped(self.events), array.events)
        wiring.connect(m, array.sweep, lif.sweep)
        wiring.connect(m, serialiser.out, wiring.flipped(self.out))
        m.d.comb += [
            array.sweep_ready.eq(self._gap_over(m) & serialiser.ready),
            serialiser.start.eq(array.start),
        ]
        self._send(m)
        if lif.most_saturations:
            m.d.comb += self.saturations.eq(lif.saturations)
        for name in lif.update.signature.members:
            m.d.comb += getattr(self.probe, name).eq(getattr(lif.update, name))
        return m

    def _gap_over(self, m: Module) -> Signal:
        """The neurons have written what a new sweep reads."""
        left = Signal(range(max(2, self.lif.gap_cycles)))
        over = Signal(init=1)  # none is left; a register, for the clock rate
        with m.If(self.array.start):
            m.d.sync += [left.eq(self.lif.gap_cycles - 1), over.eq(self.lif.gap_cycles == 1)]
        with m.Elif(~over):
            m.d.sync += [left.eq(left - 1), over.eq(left == 1)]
        return over

    def _send(self, m: Module) -> None:
        """What of an updated group goes out: its spikes, or a value of every neuron."""
        update, serialiser = self.lif.update, self.serialiser
        for name in ("strobe", "group", "final", "last"):
            m.d.comb += getattr(serialiser, name).eq(getattr(update, name))
        if serialiser.value is None:
            self._send_spikes(m)
            return
        values = update.tallies if self.tallied else update.membranes
        lanes = self.params.update_lanes
        in_final = self.params.neuron.neurons - (serialiser.groups - 1) * lanes
        m.d.comb += serialiser.mask.eq(Mux(update.final, Const((1 << in_final) - 1), Const((1 << lanes) - 1)))
        m.d.comb += [serialiser.values[k].eq(values[k]) for k in range(lanes)]

    def _send_spikes(self, m: Module) -> None:
        update, serialiser = self.lif.update, self.serialiser
        bits = serialiser.spike_bits
        if bits == 1:
            m.d.comb += serialiser.mask.eq(update.spikes)
            return
        counts = [update.spikes.word_select(k, bits) for k in range(self.params.update_lanes)]
        m.d.comb += serialiser.mask.eq(Cat(*(count.any() for count in counts)))
        m.d.comb += [serialiser.counts[k].eq(count) for k, count in enumerate(counts)]
