"""From a graph and its semantics to a `Network`: populations with everything else folded into synapses.

Signals (sums over sources) flow through the linear nodes; each neuron, Threshold and Output that they reach
becomes a population, or names one. Connections that close a cycle see the spikes of the step before.
Not done here: choosing semantics (`gen.resolve`), shapes (`gen.shapes`), anything about integers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from .graph import PORT, Graph, Node, natural, quoted
from .ir import Input, Network
from .lower_build import Blueprint, Edges, build_population, build_projections, recurrent_bias
from .lower_constant import with_late_constants
from .lower_linear import LINEAR, Budget, Signal, Term, add, through
from .lower_neuron import SUBTRACTING, Dynamics, even_gain, make_dynamics, scaled, stateless
from .lower_order import find_back_edges, forward_order
from .lower_synapses import channel_count
from .node_types import ANALOG, SPIKING
from .semantics import Semantics
from .shapes import derive_signals, per_neuron

__all__ = ["lower"]


def lower(graph: Graph, semantics: Semantics, *, lines: Iterable[str] = ()) -> Network:
    """Lower a graph.

    Parameters
    ----------
    graph : Graph
        Without nested graphs.
    lines : iterable of str
        What was assumed before, to be kept in ``Network.assumptions``.

    Raises
    ------
    UserError
        A cycle without a neuron, analog values that feed synapses, shapes
        or sizes that do not fit; file and node named.
    """
    return _Lowering(graph, semantics, [*graph.notes, *lines]).network()


class _Lowering:
    def __init__(self, graph: Graph, semantics: Semantics, notes: list[str]) -> None:
        self._graph, self._semantics, self._notes = graph, semantics, notes
        self._taken, self._shapes = derive_signals(graph)
        self._sources = graph.sources()
        self._live = graph.reaching_outputs()
        self._note_dead()
        self._signals = self._linear_signals()
        self._blueprints: dict[str, Blueprint] = {}

    def network(self) -> Network:
        """Make the populations, order them, connect them."""
        nodes = [self._graph.nodes[name] for name in self._graph.nodes if name in self._live]
        for node in nodes:
            if node.type in SPIKING:
                self._add(self._neuron(node))
            elif node.type == "Threshold":
                self._add(self._threshold(node))
        outputs = [self._output(node) for node in nodes if node.type == "Output"]
        inputs = tuple(Input(name=n.name, shape=self._shapes[n.name]) for n in self._graph.of_type("Input"))
        order, back = self._order(inputs)
        channels = {name: channel_count(self._blueprints[name].signal.terms) for name in order}
        chosen = [self._evened(self._blueprints[name], channels[name]) for name in order]
        budget = Budget()
        return Network(
            name=Path(self._graph.path).stem,
            semantics=self._semantics,
            inputs=inputs,
            populations=tuple(build_population(self._graph, self._semantics, chart) for chart in chosen),
            projections=tuple(
                projection
                for chart in chosen
                for projection in build_projections(self._graph, chart, back, channels, budget, self._notes)
            ),
            outputs=tuple(dict.fromkeys(outputs)),
            assumptions=tuple(self._notes),
        )

    def _evened(self, chart: Blueprint, channels: int | None) -> Blueprint:
        """Give the neurons behind a convolution one gain a filter, for the kernel to take it."""
        dynamics = chart.dynamics if channels is None else even_gain(chart.dynamics, channels)
        if dynamics is chart.dynamics:
            return chart
        self._notes.append(
            f"population {quoted(chart.name)}: input gains differ within a filter; its membranes and"
            " thresholds are scaled instead"
        )
        return replace(chart, dynamics=dynamics)

    def _note_dead(self) -> None:
        dead = [quoted(name) for name in self._graph.nodes if name not in self._live]
        if dead:
            self._notes.append(f"left out, as they reach no Output: {', '.join(dead)}")

    def _linear_signals(self) -> dict[str, Signal]:
        """Signals of all live linear nodes, sources first."""
        linear = {n.name: n for n in self._graph.of_type(*LINEAR) if n.name in self._live}
        ends = self._graph.targets()
        targets = {name: [t for t in ends[name] if t in linear] for name in linear}
        order, stuck = forward_order(targets)
        if stuck:
            cycle = " -> ".join(quoted(name) for name in _one_cycle(stuck, targets))
            raise self._graph.error(
                stuck[0], f"cycle without a neuron: {cycle}; accepted: a neuron in every cycle"
            )
        self._signals, budget = {}, Budget()
        for name in order:
            node = linear[name]
            parts = self._parts(name)
            signal = add(parts, budget.claim(self._graph, name))
            if node.type not in ("Scale", "Flatten", PORT):
                self._refuse_analog(name, signal)
            shapes = self._taken[name], self._shapes[name]
            dt = self._semantics.dt
            self._signals[name] = through(self._graph, node, signal, shapes, dt, budget, self._notes)
        return self._signals

    def _parts(self, name: str) -> list[Signal]:
        """Signals of the edges into a node."""
        return [self._signals.get(source) or self._source(source) for source in self._sources[name]]

    def _sum(self, name: str, parts: list[Signal]) -> Signal:
        return add(parts, Budget().claim(self._graph, name))

    def _source(self, name: str) -> Signal:
        return Signal.of(name, int(np.prod(self._shapes[name], dtype=np.int64)))

    def _is_analog(self, source: str) -> bool:
        return self._graph.nodes[source].type in ANALOG

    def _refuse_analog(self, name: str, signal: Signal) -> None:
        for source in signal.sources:
            if self._is_analog(source):
                raise self._graph.error(
                    source,
                    f"gives analog values, which cannot feed {quoted(name)}; accepted: Threshold or Output",
                )

    def _add(self, blueprint: Blueprint) -> str:
        self._blueprints[blueprint.name] = blueprint
        return blueprint.name

    def _neuron(self, node: Node) -> Blueprint:
        parts = self._parts(node.name)
        for part in parts:
            self._refuse_analog(node.name, part)
        self._note_unused_reset(node)
        return self._blueprint(node, node.type, (node.name,), parts, self._dynamics(node))

    def _dynamics(self, node: Node) -> Dynamics:
        return make_dynamics(self._graph, node, self._shapes[node.name], self._semantics)

    def _blueprint(
        self, node: Node, kind: str, nodes: tuple[str, ...], parts: list[Signal], dynamics: Dynamics
    ) -> Blueprint:
        return Blueprint(
            name=node.name,
            kind=kind,
            shape=self._shapes[node.name],
            nodes=nodes,
            parts=parts,
            signal=self._sum(node.name, parts),
            dynamics=dynamics,
        )

    def _note_unused_reset(self, node: Node) -> None:
        semantics = self._semantics
        reset = semantics.if_reset if node.type == "IF" and semantics.if_reset else semantics.reset
        unused = semantics.reset_to_zero or reset in SUBTRACTING
        if unused and "v_reset" in node.params and node.array("v_reset").any():
            self._notes.append(f"node {quoted(node.name)}: its v_reset is not used, by the reset above")

    def _threshold(self, node: Node) -> Blueprint:
        """Thresholds an analog neuron (which then spikes without a reset) or a sum of synapses."""
        parts = self._parts(node.name)
        threshold = per_neuron(node.array("threshold"), self._shapes[node.name])
        analog = self._analog_term(node.name, self._sum(node.name, parts))
        if analog is None:
            return self._blueprint(
                node, "Threshold", (node.name,), parts, stateless(threshold.size, threshold=threshold)
            )
        source, term = analog
        dynamics = scaled(self._dynamics(source), term.map.factor)
        dynamics = replace(dynamics, threshold=threshold - dynamics.offset)
        nodes = (source.name, *term.nodes, node.name)
        return self._blueprint(node, f"{source.type}+Threshold", nodes, self._parts(source.name), dynamics)

    def _analog_term(self, name: str, signal: Signal) -> tuple[Node, Term] | None:
        """Return the analog neuron that a Threshold or Output sees, if it sees one, alone and unmixed."""
        analog = [source for source in signal.sources if self._is_analog(source)]
        if not analog:
            return None
        if len(signal.terms) > 1 or signal.biased:
            raise self._graph.error(
                analog[0], f"is summed with other signals at {quoted(name)}; accepted: analog values alone"
            )
        return self._graph.nodes[analog[0]], next(iter(signal.terms))

    def _output(self, node: Node) -> str:
        """Name of the population that an Output reads; one is made where there is none yet."""
        parts = self._parts(node.name)
        signal = self._sum(node.name, parts)
        analog = self._analog_term(node.name, signal)
        if analog is not None:
            return self._add(self._readout(node, *analog))
        sources = [term.source for term in signal.terms if term.plain and term.source in self._blueprints]
        if len(sources) == len(signal.terms) == 1 and not signal.biased:
            return sources[0]
        return self._add(self._blueprint(node, "Sum", (node.name,), parts, stateless(signal.size)))

    def _readout(self, node: Node, source: Node, term: Term) -> Blueprint:
        dynamics = scaled(self._dynamics(source), term.map.factor)
        own = source if term.map.diagonal is None else node  # a scaled one is named by its Output
        return self._blueprint(
            own, source.type, (source.name, *term.nodes), self._parts(source.name), dynamics
        )

    def _order(self, inputs: tuple[Input, ...]) -> tuple[list[str], Edges]:
        """Cut the cycles, give late constants a source, sort the populations."""
        targets = self._targets(inputs)
        back = find_back_edges(targets, targets)
        for source, target in sorted(back):
            seen = "its own spikes" if source == target else f"the spikes of {quoted(source)}"
            late = self._late(source, target)
            self._notes.append(f"recurrent: {quoted(target)} sees {seen} of the step before{late}")
        if self._semantics.recurrent_bias_at_t0:
            self._note_recurrent_bias(back)
        self._note_idle(inputs, targets)
        first = (inputs[0].name, inputs[0].size)
        self._blueprints = with_late_constants(self._blueprints, self._semantics, back, first, self._notes)
        targets = self._targets(inputs)
        forward = {name: [t for t in ends if (name, t) not in back] for name, ends in targets.items()}
        return [name for name in forward_order(forward)[0] if name in self._blueprints], back

    def _targets(self, inputs: tuple[Input, ...]) -> dict[str, list[str]]:
        targets: dict[str, list[str]] = {item.name: [] for item in inputs}
        targets.update({name: [] for name in sorted(self._blueprints, key=natural)})
        for name in sorted(self._blueprints, key=natural):
            for source in self._blueprints[name].signal.sources:
                targets[source].append(name)
        return targets

    def _late(self, source: str, target: str) -> str:
        """What delays add to the one step of a closing edge."""
        terms = [term for term in self._blueprints[target].signal.terms if term.source == source]
        longest = max(term.longest for term in terms)
        return f", plus delays of up to {longest} steps" if longest else ""

    def _note_recurrent_bias(self, back: Edges) -> None:
        for name in sorted(self._blueprints, key=natural):
            biased = recurrent_bias(self._blueprints[name], back)
            if biased is not None:
                self._notes.append(f"the recurrent bias of {quoted(biased)} acts from the first step on")

    def _note_idle(self, inputs: tuple[Input, ...], targets: dict[str, list[str]]) -> None:
        for item in inputs:
            if not targets[item.name]:
                self._notes.append(f"input {quoted(item.name)} feeds nothing")


def _one_cycle(stuck: list[str], targets: dict[str, list[str]]) -> list[str]:
    """Follow edges inside `stuck` until a node comes again."""
    seen: list[str] = []
    blocked = set(stuck)
    # Every stuck node has a stuck node before it, so walking backward never ends outside.
    before = {t: name for name in stuck for t in targets[name] if t in blocked}
    name = stuck[0]
    while name not in seen:
        seen.append(name)
        name = before[name]
    return [*seen[seen.index(name) :], name][::-1]
