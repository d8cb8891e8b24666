"""Timing of a core: from the tick that ends a step to the tokens that it sends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..hw.accumulators import LEAD_CYCLES, early_free_cycles, sweep_cycles
from ..hw.lif import update_latency
from ..hw.params import AcceleratorParams, ReadoutKind
from ..hw.serialiser import Serialiser
from .cycle_streams import NEVER, Branch, Entry

__all__ = ["CoreClock"]

_QUEUE_CYCLES = Serialiser.LATENCY_CYCLES - 1  # from a strobe to the cycle that scans the group


class CoreClock:
    """Cycle numbers of core `number`, an array over samples each.

    `tokens` (samples, steps, sweep groups) are the events that each group sends.
    """

    def __init__(self, params: AcceleratorParams, number: int, samples: int, spikes: np.ndarray | None):
        self.core = params.cores[number]
        readout = params.readout if number in params.output_cores else ReadoutKind.SPIKES
        self.only_last = readout in (ReadoutKind.COUNTS, ReadoutKind.CLASS)
        latency = update_latency(self.core.neuron, tally_bits=params.count_bits if self.only_last else None)
        lanes, neurons = self.core.update_lanes, self.core.neuron.neurons
        self.groups = -(-neurons // lanes)
        self.gap = max(self.groups, latency + 1)
        self.free_after = early_free_cycles(self.groups) + 2
        self.to_scan = sweep_cycles(self.core.array) - 1 + latency + _QUEUE_CYCLES
        never = np.full(samples, NEVER, np.int64)
        self.tick_free = never  # first cycle in which a tick may be taken
        self.start = never
        self.popped = [never] * Serialiser.SWEEPS  # final group of the latest sweeps
        self.room = never  # cycle in which the latest token left the serialiser
        assert readout is not ReadoutKind.SPIKES or spikes is not None
        self.tokens = self._tokens(spikes, readout, lanes, neurons)

    def _tokens(
        self, spikes: np.ndarray | None, readout: ReadoutKind, lanes: int, neurons: int
    ) -> np.ndarray:
        if readout is ReadoutKind.SPIKES:
            assert spikes is not None
            padded = np.pad(spikes, ((0, 0), (0, 0), (0, self.groups * lanes - neurons)))
            return padded.reshape(*spikes.shape[:2], self.groups, lanes).sum(axis=3, dtype=np.int64)
        sizes = np.full(self.groups, lanes)
        sizes[-1] = neurons - (self.groups - 1) * lanes
        return sizes[None, None]

    def sent(self, step: int) -> np.ndarray:
        """(samples,) events sent in a step."""
        return self._groups_of(step).sum(axis=1)

    def _groups_of(self, step: int) -> np.ndarray:
        tokens = self.tokens[:, min(step, self.tokens.shape[1] - 1)]
        return np.broadcast_to(tokens, (len(self.room), self.groups))

    def begin_sweep(self, tick: np.ndarray) -> None:
        """The step's tick was taken in cycle `tick`: when its sweep starts."""
        credit = self.popped[0] + 2
        self.start = np.maximum.reduce([tick + LEAD_CYCLES + 1, self.start + self.gap, credit])
        self.tick_free = self.start + self.free_after

    def emit(self, step: int, branches: Sequence[Branch], *, last: bool) -> None:
        """Send a step's events and tick to all `branches`."""
        silent = self.only_last and not last
        tokens = self._groups_of(step) * (0 if silent else 1)
        for group in range(self.groups):
            self._send_group(tokens[:, group], self.start + self.to_scan + group, branches, last)
        scan = np.maximum(self.start + self.to_scan + self.groups - 1, self.room)
        self.popped = [*self.popped[1:], scan]
        self.room = scan if silent else np.maximum.reduce([scan, *(b.tick(scan + 1) for b in branches)])

    def _send_group(
        self, sent: np.ndarray, there: np.ndarray, branches: Sequence[Branch], last: bool
    ) -> None:
        """Send the events of a group that can be scanned from cycle `there` on."""
        if len(branches) == 1 and type(branches[0].entry) is Entry:
            self._send_straight(sent, there, branches[0].entry)
            return
        scan = np.maximum(there, self.room)
        for place in range(int(sent.max(initial=0))):
            mask = sent > place
            taken = np.maximum.reduce(
                [scan + 1, *(branch.event(scan + 1, mask, last) for branch in branches)]
            )
            self.room = np.where(mask, taken, self.room)
            scan = np.where(mask, taken, scan)

    def _send_straight(self, sent: np.ndarray, there: np.ndarray, entry: Entry) -> None:
        """The same in one go: tokens to a single consumer follow each other by its service time."""
        any_sent = sent > 0
        end = np.maximum(there, self.room) + sent * entry.groups
        self.room = np.where(any_sent, end, self.room)
        entry.done = np.where(any_sent, end, entry.done)
