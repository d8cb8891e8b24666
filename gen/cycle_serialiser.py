"""Timing of a serialiser: when the tokens of the groups that it was given leave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..hw.serialiser import Serialiser
from .cycle_ports import NEVER
from .cycle_streams import Branch

__all__ = ["QUEUE_CYCLES", "SerialiserClock", "step_events"]

QUEUE_CYCLES = Serialiser.LATENCY_CYCLES - 1
"""Cycles from a group's strobe to the one that scans it, where the queue is not deep."""


def step_events(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Events of a step in ascending order, from their counts (samples, channels).

    Returns
    -------
    tuple of ndarray
        Channels (samples, most events), 0 beyond a sample's own; events (samples,).
    """
    sample, channel = np.nonzero(counts)
    repeats = counts[sample, channel].astype(np.int64)
    sample, channel = np.repeat(sample, repeats), np.repeat(channel, repeats)
    total = np.bincount(sample, minlength=len(counts))
    place = np.arange(len(sample)) - np.repeat(np.cumsum(total) - total, total)
    index = np.zeros((len(counts), int(total.max(initial=0))), np.int64)
    index[sample, place] = channel
    return index, total


class SerialiserClock:
    """Cycle numbers of one serialiser, an array over samples each.

    `counts` (samples, steps, neurons) are the events that each neuron sends; a size of 1 stands for any.
    With `only_last` it sends nothing before the last step.
    """

    def __init__(self, counts: np.ndarray, lanes: int, samples: int, *, only_last: bool = False):
        self.counts = counts
        self.lanes = lanes
        self.samples = samples
        self.only_last = only_last
        self.groups = -(-counts.shape[2] // lanes)
        self._events: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        never = np.full(samples, NEVER, np.int64)
        self.popped = [never] * Serialiser.SWEEPS  # final group of the latest sweeps
        self.room = never  # cycle in which the latest token left

    @property
    def credit(self) -> np.ndarray:
        """Cycle from which a sweep may start, as far as the sweeps before it were sent."""
        return self.popped[0] + 2

    @property
    def most(self) -> int:
        """Events of the sample and step that has the most of them."""
        return int(self.counts.sum(axis=2, dtype=np.int64).max(initial=0))

    def events(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Events of a step: neurons (samples, most events), number (samples,)."""
        step = min(step, self.counts.shape[1] - 1)
        if step not in self._events:
            counts = np.broadcast_to(self.counts[:, step], (self.samples, self.counts.shape[2]))
            # what a recurrent link takes is a step old
            self._events = {k: e for k, e in self._events.items() if k >= step - 1}
            self._events[step] = step_events(counts)
        return self._events[step]

    def emit(self, step: int, scan: np.ndarray, branches: Sequence[Branch], *, last: bool) -> None:
        """Send a step's events and tick to all `branches`; its first group can be scanned in cycle `scan`."""
        silent = self.only_last and not last
        if not silent:
            self._send(scan, *self.events(step), branches, last)
        scan = np.maximum(scan + self.groups - 1, self.room)
        self.popped = [*self.popped[1:], scan]
        self.room = scan if silent else np.maximum.reduce([scan + 1, *(b.tick(scan + 1) for b in branches)])

    def _send(
        self, scan: np.ndarray, index: np.ndarray, count: np.ndarray, branches: Sequence[Branch], last: bool
    ) -> None:
        there = scan[:, None] + index // self.lanes
        port = branches[0].port if len(branches) == 1 else None
        if port is not None and index.size:
            taken = port.sequence(there, self.room, index, count)
            final = np.take_along_axis(taken, np.maximum(count - 1, 0)[:, None], axis=1)[:, 0]
            self.room = np.where(count > 0, final, self.room)
            return
        for place in range(index.shape[1]):
            mask, event = count > place, index[:, place]
            offered = np.maximum(there[:, place], self.room) + 1
            taken = [branch.event(offered, mask, event, last) for branch in branches]
            self.room = np.where(mask, np.maximum.reduce([offered, *taken]), self.room)
