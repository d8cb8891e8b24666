"""Timing of a synaptic array's events port: when an event is taken, and when the step's tick.

Arrays of cycle numbers have the shape (samples,), in a sequence (samples, tokens); a `mask` or `count` says
which samples have the token, or how many of the sequence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..hw.expander import QUEUE_CYCLES, ROOM_CYCLES, decode_cycles, expander_depth
from ..hw.params import CoreParams, LinkParams
from ..hw.row_walk import TICK_CYCLES

__all__ = ["NEVER", "DensePort", "ExpanderPort", "Port", "core_port", "event_cycles", "link_cycles"]

NEVER = -(1 << 40)
"""A cycle before all others."""


class DensePort:
    """An event takes `groups` cycles, a tick `tick_cycles`.

    `done`: when the latest token was taken; `ticked`: when the latest tick reached the accumulators;
    `tick_free`: first cycle for the next.
    """

    def __init__(self, samples: int, groups: int, *, tick_cycles: int = 1):
        self.groups = groups
        self.tick_cycles = tick_cycles
        self.done = self.ticked = self.tick_free = np.full(samples, NEVER, np.int64)

    def event(self, offered: np.ndarray, mask: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Cycle in which an event is taken."""
        taken = np.maximum(offered, self.done + 1) + self.groups - 1
        self.done = np.where(mask, taken, self.done)
        return taken

    def tick(self, offered: np.ndarray) -> np.ndarray:
        """Cycle in which the step's tick is taken."""
        begun = np.maximum.reduce([offered, self.done + 1, self.tick_free])
        self.done = self.ticked = begun + self.tick_cycles - 1
        return self.done

    def sequence(
        self, there: np.ndarray, room: np.ndarray, index: np.ndarray, count: np.ndarray
    ) -> np.ndarray:
        """Cycles in which events are taken, each offered behind `there` and behind the one before it.

        `room`: when what was offered before them was taken.
        """
        place = np.arange(1, there.shape[1] + 1) * self.groups
        begun = np.maximum.accumulate(there + self.groups - place, axis=1)
        taken = np.maximum(begun, np.maximum(room, self.done)[:, None]) + place
        self.done = np.where(count > 0, _last(taken, count), self.done)
        return taken


class ExpanderPort:
    """A FIFO of `depth` tokens, passed in `latency`, then a walk that event i occupies for ``cycles[i]``.

    Attributes as of `DensePort`; `reads`: when the walk took each of the latest `depth` tokens, oldest first;
    `free`: when it can take the next.
    """

    def __init__(self, samples: int, cycles: np.ndarray, *, depth: int, latency: int):
        self.cycles = cycles
        self.latency = latency
        self.done = self.ticked = self.tick_free = self.free = np.full(samples, NEVER, np.int64)
        self.reads = np.full((samples, depth), NEVER, np.int64)

    def event(self, offered: np.ndarray, mask: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Cycle in which an event is taken."""
        taken = np.maximum.reduce([offered, self.done + 1, self.reads[:, 0] + ROOM_CYCLES])
        read = self._read(taken, mask)
        self.free = np.where(mask, read + self.cycles[np.where(mask, index, 0)], self.free)
        self.done = np.where(mask, taken, self.done)
        return taken

    def tick(self, offered: np.ndarray) -> np.ndarray:
        """Cycle in which the step's tick is taken."""
        self.done = np.maximum.reduce([offered, self.done + 1, self.reads[:, 0] + ROOM_CYCLES])
        read = self._read(self.done, np.ones(len(offered), bool))
        self.free = self.ticked = np.maximum(read + TICK_CYCLES, self.tick_free)
        return self.done

    def _read(self, taken: np.ndarray, mask: np.ndarray) -> np.ndarray:
        read = np.maximum(taken + self.latency, self.free)
        shifted = np.concatenate([self.reads[:, 1:], read[:, None]], axis=1)
        self.reads = np.where(mask[:, None], shifted, self.reads)
        return read

    def sequence(
        self, there: np.ndarray, room: np.ndarray, index: np.ndarray, count: np.ndarray
    ) -> np.ndarray:
        """As of `DensePort`.

        A full FIFO delays its source, never the walk: the token that waits is let in as the one `depth`
        before it is read, and `depth` = `latency` + `ROOM_CYCLES`. So reads are those of an endless FIFO.
        """
        place = np.arange(1, there.shape[1] + 1)
        before = np.maximum(room, self.done)[:, None]
        offered = np.maximum(np.maximum.accumulate(there + 1 - place, axis=1), before) + place
        cycles = self.cycles[index]
        spent = np.cumsum(cycles, axis=1)
        begun = np.maximum.accumulate(offered + self.latency - (spent - cycles), axis=1)
        over = np.maximum(begun, self.free[:, None]) + spent
        reads = np.concatenate([self.reads, over - cycles], axis=1)
        depth = self.reads.shape[1]
        taken = np.maximum(offered, reads[:, : there.shape[1]] + ROOM_CYCLES)
        self.reads = np.take_along_axis(reads, count[:, None] + np.arange(depth), axis=1)
        self.free = np.where(count > 0, _last(over, count), self.free)
        self.done = np.where(count > 0, _last(taken, count), self.done)
        return taken


Port = DensePort | ExpanderPort


def _last(values: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Value of each sample's last token."""
    return np.take_along_axis(values, np.maximum(count - 1, 0)[:, None], axis=1)[:, 0]


def core_port(samples: int, core: CoreParams, channels_last: Sequence[bool]) -> Port:
    """Port of a core's array."""
    if not core.by_rows:
        groups = core.array.groups
        return DensePort(samples, groups, tick_cycles=groups if core.array.max_delay else 1)
    return ExpanderPort(
        samples,
        event_cycles(core, channels_last),
        depth=expander_depth(core, channels_last),
        latency=decode_cycles(core, channels_last) + QUEUE_CYCLES,
    )


def event_cycles(core: CoreParams, channels_last: Sequence[bool]) -> np.ndarray:
    """Cycles that each event index occupies the row walk of a core `by_rows`."""
    shape = {"groups": core.array.groups, "lanes": core.array.lanes}
    return np.concatenate(
        [
            link_cycles(link, **shape, channels_last=last)
            for link, last in zip(core.links, channels_last, strict=True)
        ]
    )


def link_cycles(link: LinkParams, *, groups: int, lanes: int, channels_last: bool = False) -> np.ndarray:
    """Cycles of an event of each channel of a link into a core of that many groups and lanes."""
    if link.lists:
        return np.maximum(1, link.lists)
    if link.conv is None:
        return np.full(link.channels, groups)
    axes = (link.conv.rows, link.conv.columns)
    lines, columns = (np.array([len(axis.taps(k)) for k in range(axis.size)]) for axis in axes)
    taps = np.outer(lines, columns).ravel() * link.conv.tap_rows(lanes)
    channels = link.conv.channels
    return np.maximum(1, np.repeat(taps, channels) if channels_last else np.tile(taps, channels))
