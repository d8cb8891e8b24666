"""LIF core: updates a population, `lanes` neurons a cycle, for every neuron kind.

The kind is a matter of parameters (hw/params.py): integrate-and-fire, leaky, with a synaptic current, without
a threshold. Gates that a kind does not use are not built.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from amaranth import Cat, Const, Module, Signal, Value, signed
from amaranth.hdl import Shape
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .neuron import NeuronInputs, NeuronOutputs, neuron_pipeline, tally_shape
from .parameter_store import ParameterStore, parameter_fields
from .params import NeuronParams, Reset, bits_for_unsigned
from .pipelined_sum import pipelined_sum
from .signatures import sweep_signature, update_signature
from .staged import Pipeline, Staged
from .state_store import StateStore

__all__ = ["LifCore", "acc_stage", "accs_slack_cycles", "lane_outputs", "state_layout", "update_latency"]


def state_layout(params: NeuronParams, *, tally_bits: int | None = None) -> data.StructLayout:
    """What is kept of a neuron between steps: any of v, i, tally."""
    fields: dict[str, Shape] = {}
    # two-stage subtraction compares the old membrane even where it is not integrated
    if params.membrane is not None or params.reset is Reset.TWO_STAGE_SUBTRACT:
        fields["v"] = signed(params.state_bits)
    if params.synapse is not None:
        fields["i"] = signed(params.synapse_bits)
    if tally_bits is not None:
        fields["tally"] = tally_shape(params, tally_bits)
    return data.StructLayout(fields)


def update_latency(
    params: NeuronParams, *, lanes: int, tally_bits: int | None = None, accs_late: int = 0
) -> int:
    """Cycles a group of neurons takes through the LIF core."""
    state = Signal(state_layout(params, tally_bits=tally_bits))
    words = {name: Staged(Signal(shape), 0) for name, (shape, _) in parameter_fields(params).items()}
    read = StateStore.read_cycles(-(-params.neurons // lanes))
    acc = Signal(signed(params.acc_bits))
    lane = lane_outputs(Pipeline(), params, state, Staged(acc, acc_stage(accs_late, read)), words)
    return read + lane.v.stage


@lru_cache(maxsize=256)
def accs_slack_cycles(params: NeuronParams, *, lanes: int, tally_bits: int | None = None, most: int) -> int:
    """Most cycles, up to `most`, that accumulators may come late without an update that takes longer."""
    kind = {"lanes": lanes, "tally_bits": tally_bits}
    latency, late = update_latency(params, **kind), 0
    while late < most and update_latency(params, **kind, accs_late=late + 1) == latency:
        late += 1
    return late


def acc_stage(accs_late: int, read_cycles: int) -> int:
    """Stage of the pipeline that accumulators enter, behind a register."""
    return max(0, accs_late + 1 - read_cycles)


def lane_outputs(
    p: Pipeline, params: NeuronParams, state: data.View, acc: Staged, words: dict[str, Staged]
) -> NeuronOutputs:
    """Build one lane from its `state`, the parameters in `words` and what it has accumulated."""
    fields = state.shape().members
    inputs = NeuronInputs(
        acc=acc,
        v=state["v"] if "v" in fields else Const(0, signed(params.state_bits)),
        i=state["i"] if "i" in fields else None,
        tally=state["tally"] if "tally" in fields else None,
        words=words,
    )
    return neuron_pipeline(p, params, inputs)


class LifCore(wiring.Component):
    """Neuron update of one population.

    Streams (neither has back-pressure)
    -----------------------------------
    sweep : in, `sweep_signature(lanes, groups, acc_bits)`
    update : out, `update_signature(...)`, `latency` cycles later

    Ports
    -----
    saturations : out, with `count_saturations`, states of an update that were saturated, some cycles after it

    Parameters
    ----------
    params : NeuronParams
    lanes : int
        Neurons updated a cycle.
    tally_bits : int or None
        Count width of the readout that adds up spikes (or membranes) over a sample; None: no tally.
    count_saturations : bool
        Whether `saturations` is there.
    accs_late : int
        Cycles that a sweep's `accs` and `zero` come after its other fields.

    A sweep may start `gap_cycles` after the one before it: then every state it reads has been written.
    After the sweep marked `last` all state is zero.
    """

    sweep: Any
    update: Any
    saturations: Signal

    def __init__(
        self,
        params: NeuronParams,
        *,
        lanes: int,
        tally_bits: int | None = None,
        count_saturations: bool = False,
        accs_late: int = 0,
    ):
        self.params = params
        self.accs_late = accs_late
        self.lanes = lanes
        self.groups = -(-params.neurons // lanes)
        self.tally_bits = tally_bits
        self.most_saturations = lanes * (1 + (params.synapse is not None)) if count_saturations else 0
        self.parameters = ParameterStore(params, lanes=lanes) if parameter_fields(params) else None
        self.tally: Shape | None = None if tally_bits is None else tally_shape(params, tally_bits)
        count = {"saturations": Out(bits_for_unsigned(self.most_saturations))} if count_saturations else {}
        super().__init__(
            {
                **count,
                "sweep": In(sweep_signature(lanes, self.groups, params.acc_bits)),
                "update": Out(
                    update_signature(
                        lanes,
                        self.groups,
                        state_bits=params.state_bits,
                        synapse_bits=params.synapse_bits,
                        tally=self.tally,
                        spike_bits=params.spike_bits,
                    )
                ),
            }
        )

    @property
    def latency(self) -> int:
        """Cycles from a sweep's strobe to its update's strobe."""
        return update_latency(
            self.params, lanes=self.lanes, tally_bits=self.tally_bits, accs_late=self.accs_late
        )

    @property
    def gap_cycles(self) -> int:
        """Least distance between the starts of two sweeps."""
        return max(self.groups, self.latency + 1)

    @property
    def _padded_from(self) -> int:
        """Lanes of the final group that have a neuron."""
        return self.params.neurons - (self.groups - 1) * self.lanes

    @property
    def _layout(self) -> data.StructLayout:
        return state_layout(self.params, tally_bits=self.tally_bits)

    def elaborate(self, platform):
        m = Module()
        states = data.ArrayLayout(self._layout, self.lanes)
        m.submodules.store = store = StateStore(width=states.size, groups=self.groups)
        first_sweep = self._first_sweep(m)
        m.d.comb += [store.r_group.eq(self.sweep.group), store.r_zero.eq(first_sweep)]

        p = Pipeline(m)
        accs = self._accs(m)
        words = self._words(m)
        old = data.View(states, store.r_data)
        lanes = [lane_outputs(p, self.params, old[k], accs[k], words[k]) for k in range(self.lanes)]
        self._drive_update(m, p, lanes)
        self._write_back(m, store, lanes, states)
        if self.most_saturations:
            self._count_saturations(m, p, lanes)
        return m

    def _first_sweep(self, m: Module) -> Signal:
        """High through the first sweep of a sample: state reads as zero."""
        first = Signal(init=1)
        with m.If(self.sweep.strobe & self.sweep.final):
            m.d.sync += first.eq(self.sweep.last)
        return first

    def _accs(self, m: Module) -> list[Staged]:
        """Accumulators, delayed to meet the state, or what it has decayed to."""
        layout = data.ArrayLayout(signed(self.params.acc_bits), self.lanes)
        early = Signal(layout, reset_less=True)
        m.d.sync += early.eq(self.sweep.accs)
        with m.If(self.sweep.zero):
            m.d.sync += early.eq(0)
        read = StateStore.read_cycles(self.groups)
        accs = self._held(m, early, read - 1 - self.accs_late, "accs")
        return [Staged(accs[k], acc_stage(self.accs_late, read)) for k in range(self.lanes)]

    @staticmethod
    def _held(m: Module, value: Any, cycles: int, name: str) -> Any:
        """`value` so many cycles later."""
        for cycle in range(cycles):
            held = Signal(value.shape(), name=f"{name}_{cycle}", reset_less=True)
            m.d.sync += held.eq(value)
            value = held
        return value

    def _words(self, m: Module) -> list[dict[str, Staged]]:
        parameters = self.parameters
        if parameters is None:
            return [{}] * self.lanes
        m.submodules.parameters = parameters
        late = StateStore.read_cycles(self.groups) - ParameterStore.READ_CYCLES
        sweep = Cat(self.sweep.strobe, self.sweep.final, self.sweep.group)
        for cycle in range(late):  # with a reset: what counts strobes must not see one from before
            held = Signal(len(sweep), name=f"parameter_sweep_{cycle}")
            m.d.sync += held.eq(sweep)
            sweep = held
        m.d.comb += Cat(parameters.strobe, parameters.final, parameters.group).eq(sweep)
        words, ones = parameters.words, parameters.ones
        return [
            {name: Staged(words[k][name], 0, ones=ones[k][name]) for name in parameters.fields}
            for k in range(self.lanes)
        ]

    def _drive_update(self, m: Module, p: Pipeline, lanes: list[NeuronOutputs]) -> None:
        """Outputs, with the sweep's control delayed beside the pipeline."""
        control = Cat(self.sweep.strobe, self.sweep.final, self.sweep.last, self.sweep.group)
        for cycle in range(self.latency):
            held = Signal.like(control, name=f"control_{cycle}")
            m.d.sync += held.eq(control)
            control = held
        strobe, final, last, group = control[0], control[1], control[2], control[3:]
        update = self.update
        m.d.comb += [
            update.strobe.eq(strobe),
            update.final.eq(final),
            update.last.eq(last),
            update.group.eq(group),
        ]
        for k, lane in enumerate(lanes):
            m.d.comb += update.membranes[k].eq(lane.v.value)
            if lane.i is not None:
                m.d.comb += update.currents[k].eq(lane.i.value)
            if lane.tally is not None:
                m.d.comb += update.tallies[k].eq(lane.tally.value)
        m.d.comb += update.spikes.eq(self._spikes(lanes, final))

    def _spikes(self, lanes: list[NeuronOutputs], final: Value) -> Cat:
        """Spikes of all lanes; padding lanes of the final group stay silent."""
        bits = []
        for k, lane in enumerate(lanes):
            spike = Const(0, 1) if lane.spike is None else lane.spike.value
            bits.append(spike & (~final).replicate(len(spike)) if k >= self._padded_from else spike)
        return Cat(*bits)

    def _count_saturations(self, m: Module, p: Pipeline, lanes: list[NeuronOutputs]) -> None:
        """Flags of an update, without those of padding lanes; registers before they are added."""
        flags = []
        for k, lane in enumerate(lanes):
            there = self.update.strobe
            if k >= self._padded_from:
                there = there & ~self.update.final
            for which, overflow in enumerate(lane.overflows):
                counted = Signal(name=f"saturated_{which}_{k}")
                m.d.sync += counted.eq(p.delay(overflow(), lane.v.stage).value & there)
                flags.append((counted, 1))
        if flags:
            count, _ = pipelined_sum(m, flags, name="saturations")
            m.d.comb += self.saturations.eq(count)

    def _write_back(
        self, m: Module, store: StateStore, lanes: list[NeuronOutputs], states: data.ArrayLayout
    ) -> None:
        new = Signal(states)
        for k, lane in enumerate(lanes):
            for name in self._layout.members:
                m.d.comb += new[k][name].eq(getattr(lane, name).value)
        m.d.comb += [
            store.w_en.eq(self.update.strobe),
            store.w_group.eq(self.update.group),
            store.w_data.eq(new.as_value()),
        ]
