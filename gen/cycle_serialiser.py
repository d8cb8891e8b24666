"""Timing of a serialiser: when the tokens of the groups that it was given leave."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..hw.serialiser import Serialiser
from .cycle_ports import NEVER, Port
from .cycle_streams import Branch, StageTimes

__all__ = ["SerialiserClock", "step_events"]


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

    def __init__(
        self, counts: np.ndarray, lanes: int, samples: int, *, spike_bits: int = 1, only_last: bool = False
    ):
        self.counts = counts
        self.lanes = lanes
        self.samples = samples
        self.only_last = only_last
        self.groups = -(-counts.shape[2] // lanes)
        self.latency = Serialiser.latency_cycles(groups=self.groups, lanes=lanes, spike_bits=spike_bits)
        self.known_silent = 1 if spike_bits > 1 else 0  # cycles from a strobe, beside one without counts
        self._events: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self.scanned = np.full(samples, NEVER, np.int64)  # when the latest token went to the output stages
        self.stages: list[StageTimes] = []
        self.words = Serialiser.queue_words(self.groups)  # that no sweep has taken, less one sweep's
        self.freed = np.zeros((samples, 0), np.int64)  # when words were given back that none has taken again

    def room(self) -> np.ndarray:
        """Cycle from which the next sweep may start: as many words as it has groups are free."""
        self.words -= self.groups
        lacking = -self.words
        if lacking <= 0:
            return np.full(self.samples, NEVER, np.int64)
        self.words = 0
        freed = np.partition(self.freed, lacking - 1, axis=1)
        self.freed = freed[:, lacking:]
        return freed[:, lacking - 1] + Serialiser.CREDIT_CYCLES

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

    def emit(self, step: int, strobe: np.ndarray, branches: Sequence[Branch], *, last: bool) -> None:
        """Send a step's events and tick to all `branches`; its first group comes in cycle `strobe`."""
        self.stages = self.stages or [StageTimes(self.samples) for _ in branches]
        sent, scan = not self.only_last or last, strobe + self.latency
        freed = (strobe + self.known_silent)[:, None] + np.arange(self.groups)
        if sent:
            index, count = self.events(step)
            scanned = self._send(scan[:, None] + index // self.lanes, index, count, branches, last)
            sample, place = np.nonzero(np.arange(index.shape[1]) < count[:, None])
            # of the events of a group, the last one
            freed[sample, index[sample, place] // self.lanes] = scanned[sample, place]
        self.scanned = freed[:, -1] = self._scan(scan + self.groups - 1, branches)
        self.freed = np.concatenate([self.freed, freed], axis=1)
        if sent:
            for branch, stage in zip(branches, self.stages, strict=True):
                stage.mark(branch.tick(self._offered(self.scanned, branch, stage)))

    def _scan(self, there: np.ndarray, branches: Sequence[Branch]) -> np.ndarray:
        """Cycle in which a token goes to all consumers' stages or queues: all of them have room."""
        rooms = [
            stage.before + 1 if branch.opens is None else branch.opens
            for branch, stage in zip(branches, self.stages, strict=True)
        ]
        return np.maximum.reduce([there, self.scanned + 1, *rooms])

    @staticmethod
    def _offered(scanned: np.ndarray, branch: Branch, stage: StageTimes) -> np.ndarray:
        """Cycle in which a consumer is offered what is scanned."""
        return np.maximum(scanned, stage.latest) + 1 if branch.opens is None else scanned

    def _send(
        self,
        there: np.ndarray,
        index: np.ndarray,
        count: np.ndarray,
        branches: Sequence[Branch],
        last: bool,
    ) -> np.ndarray:
        """Send a step's events, which can be scanned in the cycles `there` (samples, events).

        Returns when they are.
        """
        port = branches[0].port if len(branches) == 1 else None
        if port is not None and index.size:
            return self._send_all(port, there, index, count)
        found = np.empty_like(there)
        for place in range(index.shape[1]):
            mask, event = count > place, index[:, place]
            found[:, place] = scanned = self._scan(there[:, place], branches)
            self.scanned = np.where(mask, scanned, self.scanned)
            for branch, stage in zip(branches, self.stages, strict=True):
                offered = self._offered(scanned, branch, stage)
                stage.mark(branch.event(offered, mask, event, last), mask)
        return found

    def _send_all(self, port: Port, there: np.ndarray, index: np.ndarray, count: np.ndarray) -> np.ndarray:
        """The same to a single consumer, all events at once.

        An event is offered behind `there` and behind the one before it: the stage's room, which is there when
        the event before that one was taken, never delays it.
        """
        (stage,) = self.stages
        rooms = [stage.before[:, None], stage.latest[:, None]]
        taken = port.sequence(there, stage.latest, index, count)
        stage.mark(_at(taken, count - 2), count > 1)
        stage.mark(_at(taken, count - 1), count > 0)
        room = np.concatenate([*rooms, taken], axis=1)[:, : there.shape[1]] + 1
        place = np.arange(there.shape[1])
        scanned = np.maximum(there, room) - place
        scanned[:, 0] = np.maximum(scanned[:, 0], self.scanned + 1)
        scanned = np.maximum.accumulate(scanned, axis=1) + place
        self.scanned = np.where(count > 0, _at(scanned, count - 1), self.scanned)
        return scanned


def _at(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Each sample's value at its place; the first where that is negative."""
    return np.take_along_axis(values, np.maximum(place, 0)[:, None], axis=1)[:, 0]
