"""The one walk over a network's topology that the float reference and the golden model share.

Populations are grouped into blocks. Within a block spikes feed back from one step to the next, so
its populations run side by side, step by step; between blocks everything of a window of steps is
known, so the synaptic input of all its steps and samples is summed at once (`projection`). A feed-forward
population is a block of its own without inner projections, and takes all steps at once.

Samples are taken in chunks and steps in windows, so the working memory grows with neither. Chunks know
nothing of each other, so several threads may take them: what they find is the same, however many there are.
Inside, arrays are (steps, samples, neurons): what one step needs is contiguous.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

import numpy as np

from ...gen.errors import UserError
from ...gen.ir import Input, Network, Projection, QuantisedNetwork, QuantisedProjection
from .projection import Synapses
from .rule import Outcome, Rule
from .run import Run, Tape
from .threads import share

__all__ = ["Block", "Plan", "make_blocks", "make_plan", "traverse"]

AnyNetwork = Network | QuantisedNetwork
AnyProjection = Projection | QuantisedProjection

_CHUNK_SAMPLES = 256  # the states of a chunk stay in the cache
_WINDOW_BYTES = 1 << 25  # of the widest matrix of a window, of all threads together
_THREAD_VALUES = 1 << 19  # neurons and channels of all samples for which another thread pays


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


class Plan(NamedTuple):
    """What every run of a network needs; it does not refer to the network itself.

    `sizes` are those of inputs and populations, `history` the steps back in time from which spikes of each
    source still arrive.
    """

    inputs: tuple[Input, ...]
    sizes: Mapping[str, int]
    rules: Mapping[str, Rule]
    blocks: tuple[Block, ...]
    synapses: Mapping[str, Synapses]
    history: Mapping[str, int]


def make_plan(network: AnyNetwork, rules: Mapping[str, Rule]) -> Plan:
    """Prepare to run `network` with one rule a population.

    Raises
    ------
    UserError
        See `make_blocks`.
    """
    blocks = make_blocks(network)
    synapses = {p.name: Synapses(p, rules[p.target].acc_dtype) for p in network.projections}
    sizes = {node.name: node.size for node in (*network.inputs, *network.populations)}
    return Plan(network.inputs, sizes, rules, blocks, synapses, _history(synapses.values()))


def traverse(
    network: AnyNetwork,
    plan: Plan,
    x: np.ndarray,
    *,
    record: bool = False,
    keep: Collection[str] | None = None,
    threads: int = 1,
) -> Run:
    """Run a network.

    Parameters
    ----------
    network : Network or QuantisedNetwork
    plan : Plan
        That of `network`.
    x : ndarray
        (samples, steps, channels), uint8.
    record : bool
        Keep membranes and synaptic currents too.
    keep : collection of str or None
        Populations whose arrays are kept, beside the outputs; None: all.
    threads : int
        At most.

    Returns
    -------
    Run
    """
    samples, steps = x.shape[:2]
    tape = Tape(network, plan.rules, samples=samples, steps=steps, record=record, keep=keep)
    threads = max(1, min(threads, samples, samples * _values(plan, steps) // _THREAD_VALUES))
    chunk, window = _extent(plan, _WINDOW_BYTES // threads)
    chunk = max(1, min(chunk, -(-samples // threads)))

    def walk(part: slice) -> None:
        one = _Walk(plan, tape, part)
        for step in range(0, steps, window):
            one.run(x[part, step : step + window], step)

    share(walk, [slice(k, min(samples, k + chunk)) for k in range(0, samples, chunk)], threads)
    return tape.run()


def _history(synapses: Iterable[Synapses]) -> dict[str, int]:
    """Steps back in time from which spikes of each source still arrive."""
    history: dict[str, int] = {}
    for projection in synapses:
        history[projection.source] = max(history.get(projection.source, 0), projection.history_steps)
    return history


def _values(plan: Plan, steps: int) -> int:
    """Values of a sample that are worked on at once: kernels run side by side, what calls them does not."""
    return sum(plan.sizes.values()) * (1 if any(block.inner for block in plan.blocks) else steps)


def _extent(plan: Plan, window_bytes: int) -> tuple[int, int]:
    """Samples of a chunk and steps of a window, of which the widest matrix takes so many bytes."""
    widest = max(sum(node.size for node in plan.inputs), *plan.sizes.values())
    kept = sum(2 * steps * plan.sizes[source] for source, steps in plan.history.items())
    chunk = max(1, min(_CHUNK_SAMPLES, window_bytes // max(8 * widest, kept)))
    return chunk, max(1, window_bytes // (8 * widest * chunk))


class _Walk:
    """One chunk of samples on its way through the steps.

    Spikes of a source, `sent`, are (history + steps, samples, neurons): those of a window, behind those
    of the steps before it that still arrive.
    """

    def __init__(self, plan: Plan, tape: Tape, samples: slice) -> None:
        self.plan, self.tape, self.samples = plan, tape, samples
        self.count = samples.stop - samples.start
        self.states = {name: rule.start(self.count) for name, rule in plan.rules.items()}
        self.sent = {name: self._silence(name, steps) for name, steps in plan.history.items()}

    def run(self, x: np.ndarray, step: int) -> None:
        """Take one window of steps, the first of which is `step`."""
        cuts = np.cumsum([node.size for node in self.plan.inputs])[:-1]
        parts = np.split(x.transpose(1, 0, 2), cuts, axis=2)
        steps = x.shape[1]
        for node, part in zip(self.plan.inputs, parts, strict=True):
            if node.name in self.sent:
                self.sent[node.name] = self._behind_past(node.name, part)
        for block in self.plan.blocks:
            self._run_block(block, step, steps)

    def _silence(self, name: str, steps: int) -> np.ndarray:
        dtype = self.plan.rules[name].spike_dtype if name in self.plan.rules else np.dtype(np.uint8)
        return np.zeros((steps, self.count, self.plan.sizes[name]), dtype=dtype)

    def _behind_past(self, name: str, spikes: np.ndarray) -> np.ndarray:
        """A window's spikes with those of the steps before it that still count."""
        past = self.sent[name]
        kept = self.plan.history[name]
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
                    self.sent[name][self.plan.history[name] + step] = outcome.spikes

    def _outer_sum(self, block: Block, name: str, steps: int) -> np.ndarray:
        """Input of all steps from outside the block, (steps, samples, neurons)."""
        acc = np.zeros((steps, self.count, self.plan.sizes[name]), dtype=self.plan.rules[name].acc_dtype)
        self._add(block.outer, name, acc, 0)
        return acc

    def _add(self, projections: Iterable[AnyProjection], name: str, acc: np.ndarray, step: int) -> None:
        """Add what projections into a population give in some steps of this window, from `step` on."""
        for projection in projections:
            if projection.target == name:
                source = projection.source
                self.plan.synapses[projection.name].add(
                    acc, self.sent[source], self.plan.history[source] + step
                )

    def _advance(self, name: str, acc: np.ndarray, first_step: int) -> Outcome:
        outcome = self.plan.rules[name].advance(self.states[name], acc, record=self.tape.records(name))
        self.tape.write(name, self.samples, first_step, outcome)
        return outcome
