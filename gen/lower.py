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

from .graph import Graph, Node, natural, quoted
from .ir import Input, Network
from .lower_build import Blueprint, build_population, build_projections, recurrent_bias
from .lower_linear import LINEAR, Budget, Signal, Term, add, through
from .lower_neuron import SUBTRACTING, Dynamics, make_dynamics, scaled, stateless
from .lower_order import find_back_edges, forward_order
from .node_types import ANALOG, NEURONS, SPIKING
from .semantics import Semantics
from .shapes import derive_shapes, per_neuron

__all__ = ["SUPPORTED", "lower"]

SUPPORTED = ("Input", "Output", "Affine", "Linear", "Scale", "Flatten", *NEURONS, "Threshold", "NIRGraph")


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
        A node that is not supported, a cycle without a neuron, analog values that feed synapses, shapes
        or sizes that do not fit; file and node named.
    """
    for node in graph.nodes.values():
        if node.type not in (*SUPPORTED, *LINEAR):
            raise graph.error(
                node.name, f"{node.type} is not supported yet; supported: {', '.join(SUPPORTED)}"
            )
    return _Lowering(graph, semantics, [*graph.notes, *lines]).network()


class _Lowering:
    def __init__(self, graph: Graph, semantics: Semantics, notes: list[str]) -> None:
        self._graph, self._semantics, self._notes = graph, semantics, notes
        self._shapes = derive_shapes(graph)
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
        chosen, budget = [self._blueprints[name] for name in order], Budget()
        return Network(
            name=Path(self._graph.path).stem,
            semantics=self._semantics,
            inputs=inputs,
            populations=tuple(build_population(self._graph, self._semantics, chart) for chart in chosen),
            projections=tuple(
                projection
                for chart in chosen
                for projection in build_projections(self._graph, self._semantics, chart, back, budget)
            ),
            outputs=tuple(dict.fromkeys(outputs)),
            assumptions=tuple(self._notes),
        )

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
            signal = add(self._parts(name))
            if node.type in ("Affine", "Linear"):
                self._refuse_analog(name, signal)
            self._signals[name] = through(self._graph, node, signal, self._shapes[name], budget)
        return self._signals

    def _parts(self, name: str) -> list[Signal]:
        """Signals of the edges into a node."""
        return [self._signals.get(source) or self._source(source) for source in self._sources[name]]

    def _source(self, name: str) -> Signal:
        return Signal.of(name, int(np.prod(self._shapes[name], dtype=np.int64)))

    def _is_analog(self, source: str) -> bool:
        return self._graph.nodes[source].type in ANALOG

    def _refuse_analog(self, name: str, signal: Signal) -> None:
        for source in signal.terms:
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
        self._refuse_analog(node.name, add(parts))
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
            signal=add(parts),
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
        analog = self._analog_term(node.name, add(parts))
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
        analog = [source for source in signal.terms if self._is_analog(source)]
        if not analog:
            return None
        if len(signal.terms) > 1 or signal.bias.any():
            raise self._graph.error(
                analog[0], f"is summed with other signals at {quoted(name)}; accepted: analog values alone"
            )
        return self._graph.nodes[analog[0]], signal.terms[analog[0]]

    def _output(self, node: Node) -> str:
        """Name of the population that an Output reads; one is made where there is none yet."""
        parts = self._parts(node.name)
        signal = add(parts)
        analog = self._analog_term(node.name, signal)
        if analog is not None:
            return self._add(self._readout(node, *analog))
        source, term = next(iter(signal.terms.items()))
        plain = len(signal.terms) == 1 and term.map.diagonal is None and term.map.elementwise
        if plain and source in self._blueprints and not signal.bias.any():
            return source
        return self._add(self._blueprint(node, "Sum", (node.name,), parts, stateless(signal.size)))

    def _readout(self, node: Node, source: Node, term: Term) -> Blueprint:
        dynamics = scaled(self._dynamics(source), term.map.factor)
        own = source if term.map.diagonal is None else node  # a scaled one is named by its Output
        return self._blueprint(
            own, source.type, (source.name, *term.nodes), self._parts(source.name), dynamics
        )

    def _order(self, inputs: tuple[Input, ...]) -> tuple[list[str], set[tuple[str, str]]]:
        targets: dict[str, list[str]] = {item.name: [] for item in inputs}
        targets.update({name: [] for name in sorted(self._blueprints, key=natural)})
        for name in sorted(self._blueprints, key=natural):
            for source in self._blueprints[name].signal.terms:
                targets[source].append(name)
        back = find_back_edges(targets, targets)
        forward = {name: [t for t in ends if (name, t) not in back] for name, ends in targets.items()}
        for source, target in sorted(back):
            seen = "its own spikes" if source == target else f"the spikes of {quoted(source)}"
            self._notes.append(f"recurrent: {quoted(target)} sees {seen} of the step before")
        for name in sorted(self._blueprints, key=natural):
            biased = recurrent_bias(self._blueprints[name], back)
            if biased is not None:
                self._notes.append(f"the recurrent bias of {quoted(biased)} acts from the first step on")
        self._note_idle(inputs, targets)
        return [name for name in forward_order(forward)[0] if name in self._blueprints], back

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
