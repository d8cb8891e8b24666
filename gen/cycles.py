"""Cycle prediction: exact, from the spikes of a sample, without simulating the hardware.

Every block's timing is a constant of its parameters, so a step is a handful of maxima over "when is it there"
and "when is there room" (max-plus algebra), computed for all samples at once. The definition of a sample's
cycles is in docs/timing.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..hw.accumulators import LEAD_CYCLES, early_free_cycles, sweep_cycles
from ..hw.argmax import Argmax
from ..hw.event_queue import EventQueue
from ..hw.lif import update_latency
from ..hw.params import AcceleratorParams, CoreParams, ReadoutKind
from ..hw.serialiser import Serialiser

__all__ = ["predict_cycles"]

_QUEUE_CYCLES = Serialiser.LATENCY_CYCLES - 1  # from a strobe to the cycle that scans the group


def predict_cycles(
    params: AcceleratorParams, counts: np.ndarray, spikes: Sequence[np.ndarray | None]
) -> np.ndarray:
    """Cycles of each sample, alone in the accelerator, with neither side ever waiting.

    Parameters
    ----------
    counts : ndarray
        (samples, steps, channels), input event counts.
    spikes : sequence of ndarray
        For each core (samples, steps, neurons), 0 or 1; None is allowed for an analog output core.

    Returns
    -------
    ndarray
        (samples,) int64, from the first token offered through the last tick taken, inclusive.
    """
    samples, steps = counts.shape[:2]
    events = counts.reshape(samples, steps, -1).sum(axis=2, dtype=np.int64)
    chain = [
        _CoreClock(core, params, samples, k == len(params.cores) - 1) for k, core in enumerate(params.cores)
    ]
    taken = np.full(samples, EventQueue.LATENCY_CYCLES - 1, np.int64)  # when the input's last token was taken
    for step in range(steps):
        last = step == steps - 1
        taken = taken + events[:, step] * chain[0].groups
        taken = tick = np.maximum(taken + 1, chain[0].tick_free)
        for core, after, fired in zip(chain, [*chain[1:], None], spikes, strict=True):
            core.begin_sweep(tick)
            tick = core.emit(core.tokens(fired, step, last), after, last)
    extra = Argmax.latency + 1 if params.readout is ReadoutKind.CLASS else 0
    return np.asarray(tick + extra + 1)


@dataclass
class _CoreClock:
    """Cycle numbers of one core, an array over samples each."""

    core: CoreParams
    params: AcceleratorParams
    samples: int
    output: bool

    def __post_init__(self) -> None:
        readout = self.params.readout if self.output else ReadoutKind.SPIKES
        self.only_last = readout in (ReadoutKind.COUNTS, ReadoutKind.CLASS)
        self.by_spikes = readout is ReadoutKind.SPIKES
        tally_bits = self.params.count_bits if self.only_last else None
        latency = update_latency(self.core.neuron, tally_bits=tally_bits)
        self.groups = self.core.array.groups
        self.sweep_groups = -(-self.core.neuron.neurons // self.core.update_lanes)
        self.gap = max(self.sweep_groups, latency + 1)
        self.free_after = early_free_cycles(self.sweep_groups) + 2
        self.to_scan = sweep_cycles(self.core.array) - 1 + latency + _QUEUE_CYCLES
        never = np.full(self.samples, -(1 << 40), np.int64)
        self.tick_free = never  # first cycle in which a tick may be taken
        self.start = never
        self.popped = [never] * Serialiser.SWEEPS  # final group of the latest sweeps
        self.room = never  # cycle in which the latest token left the serialiser

    def begin_sweep(self, tick: np.ndarray) -> None:
        """The step's tick was taken in cycle `tick`: when its sweep starts."""
        credit = self.popped[0] + 2
        self.start = np.maximum.reduce([tick + LEAD_CYCLES + 1, self.start + self.gap, credit])
        self.tick_free = self.start + self.free_after

    def tokens(self, fired: np.ndarray | None, step: int, last: bool) -> np.ndarray:
        """(samples, sweep groups) events that each group sends."""
        lanes = self.core.update_lanes
        neurons = self.core.neuron.neurons
        if self.by_spikes:
            assert fired is not None
            row = fired[:, step].reshape(self.samples, -1).astype(bool)
        else:
            row = np.full((self.samples, neurons), last or not self.only_last)
        padded = np.pad(row, ((0, 0), (0, self.sweep_groups * lanes - neurons)))
        return padded.reshape(self.samples, self.sweep_groups, lanes).sum(axis=2)

    def emit(self, tokens: np.ndarray, after: _CoreClock | None, last: bool) -> np.ndarray:
        """Send a step's events and tick to the core `after`; the cycle in which it took the tick."""
        service = 1 if after is None else after.groups
        popped = self.popped[-1]
        for group in range(self.sweep_groups):
            there = np.maximum(self.start + self.to_scan + group, popped + 1)
            first = np.maximum(there, self.room)
            sent = tokens[:, group]
            self.room = np.where(sent > 0, first + sent * service, self.room)
            popped = np.where(sent > 0, first + (sent - 1) * service, popped)
        scan = np.maximum(
            np.maximum(self.start + self.to_scan + self.sweep_groups - 1, self.room), popped + 1
        )
        final_first = tokens[:, -1] > 0  # the tick shares the final group's entry: no new entry to wait for
        scan = np.where(final_first, self.room, scan)
        self.popped = [*self.popped[1:], scan]
        if self.only_last and not last:
            self.room = scan
        else:
            self.room = scan + 1 if after is None else np.maximum(scan + 1, after.tick_free)
        return self.room
