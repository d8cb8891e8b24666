"""Timing of a delay line: when it takes its source's tokens, and when it sends the steps that are due."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..hw.delay_line import DelayLine
from ..hw.params import LinkParams
from .cycle_ports import NEVER
from .cycle_serialiser import SerialiserClock
from .cycle_streams import Branch

__all__ = ["DelayBranch", "DelayClock", "delayed_counts"]


def delayed_counts(counts: np.ndarray, delay_steps: Sequence[int], *, recurrent: bool) -> np.ndarray:
    """Events of each step (samples, steps, channels), in the steps in which they arrive."""
    arrived = np.zeros_like(counts)
    steps = counts.shape[1]
    for channel, delay in enumerate(delay_steps):
        late = min(steps, delay + recurrent)
        arrived[:, late:, channel] = counts[:, : steps - late, channel]
    return arrived


class DelayClock:
    """Cycle numbers of a delay line, an array over samples each; `counts` are its source's events.

    With `values` an event carries one, so a channel sends at most one a step.
    """

    TO_STROBE = 1 + DelayLine.SCAN_CYCLES  # from a start to the serialiser's first group

    def __init__(self, link: LinkParams, counts: np.ndarray, *, values: bool = False):
        shape = link.line
        assert shape is not None
        arrived = delayed_counts(counts, link.delay_steps, recurrent=link.recurrent)
        self.samples, self.steps = counts.shape[:2]
        self.words = shape.words
        spike_bits = 1 if values else shape.count_bits
        self.serialiser = SerialiserClock(arrived, shape.lanes, self.samples, spike_bits=spike_bits)
        self.starts = [self.serialiser.room()] if link.recurrent else []  # of the scan of each step
        self.open = np.full(self.samples, NEVER, np.int64)  # cycle from which tokens are taken

    def tick(self, offered: np.ndarray) -> np.ndarray:
        """Take a tick, which lets the next step that is due be scanned."""
        taken = np.maximum(offered, self.open)
        start = np.maximum(taken + 1, self.serialiser.room())
        self.starts.append(start)
        self.open = start + 1 + self.words
        return taken

    def emit(self, step: int, branch: Branch) -> None:
        """Send the step that is due."""
        last = step == self.steps - 1
        self.serialiser.emit(step, self.starts[step] + self.TO_STROBE, [branch], last=last)


class DelayBranch(Branch):
    """One consumer of a source behind a delay line."""

    def __init__(self, line: DelayClock):
        super().__init__(None)
        self.line = line

    @property
    def opens(self) -> np.ndarray:
        """Cycle from which the line takes a token."""
        return self.line.open

    def event(self, offered: np.ndarray, mask: np.ndarray, index: np.ndarray, last: bool) -> np.ndarray:
        """Cycle in which the line takes an event."""
        return np.maximum(offered, self.line.open)

    def tick(self, offered: np.ndarray) -> np.ndarray:
        """Cycle in which the line takes the tick."""
        return self.line.tick(offered)
