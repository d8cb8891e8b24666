"""Linear nodes: what reaches a node is a sum over sources of (linear map x late spikes) plus a bias.

A source is an Input or a neuron node. Chains of linear nodes compose exactly; nothing of them is left in the
hardware but synapses and their delays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from .convolution import convolve
from .graph import PORT, Graph, Node, quoted
from .linear_map import Claim, LinearMap
from .lower_conv import CONVOLUTIONS, POOLS, conv_of
from .lower_delay import MAX_DELAY_STEPS, delay_steps
from .shapes import Shape, per_neuron

__all__ = ["LINEAR", "MAX_SYNAPSES", "Budget", "Lines", "Signal", "Term", "add", "through"]

LINEAR = ("Affine", "Linear", "Scale", "Flatten", *CONVOLUTIONS, *POOLS, "Delay", PORT)
MAX_SYNAPSES = 1 << 27
"""Entries of all dense matrices together (1 GiB in float64)."""

Lines = list[str]


class Budget:
    """How many more matrix entries may be made: a small file can compose to any size."""

    def __init__(self) -> None:
        self._left = MAX_SYNAPSES

    def take(self, graph: Graph, node: str, what: str, shape: Shape) -> None:
        """Count a matrix in, or refuse it."""
        self._left -= int(np.prod(shape, dtype=np.int64))
        if self._left < 0:
            size = "x".join(map(str, shape))
            raise graph.error(node, f"{what} of {size} synapses; accepted: up to {MAX_SYNAPSES} in a network")

    def claim(self, graph: Graph, node: str, what: str = "a composed matrix") -> Claim:
        """Return the function that a `LinearMap` asks before it makes a matrix."""
        return lambda outputs, inputs: self.take(graph, node, what, (outputs, inputs))


@dataclass(frozen=True, kw_only=True, eq=False)
class Term:
    """What one source contributes.

    Attributes
    ----------
    early, late : ndarray or None
        Delays in steps before the map, (inputs,), and behind it, (outputs,); int64; None: none.
    nodes : tuple of str
        The linear nodes on the way.
    """

    source: str
    map: LinearMap
    early: np.ndarray | None = None
    late: np.ndarray | None = None
    nodes: tuple[str, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether it is the source itself."""
        return self.map.identity and self.early is None

    @property
    def longest(self) -> int:
        """Largest delay in steps."""
        return sum(int(d.max()) for d in (self.early, self.late) if d is not None)

    def delayed(self, steps: np.ndarray) -> Term:
        """Delay the outputs by `steps` (outputs,)."""
        if not steps.any():
            return self
        early = self.map.spread(steps) if self.late is None else None
        if early is not None:
            return replace(self, early=early if self.early is None else self.early + early)
        return replace(self, late=steps if self.late is None else self.late + steps)

    def by_delay(self, claim: Claim) -> Iterator[Term]:
        """Split into terms without `late`: one for each of its values, whose other outputs are 0."""
        if self.late is None:
            yield self
            return
        for steps in np.unique(self.late):
            part = replace(self, map=self.map.then_scale((self.late == steps) * 1.0, claim), late=None)
            yield part.delayed(np.full(part.map.outputs, steps)) if steps else part


@dataclass(frozen=True, kw_only=True, eq=False)
class Signal:
    """Value of a node: the sum of its terms plus constants.

    Attributes
    ----------
    constants : mapping of int to ndarray
        Step from which on it is added, to values (size,).
    """

    size: int
    constants: Mapping[int, np.ndarray] = field(default_factory=dict)
    terms: tuple[Term, ...] = ()

    @classmethod
    def of(cls, source: str, size: int) -> Signal:
        """Return a source itself."""
        return cls(size=size, terms=(Term(source=source, map=LinearMap(inputs=size)),))

    @property
    def bias(self) -> np.ndarray:
        """(size,), the constant of the first step."""
        return self.constants.get(0, np.zeros(self.size))

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of all sources, each once."""
        return tuple(dict.fromkeys(term.source for term in self.terms))

    @property
    def biased(self) -> bool:
        """Whether any constant is not 0."""
        return any(values.any() for values in self.constants.values())


def add(signals: list[Signal], claim: Claim) -> Signal:
    """Sum signals: several edges into one node. Two ways from one source become one map where that fits."""
    first = signals[0]
    for other in signals[1:]:
        terms = list(first.terms)
        for term in other.terms:
            _join(terms, term, claim)
        constants = dict(first.constants)
        for steps, values in other.constants.items():
            constants[steps] = constants.get(steps, 0.0) + values
        first = Signal(size=first.size, constants=constants, terms=tuple(terms))
    return first


def _join(terms: list[Term], term: Term, claim: Claim) -> None:
    for place, other in enumerate(terms):
        if other.source == term.source and _same(other.early, term.early) and _same(other.late, term.late):
            joined = other.map.plus(term.map, claim)
            if joined is not None:
                nodes = tuple(dict.fromkeys(other.nodes + term.nodes))
                terms[place] = replace(other, map=joined, nodes=nodes)
                return
    terms.append(term)


def _same(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    return first is second or (first is not None and second is not None and np.array_equal(first, second))


def through(
    graph: Graph,
    node: Node,
    signal: Signal,
    shapes: tuple[Shape, Shape],
    dt: float,
    budget: Budget,
    lines: Lines,
) -> Signal:
    """Pass a signal through one linear node that takes and gives `shapes`; say on `lines` what did not fold.

    Raises
    ------
    UserError
        The composed matrices are larger than the budget, or a delay is longer than the hardware's.
    """
    claim = budget.claim(graph, node.name)
    if node.type == "Delay":
        result = _delayed(graph, node, signal, delay_steps(graph, node, shapes[1], dt, lines))
    elif node.type in ("Affine", "Linear"):
        result = _through_matrix(node, signal, claim)
    elif node.type == "Scale":
        result = _through_scale(node, signal, per_neuron(node.array("scale"), shapes[1]), claim)
    elif node.type in CONVOLUTIONS + POOLS:
        result = _through_conv(graph, node, signal, shapes, claim)
    else:
        result = signal
    _say_dense(node, signal, result, lines)
    return replace(result, terms=tuple(replace(t, nodes=(*t.nodes, node.name)) for t in result.terms))


def _through_matrix(node: Node, signal: Signal, claim: Claim) -> Signal:
    weight = node.array("weight")
    constants = {steps: weight @ values for steps, values in signal.constants.items() if values.any()}
    if "bias" in node.params:
        constants[0] = constants.get(0, 0.0) + node.array("bias").reshape(-1).astype(np.float64)
    terms = [
        replace(part, map=part.map.then_matrix(weight, claim))
        for term in signal.terms
        for part in term.by_delay(claim)
    ]
    return Signal(size=weight.shape[0], constants=constants, terms=tuple(terms))


def _through_scale(node: Node, signal: Signal, factor: np.ndarray, claim: Claim) -> Signal:
    constants = {steps: values * factor for steps, values in signal.constants.items()}
    terms = tuple(replace(term, map=term.map.then_scale(factor, claim)) for term in signal.terms)
    return replace(signal, constants=constants, terms=terms)


def _through_conv(
    graph: Graph, node: Node, signal: Signal, shapes: tuple[Shape, Shape], claim: Claim
) -> Signal:
    """Convolve terms and constants: a bias in front of zero padding differs at the borders."""
    conv, kernel = conv_of(graph, node, *shapes)
    constants = {
        steps: convolve(values[np.newaxis], kernel, conv)[0]
        for steps, values in signal.constants.items()
        if values.any()
    }
    if "bias" in node.params:
        bias = node.array("bias").reshape(-1).astype(np.float64).repeat(conv.positions)
        constants[0] = constants.get(0, 0.0) + bias
    terms = [
        replace(part, map=part.map.then_conv(conv, kernel, claim))
        for term in signal.terms
        for part in term.by_delay(claim)
    ]
    return Signal(size=conv.targets, constants=constants, terms=tuple(terms))


def _delayed(graph: Graph, node: Node, signal: Signal, steps: np.ndarray) -> Signal:
    constants: dict[int, np.ndarray] = {}
    for start, values in signal.constants.items():
        for wait in np.unique(steps):
            part = values * (steps == wait)
            constants[start + int(wait)] = constants.get(start + int(wait), 0.0) + part
    terms = tuple(term.delayed(steps) for term in signal.terms)
    longest = max([term.longest for term in terms] + [s for s, values in constants.items() if values.any()])
    if longest > MAX_DELAY_STEPS:
        raise graph.error(
            node.name, f"delays on the way add up to {longest} steps; accepted: up to {MAX_DELAY_STEPS}"
        )
    return replace(signal, constants=constants, terms=terms)


def _say_dense(node: Node, before: Signal, after: Signal, lines: Lines) -> None:
    maps = {term.source for term in before.terms if term.map.conv is not None}
    for term in after.terms:
        if term.map.conv is None and (node.type in CONVOLUTIONS + POOLS or term.source in maps):
            lines.append(
                f"node {quoted(node.name)}: written out as a matrix of {term.map.outputs}x{term.map.inputs}"
                f" from {quoted(term.source)}, as no single convolution is the same"
            )
