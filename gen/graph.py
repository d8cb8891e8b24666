"""A NIR graph as plain frozen data, and what holds for every graph whatever its nodes mean.

Nested graphs are inlined here: a node ``inner`` of the nested graph ``outer`` becomes ``outer.inner``,
and the nested Input and Output become ports that pass their value on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from .errors import UserError

__all__ = ["PORT", "Graph", "Node", "inline_subgraphs", "natural", "quoted"]

Edge = tuple[str, str]

PORT = "Port"  # the Input or Output of a nested graph after inlining
_SHOWN = 8


@dataclass(frozen=True, kw_only=True, eq=False)
class Node:
    """One node as the file has it.

    Attributes
    ----------
    type : str
        NIR node type.
    params : mapping
        Parameter name to array (dtype and shape of the file) or string.
    graph : Graph or None
        The nested graph of a NIRGraph node.
    """

    name: str
    type: str
    params: Mapping[str, np.ndarray | str] = field(default_factory=dict)
    graph: Graph | None = None

    def array(self, name: str) -> np.ndarray:
        """Return a numeric parameter."""
        value = self.params[name]
        if isinstance(value, str):
            raise TypeError(f"{name} of {self.name} is a text")
        return value


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """Nodes by name and edges, both in natural order of the names: the order in a file means nothing.

    Attributes
    ----------
    path : str
        The file, for messages.
    notes : tuple of str
        What was assumed while reading.
    at : str
        Path of a nested graph, for messages.
    """

    path: str
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    version: str = ""
    notes: tuple[str, ...] = ()
    at: str = ""

    def error(self, node: str, what: str) -> UserError:
        """One-line error that names file, node and node type."""
        kind = self.nodes[node].type if node in self.nodes else "unknown"
        name = f"{self.at}.{node}" if self.at else node
        return UserError(f"{self.path}: node {quoted(name)} ({kind}): {what}")

    def problem(self, what: str) -> UserError:
        """One-line error about the file as a whole."""
        return UserError(f"{self.path}: {what}")

    def of_type(self, *types: str) -> tuple[Node, ...]:
        """Return the nodes of these types."""
        return tuple(node for node in self.nodes.values() if node.type in types)

    def sources(self) -> dict[str, list[str]]:
        """Map each node to the nodes with an edge to it."""
        table: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            table[target].append(source)
        return table

    def targets(self) -> dict[str, list[str]]:
        """Map each node to the nodes that it has an edge to."""
        table: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            table[source].append(target)
        return table

    def reaching_outputs(self) -> set[str]:
        """Nodes from which an Output can be reached, the Outputs included."""
        sources, found = self.sources(), set()
        waiting = [node.name for node in self.of_type("Output")]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(sources[name])
        return found


def quoted(name: str) -> str:
    """Quote a name from an untrusted file: one line, printable, at most 60 characters."""
    text = ascii(name) if not name.isprintable() else repr(name)
    return text if len(text) <= 60 else text[:57] + "...'"


def natural(name: str) -> list[tuple[bool, int, str]]:
    """Sort key in which ``fc10`` comes after ``fc9``."""
    parts = re.split(r"([0-9]+)", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


def in_order(path: str, nodes: Iterable[Node], edges: Iterable[Edge], *, at: str = "") -> Graph:
    """Build a graph: sort nodes and edges, drop doubled edges, mend or refuse dangling ones.

    Parameters
    ----------
    at : str
        Name of the nested graph, for messages.

    Raises
    ------
    UserError
        An edge names a node that is not there, and not exactly one other node is without edges.
    """
    table = {node.name: node for node in sorted(nodes, key=lambda node: natural(node.name))}
    notes: list[str] = []
    once = _mended(path, at, table, _without_doubles(at, edges, notes), notes)
    once.sort(key=lambda edge: (natural(edge[0]), natural(edge[1])))
    return Graph(path=path, nodes=table, edges=tuple(once), notes=tuple(notes), at=at)


def _without_doubles(at: str, edges: Iterable[Edge], notes: list[str]) -> list[Edge]:
    counts = Counter(edges)
    for (source, target), count in counts.items():
        if count > 1:
            edge = f"{quoted(source)} -> {quoted(target)}"
            notes.append(f"{_where(at)}edge {edge} is there {count} times; it counts once")
    return list(counts)


def _mended(path: str, at: str, nodes: Mapping[str, Node], edges: list[Edge], notes: list[str]) -> list[Edge]:
    named = {name for edge in edges for name in edge}
    unknown, lonely = sorted(named - nodes.keys()), sorted(nodes.keys() - named)
    if not unknown:
        return edges
    if len(unknown) == len(lonely) == 1:
        mend = {unknown[0]: lonely[0]}
        notes.append(
            f"{_where(at)}edges name {quoted(unknown[0])}, which is not there; read as {quoted(lonely[0])}, "
            "the only node without edges"
        )
        return [(mend.get(a, a), mend.get(b, b)) for a, b in edges]
    first = next(edge for edge in edges if edge[0] in unknown or edge[1] in unknown)
    raise UserError(
        f"{path}: {_where(at)}edge {quoted(first[0])} -> {quoted(first[1])} names {_listed(unknown)}, "
        f"which is not there; nodes here: {_listed(nodes)}"
    )


def _where(at: str) -> str:
    return f"nested graph {quoted(at)}: " if at else ""


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(quoted(name) for name in names[:_SHOWN]) + more


def inline_subgraphs(graph: Graph) -> Graph:
    """Replace every nested graph by its nodes.

    Raises
    ------
    UserError
        Edges into (out of) a nested graph that has not exactly one Input (Output), or two nodes that
        get the same name.
    """
    nested = [node for node in graph.nodes.values() if node.graph is not None]
    if not nested:
        return graph
    nodes = [node for node in graph.nodes.values() if node.graph is None]
    edges, notes = list(graph.edges), list(graph.notes)
    for node in nested:
        inner = inline_subgraphs(node.graph or graph)
        edges = [_rewired(graph, node.name, inner, edge) for edge in edges] + [
            (f"{node.name}.{a}", f"{node.name}.{b}") for a, b in inner.edges
        ]
        nodes += _renamed(node.name, inner)
        notes += inner.notes
    _check_names(graph, nodes)
    flat = in_order(graph.path, nodes, edges)
    return replace(flat, version=graph.version, notes=tuple(notes))


def _renamed(outer: str, inner: Graph) -> Iterator[Node]:
    for node in inner.nodes.values():
        kind = PORT if node.type in ("Input", "Output") else node.type
        yield replace(node, name=f"{outer}.{node.name}", type=kind)


def _rewired(graph: Graph, outer: str, inner: Graph, edge: Edge) -> Edge:
    source, target = edge
    if source == outer:
        source = f"{outer}.{_only_port(graph, outer, inner, 'Output')}"
    if target == outer:
        target = f"{outer}.{_only_port(graph, outer, inner, 'Input')}"
    return source, target


def _only_port(graph: Graph, outer: str, inner: Graph, kind: str) -> str:
    ports = inner.of_type(kind)
    if len(ports) != 1:
        raise graph.error(outer, f"has {len(ports)} {kind} nodes; a nested graph needs exactly one")
    return ports[0].name


def _check_names(graph: Graph, nodes: list[Node]) -> None:
    seen: set[str] = set()
    for node in nodes:
        if node.name in seen:
            raise graph.error(node.name, "a node of a nested graph gets the same name; rename one of the two")
        seen.add(node.name)
