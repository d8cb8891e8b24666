"""Populations and projections of the `Network` from what the lowering found out about each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..hw.params import Fire
from .graph import Graph, natural, quoted
from .ir import Population, Projection
from .lower_linear import Budget, Lines, Signal, Term
from .lower_neuron import Dynamics
from .lower_synapses import Synapses, join_terms
from .node_types import SPIKING
from .semantics import Semantics, Spikes
from .shapes import Shape

__all__ = ["Blueprint", "Edges", "build_population", "build_projections", "is_recurrent", "recurrent_bias"]

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
    graph: Graph,
    blueprint: Blueprint,
    back: Edges,
    channels: Mapping[str, int | None],
    budget: Budget,
    lines: Lines,
) -> Iterator[Projection]:
    """Make the projections into a population, mostly one for each source; those in `back` are recurrent.

    Parameters
    ----------
    channels : mapping of str to int or None
        Channels of the populations that are maps, see `gen.lower_synapses`.

    Raises
    ------
    UserError
        More synapses than the budget, or weights that overflow.
    """
    signal, name = blueprint.signal, blueprint.name
    for source in sorted(signal.sources, key=natural):
        terms = [term for term in signal.terms if term.source == source]
        claim = budget.claim(graph, name, f"input from {quoted(source)}")
        parts = join_terms(terms, blueprint.dynamics.gain, (channels.get(source), channels.get(name)), claim)
        for number, part in enumerate(parts, start=1):
            _check_finite(graph, blueprint, part.weight)
            _say(part, source, name, lines)
            _say_dense(part, terms, source, name, lines)
            suffix = f"#{number}" if number > 1 else ""
            yield _projection(f"{source}->{name}{suffix}", part, source, name, back)


def _projection(name: str, part: Synapses, source: str, target: str, back: Edges) -> Projection:
    weight = part.weight.astype(np.float64, copy=False)
    for array in (weight, part.delay_steps):
        if array is not None:
            array.flags.writeable = False
    return Projection(
        name=name,
        source=source,
        target=target,
        weight=weight,
        recurrent=(source, target) in back,
        conv=part.conv,
        delay_steps=part.delay_steps,
        nodes=part.nodes,
    )


def _say_dense(part: Synapses, terms: Iterable[Term], source: str, target: str, lines: Lines) -> None:
    kernels = (term for term in terms if term.map.conv is not None)
    if part.conv is None and any(set(term.nodes) & set(part.nodes) for term in kernels):
        lines.append(
            f"a convolution from {quoted(source)} to {quoted(target)} is written out as a matrix of"
            f" {part.weight.shape[0]}x{part.weight.shape[1]}: its gains differ within a filter, or another"
            " convolution lays out the neurons differently"
        )


def _say(part: Synapses, source: str, target: str, lines: Lines) -> None:
    if part.delay_steps is not None and part.branches > 1:
        what = "a delay a synapse" if part.delay_steps.ndim == 2 else "a delay a source"
        lines.append(
            f"{part.branches} branches from {quoted(source)} to {quoted(target)} are one projection with"
            f" {what} of 0 to {part.delay_steps.max()} steps"
        )


def _check_finite(graph: Graph, blueprint: Blueprint, *arrays: np.ndarray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        raise graph.error(blueprint.name, "weights times gains overflow; accepted: products below 1e308")


def is_recurrent(part: Signal, target: str, back: Edges) -> bool:
    """Whether a signal into `target` comes over closing edges alone."""
    return bool(part.terms) and all((source, target) in back for source in part.sources)


def recurrent_bias(blueprint: Blueprint, back: Edges) -> str | None:
    """Name of a node whose bias comes on recurrent connections alone."""
    for part in blueprint.parts:
        if part.biased and is_recurrent(part, blueprint.name, back):
            return next((term.nodes[-1] for term in part.terms if term.nodes), blueprint.name)
    return None
