"""Cycles of a step in which every input channel and every neuron fires once: what event-driven work saves."""

from __future__ import annotations

import numpy as np

from ..hw.params import AcceleratorParams
from .cycle_ports import event_cycles

__all__ = ["dense_step_cycles"]


def dense_step_cycles(params: AcceleratorParams) -> int:
    """Cycles from one step to the next, as the slowest core allows.

    A lower bound: queues, merges and the pipelines of the layers are not counted. A core adds all its events
    and takes the tick, sweeps its neurons, or sends all their spikes, whichever takes longest.
    """
    return max(_core_cycles(params, number) for number in range(len(params.cores)))


def _core_cycles(params: AcceleratorParams, number: int) -> int:
    core = params.cores[number]
    if core.by_rows:
        events = int(np.sum(event_cycles(core, params.channels_last(number)))) + 1
    else:
        groups = core.array.groups
        events = core.array.sources * groups + (groups if core.array.max_delay else 1)
    sweep = -(-core.neuron.neurons // core.update_lanes)
    sends = bool(params.consumers(number)) or number in params.output_cores
    return max(events, sweep, core.neuron.neurons + 1 if sends and core.neuron.spiking else 1)
