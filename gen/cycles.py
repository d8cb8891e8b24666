"""Cycle prediction: exact, from the spikes of a sample, without simulating the hardware.

Every block's timing is a constant of its parameters, so a step is a handful of maxima over "when is it there"
and "when is there room" (max-plus algebra), computed for all samples at once: step by step, and in a step
core by core, since a core waits only for earlier cores of its step or for earlier steps.
The definition of a sample's cycles is in docs/timing.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..hw.argmax import Argmax
from ..hw.event_queue import EventQueue
from ..hw.params import INPUT, AcceleratorParams, CoreParams, LinkParams, ReadoutKind
from ..hw.router import needs_queue, queue_steps
from ..hw.step_queue import queue_depth
from .cycle_core import CoreClock
from .cycle_delays import DelayBranch, DelayClock
from .cycle_ports import DensePort, core_port
from .cycle_serialiser import step_events
from .cycle_streams import Branch, Entry, FanBranch, MergedEntry, QueueBranch, QueueTimes, StageTimes
from .neuron_order import neuron_order

__all__ = ["predict_cycles"]

_CHUNK_TOKENS = 1 << 24  # cycle numbers kept at a time


def predict_cycles(
    params: AcceleratorParams, counts: np.ndarray, spikes: Sequence[np.ndarray | None]
) -> np.ndarray:
    """Cycles of each sample, alone in the accelerator, with neither side ever waiting.

    Parameters
    ----------
    counts : ndarray
        (samples, steps, channels...), input event counts (or values, where the input carries such); tokens of
        a step come in ascending order.
    spikes : sequence of ndarray
        For each core (samples, steps, neurons), spike counts; None is allowed for an analog core.

    Returns
    -------
    ndarray
        (samples,) int64, from the first token offered through the last tick taken, inclusive.
    """
    counts = counts.reshape(*counts.shape[:2], -1)
    if params.input_value_bits:
        counts = (counts > 0).astype(np.uint8)  # a token each, whatever its value
    tokens = counts.shape[1] * (1 + sum(params.step_events(k) for k in range(len(params.cores))))
    size = max(1, _CHUNK_TOKENS // tokens)
    parts = [slice(start, start + size) for start in range(0, len(counts), size)]
    cycles = [
        _Clockwork(params, counts[part], [None if s is None else s[part] for s in spikes]).run()
        for part in parts
    ]
    return np.concatenate(cycles) if cycles else np.zeros(0, np.int64)


def _in_order(core: CoreParams, spikes: np.ndarray | None) -> np.ndarray | None:
    """Spikes in the order in which the core sends them."""
    order = neuron_order(core)
    return spikes if spikes is None or order is None else spikes[:, :, order]


class _Clockwork:
    """All streams and cores of an accelerator, for some samples."""

    def __init__(self, params: AcceleratorParams, counts: np.ndarray, spikes: Sequence[np.ndarray | None]):
        self.params = params
        self.counts = counts
        self.samples, self.steps = counts.shape[:2]
        self.cores = [
            CoreClock(params, k, self.samples, _in_order(params.cores[k], spikes[k]))
            for k in range(len(params.cores))
        ]
        self.lines: dict[tuple[int, int], DelayClock] = {}
        self.queues: dict[tuple[int, int], QueueTimes] = {}
        self.branches: dict[int, list[tuple[LinkParams | None, Branch]]] = {
            k: [] for k in range(INPUT, len(self.cores))
        }
        self.entries = [self._entry(k) for k in range(len(self.cores))]
        self.stages = [StageTimes(self.samples) for _ in self.branches[INPUT]]
        self.output_queues: list[QueueTimes] = []
        self.output = self._output()

    def run(self) -> np.ndarray:
        """Cycles of each sample."""
        offered = np.full(self.samples, EventQueue.LATENCY_CYCLES, np.int64)
        end = offered
        for step in range(self.steps):
            offered = self._send_input(step, offered)
            for number in range(len(self.cores)):
                self._step_core(number, step)
            end = self._finish_output(step)
        extra = Argmax.latency + 1 if self.params.readout is ReadoutKind.CLASS else 0
        return end + extra + 1

    def _entry(self, number: int) -> Entry:
        """Entry of a core, and the branches that lead to it."""
        links, fanned = self.params.links(number), self.params.fanned(number)
        port = core_port(self.samples, self.params.cores[number], self.params.channels_last(number))
        several = len(links) - max(0, fanned - 1) > 1
        entry = (MergedEntry if several else Entry)(port)
        if fanned > 1:
            ranges = [(link.first, link.channels) for link in links[:fanned]]
            self.branches[INPUT].append((None, FanBranch(entry, ranges, silent=several)))
        for place, link in enumerate(links):
            if fanned > 1 and place < fanned:
                continue
            branch = Branch(entry, base=self._base(number, place) - link.first, silent=several)
            if link.delay_steps:
                values = link.source == INPUT and self.params.input_value_bits > 0
                line = DelayClock(link, self._source_counts(link), values=values)
                self.lines[number, place] = line
                branch = DelayBranch(line)
            elif needs_queue(place):
                depth = queue_depth(self.params.step_events(link.source), queue_steps(number, link))
                queue = self._queue(link.source, depth, recurrent=link.recurrent)
                self.queues[number, place] = queue
                branch = QueueBranch(queue)
            self.branches[link.source].append((link, branch))
        return entry

    def _source_counts(self, link: LinkParams) -> np.ndarray:
        """(samples, steps, channels) events that enter a link."""
        if link.source == INPUT:
            return self.counts[:, :, link.first : link.first + link.channels]
        return self.cores[link.source].serialiser.counts

    def _base(self, number: int, place: int) -> int:
        """Index in a core's array of the first source of a link."""
        return sum(link.channels for link in self.params.links(number)[:place])

    def _queue(self, source: int, depth: int, *, recurrent: bool) -> QueueTimes:
        tokens = self.steps * (1 + self.cores[source].serialiser.most)
        return QueueTimes(self.samples, tokens, depth=depth, recurrent=recurrent)

    def _output(self) -> Entry:
        outputs = self.params.output_cores
        entry = (Entry if len(outputs) == 1 else MergedEntry)(DensePort(self.samples, 1))
        for place, number in enumerate(outputs):
            branch = Branch(entry, silent=len(outputs) > 1)
            if needs_queue(place):
                depth = queue_depth(self.params.step_events(number), 1)
                queue = self._queue(number, depth, recurrent=False)
                self.output_queues.append(queue)
                branch = QueueBranch(queue)
            self.branches[number].append((None, branch))
        return entry

    def _send_input(self, step: int, offered: np.ndarray) -> np.ndarray:
        """Offer a step's events and tick to whoever takes the input; when the next token can be offered."""
        branches = self.branches[INPUT]
        if len(branches) > 1:
            return self._send_input_to_several(step, offered)
        (link, branch), (index, total) = branches[0], step_events(self.counts[:, step])
        if branch.port is not None and self._whole(link) and index.size:
            there = np.broadcast_to(offered[:, None] - 1, index.shape)
            taken = branch.port.sequence(there, offered - 1, index, total)
            final = np.take_along_axis(taken, np.maximum(total - 1, 0)[:, None], axis=1)[:, 0]
            offered = np.where(total > 0, final + 1, offered)
        else:
            for place in range(index.shape[1]):
                mask, channel = total > place, index[:, place]
                mine = mask & self._takes(link, channel)
                taken = np.where(mine, branch.event(offered, mine, channel, False), offered)
                offered = np.where(mask, taken + 1, offered)
        return branch.tick(offered) + 1

    def _send_input_to_several(self, step: int, offered: np.ndarray) -> np.ndarray:
        """The same behind a multicast: each consumer has an output stage."""
        branches = self.branches[INPUT]
        index, total = step_events(self.counts[:, step])
        for place in range(index.shape[1]):
            mask, channel = total > place, index[:, place]
            scanned = self._room(offered)
            for (link, branch), stage in zip(branches, self.stages, strict=True):
                mine = mask & self._takes(link, channel)
                there = np.maximum(scanned, stage.latest) + 1
                stage.mark(np.where(mine, branch.event(there, mine, channel, False), there), mask)
            offered = np.where(mask, scanned + 1, offered)
        scanned = self._room(offered)
        for (_, branch), stage in zip(branches, self.stages, strict=True):
            stage.mark(branch.tick(np.maximum(scanned, stage.latest) + 1))
        return scanned + 1

    def _room(self, offered: np.ndarray) -> np.ndarray:
        """When all of the input's stages have room for a token."""
        return np.maximum.reduce([offered, *(stage.before + 1 for stage in self.stages)])

    def _whole(self, link: LinkParams | None) -> bool:
        return link is not None and link.channels == self.params.channels

    @staticmethod
    def _takes(link: LinkParams | None, channel: np.ndarray) -> np.ndarray:
        """Whether a link takes a channel; a channel fan, which has no one link, looks for itself."""
        if link is None:
            return np.ones(len(channel), bool)
        return (channel >= link.first) & (channel < link.first + link.channels)

    def _step_core(self, number: int, step: int) -> None:
        """Read the core's delay lines and queues, then sweep and send its output."""
        core, entry = self.cores[number], self.entries[number]
        links = self.params.links(number)
        for place, link in enumerate(links):
            base, final = self._base(number, place), place == len(links) - 1
            if (number, place) in self.lines:
                self.lines[number, place].emit(step, Branch(entry, base=base, silent=not final))
            elif (number, place) in self.queues:
                queue = self.queues[number, place]
                self._read(entry, queue, self._sent(link, step), step, base, final=final)
        core.begin_sweep(entry.port.ticked)
        entry.port.tick_free = core.tick_free
        core.emit(step, [branch for _, branch in self.branches[number]], last=step == self.steps - 1)

    def _sent(self, link: LinkParams, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Events that a link brings in a step."""
        if link.recurrent and not step:
            return step_events(np.zeros((self.samples, 1), np.uint8))
        return self.cores[link.source].serialiser.events(step - link.recurrent)

    def _read(
        self,
        entry: Entry,
        queue: QueueTimes,
        events: tuple[np.ndarray, np.ndarray],
        step: int,
        base: int,
        *,
        final: bool,
    ) -> None:
        """Take a step's events and tick from a queue."""
        assert isinstance(entry, MergedEntry)
        index, count = events
        for place in range(index.shape[1]):
            mask = count > place
            queue.mark_read(entry.event(queue.oldest(), mask, index[:, place] + base), mask)
        everywhere = np.ones(self.samples, bool)
        stored = step > 0 or not queue.recurrent
        offered = queue.oldest() if stored else np.zeros(self.samples, np.int64)
        if final:
            entry.tick(offered)
        else:
            entry.silent_tick(offered)
        if stored:
            queue.mark_read(entry.merged, everywhere)

    def _finish_output(self, step: int) -> np.ndarray:
        """Read the queued outputs; when the output's tick was taken."""
        for place, queue in enumerate(self.output_queues, 1):
            core = self.cores[self.params.output_cores[place]]
            final = place == len(self.output_queues)
            self._read(self.output, queue, core.serialiser.events(step), step, 0, final=final)
        return self.output.port.done
