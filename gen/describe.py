"""What became of a model, as data for tables, JSON and pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..hw.conv_params import ConvParams
from ..hw.params import Reset
from .convolution import synapse_counts
from .graph import PORT, Graph, Node, quoted
from .ir import Network, Population, Projection
from .node_types import NODE_TYPES
from .shapes import Shape, derive_shapes

__all__ = ["Description", "NodeRow", "PopulationRow", "ProjectionRow", "describe"]

Range = tuple[float, float]
_TO_VALUE = (Reset.VALUE, Reset.LATE_VALUE)


@dataclass(frozen=True, kw_only=True)
class NodeRow:
    """One NIR node.

    Attributes
    ----------
    shape : tuple of int
        Of one step of its output.
    parameters : int
        Numbers that the file holds for it.
    mapping : str
        What it became.
    """

    name: str
    type: str
    shape: Shape
    parameters: int
    mapping: str


@dataclass(frozen=True, kw_only=True)
class PopulationRow:
    """One population; ranges are (smallest, largest) over its neurons, None where it has no such value.

    `nodes` are the NIR nodes that it stands for.
    """

    name: str
    kind: str
    shape: Shape
    neurons: int
    nodes: tuple[str, ...]
    alpha: Range | None
    beta: Range | None
    threshold: Range | None
    bias: Range | None
    leak: Range | None
    reset: str
    reset_value: Range | None
    compare: str
    spikes: str


@dataclass(frozen=True, kw_only=True)
class ProjectionRow:
    """One projection; `nodes` are the NIR nodes folded into it.

    Attributes
    ----------
    form : str
        "matrix", or the geometry of its convolution.
    synapses, nonzero : int
        All of them, and those with a weight; of a convolution each kernel weight counts wherever it is used.
    weights : int
        Numbers that are stored.
    delays : (smallest, largest) or None
        Steps beyond `recurrent`; `delay_words` are stored.
    """

    name: str
    source: str
    target: str
    form: str
    synapses: int
    nonzero: int
    weights: int
    weight: Range
    delays: Range | None
    delay_words: int
    recurrent: bool
    nodes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Description:
    """A network in rows; `nodes` is empty where the graph was not given."""

    name: str
    inputs: tuple[tuple[str, Shape], ...]
    outputs: tuple[str, ...]
    nodes: tuple[NodeRow, ...]
    populations: tuple[PopulationRow, ...]
    projections: tuple[ProjectionRow, ...]
    neurons: int
    synapses: int
    parameters: int
    assumptions: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Nested dicts, lists and scalars for `json.dumps`."""
        return asdict(self)


def describe(network: Network, *, graph: Graph | None = None) -> Description:
    """Tell what each node, population and projection is.

    Parameters
    ----------
    network : Network
    graph : Graph, optional
        The graph it was lowered from (``ImportedModel.graph``); gives the rows of the NIR nodes.
    """
    nodes = tuple(_node_rows(network, graph)) if graph is not None else ()
    projections = tuple(_projection_row(projection) for projection in network.projections)
    return Description(
        name=network.name,
        inputs=tuple((item.name, item.shape) for item in network.inputs),
        outputs=network.outputs,
        nodes=nodes,
        populations=tuple(_population_row(population) for population in network.populations),
        projections=projections,
        neurons=sum(population.size for population in network.populations),
        synapses=sum(row.synapses for row in projections),
        parameters=sum(row.parameters for row in nodes),
        assumptions=network.assumptions,
    )


def _population_row(population: Population) -> PopulationRow:
    return PopulationRow(
        name=population.name,
        kind=population.kind,
        shape=population.shape,
        neurons=population.size,
        nodes=population.nodes,
        alpha=_range(population.alpha),
        beta=_range(population.beta),
        threshold=_range(population.threshold),
        bias=_range(population.bias) if population.bias.any() else None,
        leak=_range(population.leak) if population.leak.any() else None,
        reset=population.reset.value,
        reset_value=_range(population.reset_value) if population.reset in _TO_VALUE else None,
        compare=population.compare.value,
        spikes=population.spikes.value,
    )


def _projection_row(projection: Projection) -> ProjectionRow:
    synapses, nonzero = synapse_counts(projection.weight, projection.conv)
    delays = projection.delay_steps
    return ProjectionRow(
        name=projection.name,
        source=projection.source,
        target=projection.target,
        form="matrix" if projection.conv is None else _geometry(projection.conv),
        synapses=synapses,
        nonzero=nonzero,
        weights=projection.weight.size,
        weight=_range(projection.weight) or (0.0, 0.0),
        delays=_range(delays),
        delay_words=0 if delays is None else delays.size,
        recurrent=projection.recurrent,
        nodes=projection.nodes,
    )


def _geometry(conv: ConvParams) -> str:
    """Kernel, and of the rest what is not plain."""
    axes = (conv.rows, conv.columns)
    words = [f"{conv.rows.kernel}x{conv.columns.kernel} convolution"]
    for name, plain in (("pool", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
        rows, columns = (getattr(axis, name) for axis in axes)
        if (rows, columns) != (plain, plain):
            words.append(f"{name} {rows}" if rows == columns else f"{name} {rows}x{columns}")
    return ", ".join(words + ([f"{conv.groups} groups"] if conv.groups > 1 else []))


def _range(values: np.ndarray | None) -> Range | None:
    return None if values is None or not values.size else (float(values.min()), float(values.max()))


def _node_rows(network: Network, graph: Graph) -> Iterator[NodeRow]:
    shapes, fates = derive_shapes(graph), _Fates(network, graph)
    for node in graph.nodes.values():
        whole = NODE_TYPES[node.type].integer if node.type in NODE_TYPES else ()
        arrays = [v for key, v in node.params.items() if isinstance(v, np.ndarray) and key not in whole]
        declares = node.type in ("Input", "Output", PORT, "Flatten")  # shapes, not parameters
        yield NodeRow(
            name=node.name,
            type=node.type,
            shape=shapes[node.name],
            parameters=0 if declares else sum(value.size for value in arrays),
            mapping=fates.of(node),
        )


class _Fates:
    """Where each node went: tables made once."""

    def __init__(self, network: Network, graph: Graph) -> None:
        self._outputs = network.outputs
        self._sources = graph.sources()
        self._live = graph.reaching_outputs()
        self._populations = _owners(network.populations)
        self._projections = _owners(network.projections)

    def of(self, node: Node) -> str:
        if node.name not in self._live:
            return "left out"
        if node.type == "Input":
            return "input"
        if node.type == "Output":
            return f"reads {_listed('population', self._read_by(node.name))}"
        if node.name in self._populations:
            return _listed("population", self._populations[node.name])
        if node.name in self._projections:
            return f"folded into {_listed('projection', self._projections[node.name])}"
        return "passes its input on"

    def _read_by(self, name: str) -> list[str]:
        """Output populations that an Output's value comes from, through nodes that add nothing."""
        found: list[str] = []
        waiting, seen = [name], set()
        while waiting:
            at = waiting.pop()
            owners = [owner for owner in self._populations.get(at, ()) if owner in self._outputs]
            found += owners
            if not owners and at not in seen:
                seen.add(at)
                waiting.extend(self._sources[at])
        return list(dict.fromkeys(found))


def _owners(items: Iterable[Population] | Iterable[Projection]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = {}
    for item in items:
        for node in item.nodes:
            owners.setdefault(node, []).append(item.name)
    return owners


def _listed(kind: str, names: Iterable[str]) -> str:
    names = list(names)
    return f"{kind}{'s' if len(names) > 1 else ''} {', '.join(quoted(name) for name in names)}"
