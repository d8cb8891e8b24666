"""The one walk over a network's topology that the float reference and the golden model share.

Populations are grouped into blocks. Within a block spikes feed back from one step to the next, so
its populations run side by side, step by step; between blocks everything of a window of steps is
known, so the synaptic input of all its steps and samples is summed at once (`projection`). A feed-forward
population is a block of its own without inner projections, and takes all steps at once.

Samples are taken in chunks and steps in windows, so the working memory grows with neither.
Inside, arrays are (steps, samples, neurons): what one step needs is contiguous.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from ...gen.errors import UserError
from ...gen.ir import Network, Projection, QuantisedNetwork, QuantisedProjection
from .projection import Synapses
from .rule import Outcome, Rule
from .run import Run, Tape

__all__ = ["Block", "make_blocks", "traverse"]

AnyNetwork = Network | QuantisedNetwork
AnyProjection = Projection | QuantisedProjection

_CHUNK_SAMPLES = 256  # the states of a chunk stay in the cache
_WINDOW_BYTES = 1 << 25  # of the widest matrix of a window


class Block(NamedTuple):
    """Populations that run step by step together.

    `inner` are the projections among them, `outer` those that come from inputs and earlier blocks.
    """

    names: tuple[str, ...]
    inner: tuple[AnyProjection, ...]
    outer: tuple[AnyProjection, ...]


def make_blocks(network: AnyNetwork) -> tuple[Block, ...]:
    """Split the populations, in their order, wherever no recurrent projection leads back across.

    Raises
    ------
    UserError
        A projection goes backward without being recurrent, or starts at a population without spikes.
    """
    place = {population.name: k for k, population in enumerate(network.populations)}
    joined = [False] * len(network.populations)  # joined[k]: in one block with the population before
    for projection in network.projections:
        first, last = place[projection.target], place.get(projection.source, -1)
        if last >= 0 and not network.populations[last].spiking:
            raise UserError(f"Population {projection.source} has no spikes to send to {projection.target}")
        if last >= first and not projection.recurrent:
            raise UserError(f"Projection {projection.name} goes backward, so it must be recurrent")
        joined[first + 1 : last + 1] = [True] * max(0, last - first)
    starts = [k for k, join in enumerate(joined) if not join] + [len(joined)]
    groups = (network.populations[a:b] for a, b in itertools.pairwise(starts))
    return tuple(_block(network, tuple(p.name for p in group)) for group in groups)


def _block(network: AnyNetwork, names: tuple[str, ...]) -> Block:
    into = [p for p in network.projections if p.target in names]
    inner = tuple(p for p in into if p.source in names)
    return Block(names, inner, tuple(p for p in into if p.source not in names))


def traverse(
    network: AnyNetwork,
    rules: Mapping[str, Rule],
    x: np.ndarray,
    *,
    record: bool = False,
    keep: Collection[str] | None = None,
) -> Run:
    """Run `network` with one rule a population.

    Parameters
    ----------
    network : Network or QuantisedNetwork
    rules : mapping of str to Rule
        By population.
    x : ndarray
        (samples, steps, channels), uint8.
    record : bool
        Keep membranes and synaptic currents too.
    keep : collection of str or None
        Populations whose arrays are kept, beside the outputs; None: all.

    Returns
    -------
    Run

    Raises
    ------
    UserError
        See `make_blocks`.
    """
    samples, steps = x.shape[:2]
    tape = Tape(network, rules, samples=samples, steps=steps, record=record, keep=keep)
    blocks = make_blocks(network)
    synapses = {p.name: Synapses(p, rules[p.target].acc_dtype) for p in network.projections}
    history = _history(synapses.values())
    chunk, window = _extent(network, history)
    for sample in range(0, samples, chunk):
        part = slice(sample, min(samples, sample + chunk))
        walk = _Walk(network, rules, synapses, history, tape, blocks=blocks, samples=part)
        for step in range(0, steps, window):
            walk.run(x[part, step : step + window], step)
    return tape.run()


def _history(synapses: Iterable[Synapses]) -> dict[str, int]:
    """Steps back in time from which spikes of each source still arrive."""
    history: dict[str, int] = {}
    for projection in synapses:
        history[projection.source] = max(history.get(projection.source, 0), projection.history_steps)
    return history


def _extent(network: AnyNetwork, history: Mapping[str, int]) -> tuple[int, int]:
    """Samples of a chunk and steps of a window."""
    sizes = {node.name: node.size for node in (*network.inputs, *network.populations)}
    widest = max(sum(node.size for node in network.inputs), *sizes.values())
    kept = sum(2 * steps * sizes[source] for source, steps in history.items())
    chunk = max(1, min(_CHUNK_SAMPLES, _WINDOW_BYTES // max(8 * widest, kept)))
    return chunk, max(1, _WINDOW_BYTES // (8 * widest * chunk))


class _Walk:
    """One chunk of samples on its way through the steps.

    Spikes of a source, `sent`, are (history + steps, samples, neurons): those of a window, behind those
    of the steps before it that still arrive.
    """

    def __init__(
        self,
        network: AnyNetwork,
        rules: Mapping[str, Rule],
        synapses: Mapping[str, Synapses],
        history: Mapping[str, int],
        tape: Tape,
        *,
        blocks: tuple[Block, ...],
        samples: slice,
    ) -> None:
        self.rules, self.synapses, self.history = rules, synapses, history
        self.tape, self.blocks, self.samples = tape, blocks, samples
        self.count = samples.stop - samples.start
        self.inputs = network.inputs
        self.sizes = {node.name: node.size for node in (*network.inputs, *network.populations)}
        self.states = {name: rule.start(self.count) for name, rule in rules.items()}
        self.sent = {name: self._silence(name, steps) for name, steps in history.items()}

    def run(self, x: np.ndarray, step: int) -> None:
        """Take one window of steps, the first of which is `step`."""
        cuts = np.cumsum([node.size for node in self.inputs])[:-1]
        parts = np.split(x.transpose(1, 0, 2), cuts, axis=2)
        steps = x.shape[1]
        for node, part in zip(self.inputs, parts, strict=True):
            if node.name in self.sent:
                self.sent[node.name] = self._behind_past(node.name, part)
        for block in self.blocks:
            self._run_block(block, step, steps)

    def _silence(self, name: str, steps: int) -> np.ndarray:
        dtype = self.rules[name].spike_dtype if name in self.rules else np.dtype(np.uint8)
        return np.zeros((steps, self.count, self.sizes[name]), dtype=dtype)

    def _behind_past(self, name: str, spikes: np.ndarray) -> np.ndarray:
        """A window's spikes with those of the steps before it that still count."""
        past = self.sent[name]
        kept = self.history[name]
        return np.concatenate([past[len(past) - kept :], spikes]) if kept else spikes

    def _run_block(self, block: Block, first_step: int, steps: int) -> None:
        accs = {name: self._outer_sum(block, name, steps) for name in block.names}
        if not block.inner:
            (name,) = block.names
            outcome = self._advance(name, accs[name], first_step)
            if name in self.sent and outcome.spikes is not None:
                self.sent[name] = self._behind_past(name, outcome.spikes)
            return
        for name in block.names:
            if name in self.sent:
                self.sent[name] = self._behind_past(name, self._silence(name, steps))
        for step in range(steps):
            for name in block.names:
                acc = accs[name][step : step + 1]
                self._add(block.inner, name, acc, step)
                outcome = self._advance(name, acc, first_step + step)
                if name in self.sent:
                    self.sent[name][self.history[name] + step] = outcome.spikes

    def _outer_sum(self, block: Block, name: str, steps: int) -> np.ndarray:
        """Input of all steps from outside the block, (steps, samples, neurons)."""
        acc = np.zeros((steps, self.count, self.sizes[name]), dtype=self.rules[name].acc_dtype)
        self._add(block.outer, name, acc, 0)
        return acc

    def _add(self, projections: Iterable[AnyProjection], name: str, acc: np.ndarray, step: int) -> None:
        """Add what projections into a population give in some steps of this window, from `step` on."""
        for projection in projections:
            if projection.target == name:
                source = projection.source
                self.synapses[projection.name].add(acc, self.sent[source], self.history[source] + step)

    def _advance(self, name: str, acc: np.ndarray, first_step: int) -> Outcome:
        outcome = self.rules[name].advance(self.states[name], acc, record=self.tape.records(name))
        self.tape.write(name, self.samples, first_step, outcome)
        return outcome
