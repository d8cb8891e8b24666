"""Populations and projections of the `Network` from what the lowering found out about each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..hw.params import Fire
from .graph import Graph, natural, quoted
from .ir import Population, Projection
from .lower_linear import Budget, Signal
from .lower_neuron import Dynamics
from .node_types import SPIKING
from .semantics import Semantics, Spikes
from .shapes import Shape

__all__ = ["Blueprint", "build_population", "build_projections", "recurrent_bias"]

Edges = set[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Blueprint:
    """A population before its connections are known to be forward or recurrent.

    Attributes
    ----------
    nodes : tuple of str
        The NIR nodes that it stands for.
    parts : list of Signal
        Signals of the incoming edges; `signal` is their sum.
    """

    name: str
    kind: str
    shape: Shape
    nodes: tuple[str, ...]
    parts: list[Signal]
    signal: Signal
    dynamics: Dynamics


def build_population(graph: Graph, semantics: Semantics, blueprint: Blueprint) -> Population:
    """Make a population; spike rules apply to neurons, not to a Threshold node or a sum."""
    dynamics = blueprint.dynamics
    neuron = blueprint.kind in SPIKING
    population = Population(
        name=blueprint.name,
        kind=blueprint.kind,
        shape=blueprint.shape,
        nodes=blueprint.nodes,
        alpha=dynamics.alpha,
        beta=dynamics.beta,
        bias=dynamics.gain * blueprint.signal.bias + dynamics.bias,
        leak=dynamics.leak,
        threshold=dynamics.threshold,
        reset=dynamics.reset,
        reset_value=dynamics.reset_value,
        compare=semantics.compare,
        fire=semantics.fire if neuron else Fire.AFTER,
        spikes=semantics.spikes if neuron else Spikes.BINARY,
        v_min=dynamics.v_min,
        offset=dynamics.offset,
    )
    words = (population.bias, population.leak, population.threshold, population.reset_value, population.v_min)
    _check_finite(graph, blueprint, *(word for word in words if word is not None))
    return population


def build_projections(
    graph: Graph, semantics: Semantics, blueprint: Blueprint, back: Edges, budget: Budget
) -> Iterator[Projection]:
    """Make one projection for each source; those in `back` are recurrent.

    Raises
    ------
    UserError
        More synapses than the budget, weights that overflow, a bias that the hardware cannot time.
    """
    _check_recurrent_bias(graph, semantics, blueprint, back)
    for source, term in sorted(blueprint.signal.terms.items(), key=lambda item: natural(item[0])):
        budget.take(
            graph, blueprint.name, f"input from {quoted(source)}", (term.map.outputs, term.map.inputs)
        )
        weight = term.map.dense(blueprint.dynamics.gain)
        _check_finite(graph, blueprint, weight)
        yield Projection(
            name=f"{source}->{blueprint.name}",
            source=source,
            target=blueprint.name,
            weight=weight,
            recurrent=(source, blueprint.name) in back,
            nodes=term.nodes,
        )


def _check_finite(graph: Graph, blueprint: Blueprint, *arrays: np.ndarray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise graph.error(blueprint.name, "weights times gains overflow; accepted: products below 1e308")


def _check_recurrent_bias(graph: Graph, semantics: Semantics, blueprint: Blueprint, back: Edges) -> None:
    """Refuse a bias that must be silent in the first step: the hardware's biases never are."""
    node = recurrent_bias(blueprint, back)
    if node is not None and not semantics.recurrent_bias_at_t0:
        raise graph.error(
            node,
            f"its recurrent bias is silent in the first step under {semantics.name}, unlike any in hardware; "
            "accepted: no bias, or recurrent_bias_at_t0=yes",
        )


def recurrent_bias(blueprint: Blueprint, back: Edges) -> str | None:
    """Name of a node whose bias comes on recurrent connections alone."""
    for part in blueprint.parts:
        if part.bias.any() and all((source, blueprint.name) in back for source in part.terms):
            return next((term.nodes[-1] for term in part.terms.values() if term.nodes), blueprint.name)
    return None
