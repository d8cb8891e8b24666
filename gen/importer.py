"""The way from a ``.nir`` file to a `Network`, step by step."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from .graph import Graph, inline_subgraphs
from .ir import Network
from .lower import lower
from .nir_file import read_graph
from .resolve import resolve_semantics

__all__ = ["ImportedModel", "import_model", "load_network"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ImportedModel:
    """A file as it was read (nested graphs inlined), and the network that it became."""

    graph: Graph
    network: Network


def import_model(
    path: str | os.PathLike[str], *, semantics: str = "auto", dt: float | None = None
) -> ImportedModel:
    """Read a model and keep the graph, for `gen.describe`.

    Parameters and errors are those of `load_network`.
    """
    graph = inline_subgraphs(read_graph(path))
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):  # the results are checked instead
        chosen, lines = resolve_semantics(graph, semantics, dt)
        return ImportedModel(graph=graph, network=lower(graph, chosen, lines=lines))


def load_network(
    path: str | os.PathLike[str], *, semantics: str = "auto", dt: float | None = None
) -> Network:
    """Read a model.

    Parameters
    ----------
    path : path
        A ``.nir`` file.
    semantics : str
        ``NAME[,field=value...]``; NAME is ``auto`` or a framework, see docs/semantics.md.
    dt : float, optional
        Seconds a step, where the file does not tell.

    Returns
    -------
    Network
        ``assumptions`` has a line for everything that the file did not say.

    Raises
    ------
    UserError
        One line: file, node, what is wrong, what would be accepted.
    """
    return import_model(path, semantics=semantics, dt=dt).network
