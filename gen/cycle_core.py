"""Timing of a core: from the tick that ends a step to the tokens that it sends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..hw.accumulators import early_cycles, early_free_cycles, lead_cycles, sweep_cycles
from ..hw.banked_accumulators import BankedAccumulators
from ..hw.core import accs_late_cycles
from ..hw.delay_bank import DELAYED_LEAD_CYCLES, delayed_free_cycles
from ..hw.lif import update_latency
from ..hw.params import AcceleratorParams, ReadoutKind
from ..hw.row_array import RowArray
from .cycle_ports import NEVER
from .cycle_serialiser import SerialiserClock
from .cycle_streams import Branch

__all__ = ["CoreClock"]


class CoreClock:
    """Cycle numbers of core `number`, an array over samples each."""

    def __init__(self, params: AcceleratorParams, number: int, samples: int, spikes: np.ndarray | None):
        core = params.cores[number]
        readout = params.readout if number in params.output_cores else ReadoutKind.SPIKES
        only_last = readout in (ReadoutKind.COUNTS, ReadoutKind.CLASS)
        tally = params.count_bits if only_last else None
        latency = update_latency(core.neuron, lanes=core.update_lanes, tally_bits=tally)
        groups = -(-core.neuron.neurons // core.update_lanes)
        self.gap = max(groups, latency + 1)
        if core.by_rows:
            self.to_start = RowArray.swap_cycles(core)
            self.free_after = BankedAccumulators.free_cycles(groups)
            to_strobe = BankedAccumulators.SWEEP_CYCLES
        else:
            late = accs_late_cycles(core, tally_bits=tally)
            early = early_cycles(core.array, groups, late)
            to_strobe = sweep_cycles(core.array, groups) - 1 - (late - early)
            if core.array.max_delay:
                free = delayed_free_cycles(core.array, groups, accs_late=late)
                self.to_start = DELAYED_LEAD_CYCLES + 1 - early
            else:
                free = early_free_cycles(core.array, groups, accs_late=late)
                self.to_start = lead_cycles(core.array) + 1 - early
            self.free_after = free + 2
        spike_bits = core.neuron.spike_bits if readout is ReadoutKind.SPIKES else 1
        self.to_strobe = to_strobe + latency
        never = np.full(samples, NEVER, np.int64)
        self.tick_free = never  # first cycle in which a tick may be taken
        self.start = never
        if readout is not ReadoutKind.SPIKES:
            spikes = np.ones((1, 1, core.neuron.neurons), np.uint8)  # every neuron sends its value
        assert spikes is not None
        self.serialiser = SerialiserClock(
            spikes, core.update_lanes, samples, spike_bits=spike_bits, only_last=only_last
        )

    def begin_sweep(self, tick: np.ndarray) -> None:
        """The step's tick reached the array in cycle `tick`: when its sweep starts."""
        room = self.serialiser.room()
        self.start = np.maximum.reduce([tick + self.to_start, self.start + self.gap, room])
        self.tick_free = self.start + self.free_after

    def emit(self, step: int, branches: Sequence[Branch], *, last: bool) -> None:
        """Send a step's events and tick to all `branches`."""
        self.serialiser.emit(step, self.start + self.to_strobe, branches, last=last)
