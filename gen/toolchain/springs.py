"""How hard cells of a netlist pull at each other, through all the cells between them.

Each wire is a spring, each cell a point that gives way until its springs balance: what is left between some
chosen cells when all others have taken their best places is a spring between each pair. A row of registers so
pulls the less the longer it is, as it may span the wider a distance. The arithmetic is that of resistors:
a cell is taken out by joining its neighbours pairwise (star-mesh transform, Rosen 1924), the cells with the
fewest neighbours first.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Springs", "springs_between"]

_MOST_READERS = 64  # what more cells read pulls hardly at any of them
_HOME = 1e-3  # every cell's own spring to where the design is to stand
_LARGE_HOME = 1e-4  # the same of a large design: all of it has no room there, and its cores pull weakly
_LARGE_CELLS = 30_000
_WEAKEST = 2e-3  # springs that are not made: without them, the neighbours of a cell stay few
Pulls = dict[str, dict[str, float]]


class Springs(NamedTuple):
    """Springs of cells.

    Attributes
    ----------
    names : list of str
    between : ndarray
        (cells, cells), symmetric, 0 on the diagonal.
    home : ndarray
        (cells,), to a point that all cells share.
    """

    names: list[str]
    between: np.ndarray
    home: np.ndarray


def springs_between(module: Mapping[str, Any], names: list[str]) -> Springs:
    """Springs between the cells `names` of a netlist (a module of Yosys' JSON), all others taken out.

    A wire with n readers pulls each of them to its driver with 1 / n.
    """
    pulls = _wires(module)
    own = _LARGE_HOME if len(pulls) > _LARGE_CELLS else _HOME
    home = dict.fromkeys(pulls, own)
    _take_out(pulls, home, keep=set(names))
    place = {name: k for k, name in enumerate(names)}
    between = np.zeros((len(names), len(names)))
    for name in names:
        for other, pull in pulls[name].items():
            between[place[name], place[other]] = pull
    return Springs(names, between, np.array([home.get(name, own) for name in names]))


def _wires(module: Mapping[str, Any]) -> Pulls:
    pulls: Pulls = defaultdict(dict)
    drivers, readers = _ends(module)
    for bit, driver in drivers.items():
        others = [cell for cell in readers.get(bit, ()) if cell != driver]
        if len(others) <= _MOST_READERS:
            for cell in others:
                _join(pulls, driver, cell, 1 / len(others))
    return pulls


def _ends(module: Mapping[str, Any]) -> tuple[dict[int, str], dict[int, list[str]]]:
    """The cell that drives each bit, and those that read it."""
    drivers: dict[int, str] = {}
    readers: dict[int, list[str]] = defaultdict(list)
    for name, direction, bit in _pins(module):
        if direction == "output":
            drivers[bit] = name
        else:
            readers[bit].append(name)
    return drivers, readers


def _pins(module: Mapping[str, Any]) -> Iterator[tuple[str, str, int]]:
    for name, cell in module["cells"].items():
        for port, bits in cell["connections"].items():
            direction = cell["port_directions"].get(port, "input")
            yield from ((name, direction, bit) for bit in bits if isinstance(bit, int))


def _join(pulls: Pulls, one: str, other: str, pull: float) -> None:
    pulls[one][other] = pulls[other][one] = pulls[one].get(other, 0.0) + pull


def _take_out(pulls: Pulls, home: dict[str, float], *, keep: set[str]) -> None:
    waiting = [(len(others), name) for name, others in pulls.items() if name not in keep]
    heapq.heapify(waiting)
    while waiting:
        degree, name = heapq.heappop(waiting)
        if name not in pulls or len(pulls[name]) != degree:
            continue  # taken out already, or there again with as many neighbours as it has now
        others = list(pulls.pop(name).items())
        _join_all(pulls, home, name, others, total=home[name] + sum(pull for _, pull in others))
        for other, _ in others:
            if other not in keep:
                heapq.heappush(waiting, (len(pulls[other]), other))


def _join_all(
    pulls: Pulls, home: dict[str, float], name: str, others: list[tuple[str, float]], *, total: float
) -> None:
    """Springs in place of those to `name`, which is gone."""
    for other, pull in others:
        del pulls[other][name]
        home[other] += pull * home[name] / total
    for k, (one, pull) in enumerate(others):
        for other, second in others[:k]:
            made = pull * second / total
            if made > _WEAKEST or other in pulls[one]:
                _join(pulls, one, other, made)
