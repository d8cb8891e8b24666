"""Linear nodes: what reaches a node is a sum over sources of (matrix x source) plus a bias.

A source is an Input or a neuron node. Chains of Affine, Linear, Scale and Flatten compose into one matrix
for each source, exactly; nothing of them is left in the hardware.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from .graph import PORT, Graph, Node
from .shapes import Shape, per_neuron

__all__ = ["LINEAR", "MAX_SYNAPSES", "Budget", "LinearMap", "Signal", "Term", "add", "through"]

LINEAR = ("Affine", "Linear", "Scale", "Flatten", PORT)
MAX_SYNAPSES = 1 << 27
"""Entries of all dense matrices together (1 GiB in float64)."""


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


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearMap:
    """y = W x: `matrix` (any numeric type) if given, else the diagonal if given, else the identity."""

    inputs: int
    matrix: np.ndarray | None = None
    diagonal: np.ndarray | None = None

    @property
    def outputs(self) -> int:
        """Number of rows."""
        return self.inputs if self.matrix is None else self.matrix.shape[0]

    @property
    def elementwise(self) -> bool:
        """Whether each output sees the input of the same index only."""
        return self.matrix is None

    @property
    def factor(self) -> np.ndarray:
        """(outputs,), the diagonal of an elementwise map."""
        return np.ones(self.inputs) if self.diagonal is None else self.diagonal

    def then_matrix(self, weight: np.ndarray) -> LinearMap:
        """Apply `weight` (outputs, inputs) after this map."""
        if self.matrix is not None:
            weight = weight.astype(np.float64) @ self.matrix.astype(np.float64)
        elif self.diagonal is not None:
            weight = weight * self.diagonal
        return LinearMap(inputs=self.inputs, matrix=weight)

    def then_scale(self, factor: np.ndarray) -> LinearMap:
        """Multiply each output by a factor, (outputs,)."""
        if self.matrix is not None:
            return LinearMap(inputs=self.inputs, matrix=self.matrix * factor[:, np.newaxis])
        return LinearMap(inputs=self.inputs, diagonal=self.factor * factor)

    def plus(self, other: LinearMap) -> LinearMap:
        """Sum of the outputs of two maps of one source."""
        if self.elementwise and other.elementwise:
            return LinearMap(inputs=self.inputs, diagonal=self.factor + other.factor)
        return LinearMap(inputs=self.inputs, matrix=self.dense() + other.dense())

    def dense(self, gain: np.ndarray | None = None) -> np.ndarray:
        """(outputs, inputs), float64, read-only, each row times its gain."""
        if self.matrix is None:
            weight = np.diag(self.factor if gain is None else self.factor * gain)
        else:
            rows = np.ones((1, 1)) if gain is None else gain[:, np.newaxis]
            weight = np.multiply(self.matrix, rows, dtype=np.float64)
        weight.flags.writeable = False
        return weight


@dataclass(frozen=True, kw_only=True, eq=False)
class Term:
    """What one source contributes, and the linear nodes on its way."""

    map: LinearMap
    nodes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class Signal:
    """Value of a node: the sum of its terms plus `bias` (size,)."""

    size: int
    bias: np.ndarray
    terms: Mapping[str, Term] = field(default_factory=dict)

    @classmethod
    def of(cls, source: str, size: int) -> Signal:
        """Return a source itself."""
        term = Term(map=LinearMap(inputs=size))
        return cls(size=size, bias=np.zeros(size), terms={source: term})


def add(signals: list[Signal]) -> Signal:
    """Sum signals: several edges into one node. Two ways from one source become one matrix."""
    first = signals[0]
    for other in signals[1:]:
        terms = dict(first.terms)
        for source, term in other.terms.items():
            terms[source] = _merged(terms[source], term) if source in terms else term
        first = Signal(size=first.size, bias=first.bias + other.bias, terms=terms)
    return first


def _merged(first: Term, second: Term) -> Term:
    nodes = first.nodes + tuple(name for name in second.nodes if name not in first.nodes)
    return Term(map=first.map.plus(second.map), nodes=nodes)


def through(graph: Graph, node: Node, signal: Signal, shape: Shape, budget: Budget) -> Signal:
    """Pass a signal through one linear node with output shape `shape`.

    Raises
    ------
    UserError
        The composed matrices are larger than the budget.
    """
    if node.type in ("Affine", "Linear"):
        return _through_matrix(graph, node, signal, budget)
    if node.type == "Scale":
        factor = per_neuron(node.array("scale"), shape)
        maps = {source: term.map.then_scale(factor) for source, term in signal.terms.items()}
        return _extended(node, signal, maps, signal.bias * factor)
    return _extended(node, signal, {source: term.map for source, term in signal.terms.items()}, signal.bias)


def _through_matrix(graph: Graph, node: Node, signal: Signal, budget: Budget) -> Signal:
    weight = node.array("weight")
    for term in signal.terms.values():
        if not term.map.elementwise:
            budget.take(graph, node.name, "a composed matrix", (weight.shape[0], term.map.inputs))
    maps = {source: term.map.then_matrix(weight) for source, term in signal.terms.items()}
    bias = weight @ signal.bias if signal.bias.any() else np.zeros(weight.shape[0])
    if "bias" in node.params:
        bias = bias + node.array("bias").reshape(-1)
    return _extended(node, signal, maps, bias)


def _extended(node: Node, signal: Signal, maps: dict[str, LinearMap], bias: np.ndarray) -> Signal:
    terms = {
        source: Term(map=maps[source], nodes=(*term.nodes, node.name))
        for source, term in signal.terms.items()
    }
    return Signal(size=bias.size, bias=bias.astype(np.float64, copy=False), terms=terms)
