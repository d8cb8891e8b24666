"""Timing of the streams between cores: when a token offered in cycle V is taken.

Arrays of cycle numbers have the shape (samples,). A `mask` says which samples have the token. The blocks
are those of hw/router.py; what each does to a token's time is in docs/timing.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..hw.fifo import Fifo
from ..hw.step_queue import queue_kind
from .cycle_ports import NEVER, Port

__all__ = ["Branch", "Entry", "FanBranch", "MergedEntry", "QueueBranch", "QueueTimes", "StageTimes"]


class Entry:
    """Where a core (or the output) takes tokens straight from its source."""

    def __init__(self, port: Port):
        self.port = port

    def event(self, offered: np.ndarray, mask: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Cycle in which the event `index` of the core is taken."""
        return self.port.event(offered, mask, index)

    def tick(self, offered: np.ndarray) -> np.ndarray:
        """Cycle in which the step's tick is taken."""
        return self.port.tick(offered)


class MergedEntry(Entry):
    """The same behind a step merge, whose output stage holds two tokens."""

    def __init__(self, port: Port):
        super().__init__(port)
        self.merged = port.done  # when the merge took its latest token
        self.before = port.done  # when the core took the token before its latest one

    def _merge(self, offered: np.ndarray) -> np.ndarray:
        return np.maximum.reduce([offered, self.merged + 1, self.before + 1])

    def event(self, offered: np.ndarray, mask: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Cycle in which the merge takes an event."""
        taken = self._merge(offered)
        self.merged = np.where(mask, taken, self.merged)
        self.before = np.where(mask, self.port.done, self.before)
        self.port.event(taken + 1, mask, index)
        return taken

    def silent_tick(self, offered: np.ndarray) -> np.ndarray:
        """Cycle in which the merge takes the tick of a stream that is not its last."""
        self.merged = self._merge(offered)
        return self.merged

    def tick(self, offered: np.ndarray) -> np.ndarray:
        """Cycle in which the core takes the tick that the merge made of the last stream's."""
        self.merged = self._merge(offered)
        self.before = self.port.done
        return self.port.tick(self.merged + 1)


class QueueTimes:
    """When the tokens of a step queue were written and read: one row a sample, in their order."""

    def __init__(self, samples: int, tokens: int, *, depth: int, recurrent: bool):
        self.places = Fifo.places(depth)
        self.latency = queue_kind(depth).LATENCY_CYCLES
        self.behind = self.latency - 1  # registers behind the memory
        self.recurrent = recurrent
        self.rows = np.arange(samples)
        self.visible = np.full((samples, tokens + 1), NEVER, np.int64)
        self.read = np.full((samples, tokens + 1), NEVER, np.int64)
        self.written = np.zeros(samples, np.int64)
        self.taken = np.zeros(samples, np.int64)

    def write(self, offered: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Cycle in which the queue takes a token."""
        taken = np.maximum(offered, self.room())
        rows, places = self.rows[mask], self.written[mask]
        self.visible[rows, places] = taken[mask] + self.latency
        self.written = self.written + mask
        return taken

    def room(self) -> np.ndarray:
        """Cycle from which the next token can be taken."""
        return self._left_memory(self.written - self.places) + 2

    def _left_memory(self, place: np.ndarray) -> np.ndarray:
        """Cycle in which a token went from the memory into the registers behind it."""
        came = self.visible[self.rows, np.maximum(place, 0)] - self.latency + 1
        freed = self.read[self.rows, np.maximum(place - self.behind, 0)]
        left = np.where(place >= self.behind, np.maximum(came, freed), came)
        return np.where(place >= 0, left, NEVER)

    def oldest(self) -> np.ndarray:
        """Cycle from which the next token can be read."""
        return self.visible[self.rows, np.minimum(self.taken, self.visible.shape[1] - 1)]

    def mark_read(self, taken: np.ndarray, mask: np.ndarray) -> None:
        """The oldest token was read in cycle `taken`."""
        self.read[self.rows[mask], self.taken[mask]] = taken[mask]
        self.taken = self.taken + mask


class StageTimes:
    """When a consumer's output stage let go of its latest two tokens: two are its room."""

    def __init__(self, samples: int):
        self.latest = self.before = np.full(samples, NEVER, np.int64)

    def mark(self, taken: np.ndarray, mask: np.ndarray | bool = True) -> None:
        """The consumer took a token."""
        self.before = np.where(mask, self.latest, self.before)
        self.latest = np.where(mask, taken, self.latest)


class Branch:
    """One consumer of a source: the entry of a core, or the output."""

    def __init__(self, entry: Entry | None, *, base: int = 0, silent: bool = False):
        self.entry = entry
        self.base = base  # index in the entry of the source's first
        self.silent = silent  # other streams follow in the merge: its tick ends nothing

    @property
    def opens(self) -> np.ndarray | None:
        """Cycle from which it takes a token, where it needs no output stage before it."""
        return None

    @property
    def port(self) -> Port | None:
        """The port itself, where nothing stands before it."""
        return self.entry.port if type(self.entry) is Entry else None

    def event(self, offered: np.ndarray, mask: np.ndarray, index: np.ndarray, last: bool) -> np.ndarray:
        """Cycle in which the event `index` of the source is taken."""
        assert self.entry is not None
        return self.entry.event(offered, mask, index + self.base)

    def tick(self, offered: np.ndarray) -> np.ndarray:
        """Cycle in which the tick is taken."""
        if self.silent:
            assert isinstance(self.entry, MergedEntry)
            return self.entry.silent_tick(offered)
        assert self.entry is not None
        return self.entry.tick(offered)


class FanBranch(Branch):
    """The entry of a core behind a channel fan: a copy of an event for each range that has its channel."""

    def __init__(self, entry: Entry, ranges: Sequence[tuple[int, int]], *, silent: bool = False):
        super().__init__(entry, silent=silent)
        self.ranges = ranges  # first channel and number of channels

    def event(self, offered: np.ndarray, mask: np.ndarray, index: np.ndarray, last: bool) -> np.ndarray:
        """Cycle in which the last copy of an event is taken; that of its offer, if there is none."""
        assert self.entry is not None
        base, taken, begun = 0, offered, offered
        for first, channels in self.ranges:
            mine = mask & (index >= first) & (index < first + channels)
            copied = self.entry.event(begun, mine, index - first + base)
            taken = np.where(mine, copied, taken)
            begun = np.where(mine, copied + 1, begun)
            base += channels
        return taken


class QueueBranch(Branch):
    """One consumer of a source behind a step queue."""

    def __init__(self, times: QueueTimes):
        super().__init__(None)
        self.times = times

    @property
    def opens(self) -> np.ndarray:
        """Cycle from which the queue has room."""
        return self.times.room()

    def event(self, offered: np.ndarray, mask: np.ndarray, index: np.ndarray, last: bool) -> np.ndarray:
        """Cycle in which the queue takes an event; it drops those that no step follows."""
        if last and self.times.recurrent:
            return np.maximum(offered, self.times.room())
        return self.times.write(offered, mask)

    def tick(self, offered: np.ndarray) -> np.ndarray:
        """Cycle in which the queue takes the tick."""
        return self.times.write(offered, np.ones(len(offered), bool))
