"""Read a ``.nir`` file (HDF5) that nobody vouches for.

One reader of our own on h5py, for every file: the `nir` package reads datasets of any size, follows links,
stops at files of older exporters and derives wrong shapes, so it serves as the oracle of the tests instead.
Nothing here depends on the order in the file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import h5py
import numpy as np

from .errors import UserError
from .graph import Graph, Node, in_order, quoted
from .hdf5_heaps import has_endless_heap
from .node_types import NODE_TYPES, check_node

__all__ = ["MAX_VALUES", "read_graph"]

MAX_VALUES = 1 << 27
"""Numbers that are read from one file (1 GiB in float64)."""
_MAX_NODES = 1 << 13  # of one graph
_MAX_EDGES = 1 << 16
_MAX_DEPTH = 8
_MAX_NAME = 200
# Beside the parameters; what they say the edges and parameters say too.
_SILENT = ("type", "metadata", "input_type", "output_type")


def read_graph(path: str | os.PathLike[str]) -> Graph:
    """Read a file and check everything that can be checked node by node.

    Parameters
    ----------
    path : path
        A ``.nir`` file.

    Returns
    -------
    Graph
        Nested graphs are still nested.

    Raises
    ------
    UserError
        Not HDF5, truncated, larger than `MAX_VALUES`, links to elsewhere, unknown node type, missing
        or impossible parameter, dangling edge: file and node named, and what would be accepted.
    """
    name = str(path) if str(path).isprintable() else ascii(str(path))
    if not Path(path).is_file():
        raise UserError(f"{name}: no such file; expected a .nir file")
    if not os.access(path, os.R_OK):
        raise UserError(f"{name}: cannot be read (permission denied)")
    if not h5py.is_hdf5(path):
        raise UserError(f"{name}: not an HDF5 file; expected a .nir file as nir.write makes it")
    if has_endless_heap(path):
        raise UserError(f"{name}: truncated or damaged HDF5 file (a heap of texts has no end)")
    return _Reader(name).read(path)


class _Reader:
    """State of reading one file: its name, and how many numbers were read so far."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._values = 0

    def read(self, path: str | os.PathLike[str]) -> Graph:
        try:
            with h5py.File(path, "r") as file:
                root = self._group(file, "node", "the file")
                self._root_type(root)
                version = self._text(file, "version", "the file") if "version" in file else ""
                return replace(self._graph(root, "", 0), version=version)
        except UserError:
            raise
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, UnicodeError, MemoryError) as error:
            # What HDF5 says of a damaged file is long and changes with its version.
            reason = " ".join(str(error).split())[:100]
            raise UserError(f"{self._name}: truncated or damaged HDF5 file ({reason})") from None

    def _root_type(self, root: h5py.Group) -> None:
        kind = self._text(root, "type", "the root node")
        if kind != "NIRGraph":
            self._fail("the root node", f"is {quoted(kind)}; expected a NIRGraph")

    def _graph(self, group: h5py.Group, at: str, depth: int) -> Graph:
        where = f"nested graph {quoted(at)}" if at else "the graph"
        if depth > _MAX_DEPTH:
            self._fail(where, f"more than {_MAX_DEPTH} levels of nested graphs")
        notes: list[str] = []
        nodes_group = self._group(group, "nodes", where)
        nodes = [self._node(nodes_group, name, at, depth, notes) for name in self._names(nodes_group, where)]
        graph = in_order(self._name, nodes, self._edges(group, where), at=at)
        for node in graph.nodes.values():
            if node.graph is None:
                check_node(graph, node)
        return replace(graph, notes=tuple(notes) + graph.notes)

    def _node(self, nodes: h5py.Group, name: str, at: str, depth: int, notes: list[str]) -> Node:
        path = f"{at}.{name}" if at else name
        where = f"node {quoted(path)}"
        group = self._group(nodes, name, where)
        kind = self._text(group, "type", where)
        if kind == "NIRGraph":
            return Node(name=name, type=kind, graph=self._graph(group, path, depth + 1))
        if kind not in NODE_TYPES:
            known = ", ".join((*NODE_TYPES, "NIRGraph"))
            self._fail(where, f"unknown node type {quoted(kind)}; known: {known}")
        params = {}
        for key in self._names(group, where):
            if key in NODE_TYPES[kind].known:
                params[key] = self._value(group, key, f"{where} ({kind})")
            elif key not in _SILENT:
                notes.append(f"{where}: its parameter {quoted(key)} is not known and not used")
        return Node(name=name, type=kind, params=params)

    def _edges(self, group: h5py.Group, where: str) -> Iterator[tuple[str, str]]:
        data = self._dataset(group, "edges", where)
        if data.size == 0:
            return
        if data.ndim != 2 or data.shape[1] != 2 or data.shape[0] > _MAX_EDGES:
            self._fail(where, f"edges have shape {data.shape}; expected up to {_MAX_EDGES} pairs of names")
        if not _is_text(data.dtype):
            self._fail(where, f"edges hold {data.dtype}; expected pairs of names")
        for source, target in data[()]:
            yield _decoded(source), _decoded(target)

    def _names(self, group: h5py.Group, where: str) -> list[str]:
        if len(group) > _MAX_NODES:
            self._fail(where, f"{len(group)} entries; accepted: up to {_MAX_NODES}")
        names = list(group)
        for name in names:
            if not isinstance(name, str):  # what h5py gives for names that are not UTF-8
                self._fail(where, f"a name that is not text: {name[:40]!r}")
            if len(name) > _MAX_NAME:
                self._fail(where, f"a name of {len(name)} characters; accepted: up to {_MAX_NAME}")
        return names

    def _value(self, group: h5py.Group, key: str, where: str) -> np.ndarray | str:
        data = self._dataset(group, key, where)
        if _is_text(data.dtype) and data.size == 1:
            return _decoded(data[()] if data.ndim == 0 else data[()].flat[0])
        if data.dtype.kind not in "fiub":
            self._fail(where, f"{key} holds {data.dtype}; accepted: numbers")
        self._count(math.prod(data.shape), data.shape, key, where)
        self._count(math.prod(data.chunks or ()), data.chunks or (), f"a chunk of {key}", where)
        value = np.asarray(data[()])
        value.flags.writeable = False
        return value

    def _count(self, values: int, shape: tuple[int, ...], key: str, where: str) -> None:
        self._values += values if "chunk" not in key else 0
        if max(values, self._values) > MAX_VALUES:
            size = "x".join(map(str, shape))
            self._fail(where, f"{key} of {size} values; accepted: up to {MAX_VALUES} values in a file")

    def _text(self, group: h5py.Group, key: str, where: str) -> str:
        data = self._dataset(group, key, where)
        if not _is_text(data.dtype) or data.size != 1:
            self._fail(where, f"{key} holds {data.dtype} of shape {data.shape}; expected one text")
        return _decoded(data[()] if data.ndim == 0 else data[()].flat[0])

    def _group(self, parent: h5py.Group, key: str, where: str) -> h5py.Group:
        child = self._child(parent, key, where)
        if not isinstance(child, h5py.Group):
            self._fail(where, f"{quoted(key)} is not a group")
        return child

    def _dataset(self, parent: h5py.Group, key: str, where: str) -> h5py.Dataset:
        child = self._child(parent, key, where)
        if not isinstance(child, h5py.Dataset):
            self._fail(where, f"{quoted(key)} is not a dataset")
        if child.shape is None:
            self._fail(where, f"{quoted(key)} is empty")
        if child.is_virtual or child.external:
            self._fail(where, f"{quoted(key)} keeps its data in another file; accepted: data in place")
        return child

    def _child(self, parent: h5py.Group, key: str, where: str) -> object:
        link = parent.get(key, getlink=True)
        if link is None:
            self._fail(where, f"has no {quoted(key)}")
        if not isinstance(link, h5py.HardLink):
            kind = "an external link" if isinstance(link, h5py.ExternalLink) else "a soft link"
            self._fail(where, f"{quoted(key)} is {kind}; accepted: data in place")
        return parent[key]

    def _fail(self, where: str, what: str) -> NoReturn:
        raise UserError(f"{self._name}: {where}: {what}")


def _is_text(dtype: np.dtype) -> bool:
    return h5py.check_string_dtype(dtype) is not None


def _decoded(text: bytes | str) -> str:
    return text.decode("utf-8", "backslashreplace") if isinstance(text, bytes) else str(text)
