"""Bits that a run reads and writes in the memories of an accelerator, from its spikes: exact, by arithmetic.

Registers are not memories: accumulators of few groups and states of a single one count as none here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..hw.accumulators import in_registers
from ..hw.lif import state_layout
from ..hw.parameter_store import parameter_fields
from ..hw.params import INPUT, AcceleratorParams, CoreParams, LinkParams, ReadoutKind
from .cycle_ports import event_cycles
from .neuron_order import neuron_order

__all__ = ["CoreTraffic", "core_events", "memory_cycles", "memory_traffic", "row_reads"]


@dataclass(frozen=True, kw_only=True)
class CoreTraffic:
    """Memory traffic of a core over all samples, in bits.

    Attributes
    ----------
    core : str
    events : int
        Events that reached its array.
    rows : int
        Words of the weight memory that were read for them.
    weights, parameters : int
        Read.
    accumulators, states : int
        Read and written, together.
    """

    core: str
    events: int
    rows: int
    weights: int
    accumulators: int
    states: int
    parameters: int

    @property
    def bits(self) -> int:
        """All of them."""
        return self.weights + self.accumulators + self.states + self.parameters


def memory_traffic(
    params: AcceleratorParams, counts: np.ndarray, spikes: Sequence[np.ndarray | None]
) -> tuple[CoreTraffic, ...]:
    """Memory traffic of each core; parameters are those of `predict_cycles`."""
    counts = _tokens(params, counts)
    sweeps = counts.shape[0] * counts.shape[1]
    return tuple(
        _core_traffic(params, number, core_events(params, number, counts, spikes), sweeps)
        for number in range(len(params.cores))
    )


def core_events(
    params: AcceleratorParams, number: int, counts: np.ndarray, spikes: Sequence[np.ndarray | None]
) -> np.ndarray:
    """Events that reach each row address of core `number`'s array in each step, (samples, steps, sources)."""
    links = params.links(number)
    return np.concatenate([_arrivals(link, _sent(params, link, counts, spikes)) for link in links], axis=2)


def _sent(
    params: AcceleratorParams, link: LinkParams, counts: np.ndarray, spikes: Sequence[np.ndarray | None]
) -> np.ndarray:
    """(samples, steps, channels) events at the source of a link, as it numbers them."""
    if link.source == INPUT:
        return counts[:, :, link.first : link.first + link.channels]
    sent = spikes[link.source]
    assert sent is not None
    order = neuron_order(params.cores[link.source])
    return sent if order is None else sent[:, :, order]


def _arrivals(link: LinkParams, sent: np.ndarray) -> np.ndarray:
    """Move events to the step in which they arrive; what would arrive behind a sample's end does not."""
    steps = sent.shape[1]
    late = np.broadcast_to(np.asarray(link.delay_steps or 0), link.channels) + int(link.recurrent)
    arriving = np.zeros_like(sent)
    for delay in np.unique(late[late < steps]):
        arriving[:, delay:, late == delay] = sent[:, : steps - delay, late == delay]
    return arriving


def row_reads(params: AcceleratorParams, number: int, arriving: np.ndarray) -> np.ndarray:
    """Words of core `number`'s weight memory that events (..., sources) read, (...)."""
    core = params.cores[number]
    if core.by_rows:
        return arriving @ event_cycles(core, params.channels_last(number))
    return arriving.sum(axis=-1, dtype=np.int64) * core.array.groups


def memory_cycles(
    params: AcceleratorParams, counts: np.ndarray, spikes: Sequence[np.ndarray | None]
) -> np.ndarray:
    """Cycles that each core's weight memory takes for the events of each step, (cores, samples, steps).

    A word a cycle: a sample takes longer than the busiest memory in all its steps. Parameters are those of
    `predict_cycles`.
    """
    counts = _tokens(params, counts)
    numbers = range(len(params.cores))
    return np.stack([row_reads(params, k, core_events(params, k, counts, spikes)) for k in numbers])


def _tokens(params: AcceleratorParams, counts: np.ndarray) -> np.ndarray:
    """Input tokens of each channel: where they carry values, one each, whatever its value."""
    counts = counts.reshape(*counts.shape[:2], -1)
    return (counts > 0).astype(np.uint8) if params.input_value_bits else counts


def _core_traffic(params: AcceleratorParams, number: int, arriving: np.ndarray, sweeps: int) -> CoreTraffic:
    core = params.cores[number]
    array, neuron = core.array, core.neuron
    rows = int(row_reads(params, number, arriving).sum())
    word = array.lanes * array.acc_bits
    in_memory = core.by_rows or array.max_delay > 0 or not in_registers(array)
    updates = sweeps * -(-neuron.neurons // core.update_lanes) * core.update_lanes
    field_bits = sum(shape.width for shape, _ in parameter_fields(neuron).values())
    return CoreTraffic(
        core=core.name,
        events=int(arriving.sum(dtype=np.int64)),
        rows=rows,
        weights=rows * array.row_bits,
        accumulators=(2 * rows + sweeps * array.groups) * word if in_memory else 0,
        states=2 * updates * _state_bits(params, number, core) if core.update_lanes < neuron.neurons else 0,
        parameters=updates * field_bits,
    )


def _state_bits(params: AcceleratorParams, number: int, core: CoreParams) -> int:
    tallied = number in params.output_cores and params.readout in (ReadoutKind.COUNTS, ReadoutKind.CLASS)
    return state_layout(core.neuron, tally_bits=params.count_bits if tallied else None).size
