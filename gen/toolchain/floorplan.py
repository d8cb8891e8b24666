"""Netlist pass: block RAMs where the wires between them are short (ECP5).

Block RAMs stand in a few rows across the whole device. nextpnr settles them first and by the shortest total,
in which a row of registers costs the same wherever its registers stand: block RAMs of one array end up a
hundred columns apart, and a wire between two of their registers limits the clock. Here the springs between
all block RAMs (springs.py) are made as short as can be, in squares, by simulated annealing (Kirkpatrick et
al. 1983) over the sites of the device; nextpnr then places everything else around them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import numpy as np

from .block_ram_sites import Site
from .springs import Springs, springs_between

__all__ = ["place_block_rams", "release_block_rams"]

Netlist = dict[str, Any]

_CELLS = ("DP16KD", "PDPW16KD")
_ROUNDS = 150
_TRIES = 30  # of every block RAM in each of them
_COOLING = 0.94  # of the temperature from one to the next
_SAMPLES = 500  # random moves that set the first


def place_block_rams(netlist: Netlist, sites: Sequence[Site]) -> Netlist:
    """Give the netlist (Yosys JSON, changed in place) with a site for each block RAM, as attribute BEL.

    Nothing is changed where there are more of them than `sites`; it is the same for the same netlist.
    """
    for module in netlist["modules"].values():
        rams = [name for name, cell in module["cells"].items() if cell["type"] in _CELLS]
        if 0 < len(rams) <= len(sites):
            plan = _Plan(springs_between(module, rams), sites)
            plan.anneal()
            for name, site in zip(rams, plan.sites, strict=True):
                module["cells"][name]["attributes"]["BEL"] = sites[site].bel
    return netlist


def release_block_rams(netlist: Netlist) -> Netlist:
    """Give the netlist (changed in place) with all block RAMs wherever the placer likes."""
    for module in netlist["modules"].values():
        for cell in module["cells"].values():
            if cell["type"] in _CELLS:
                cell["attributes"].pop("BEL", None)
    return netlist


class _Plan:
    """Sites of cells: `sites[cell]` is the number of its site."""

    def __init__(self, springs: Springs, sites: Sequence[Site]) -> None:
        self._rng = random.Random(0)
        self._between = springs.between
        self._places = [(site.x, site.y) for site in sites]
        self._points = np.array(self._places, float)
        center = self._points.mean(axis=0)
        nearest = np.argsort(((self._points - center) ** 2).sum(axis=1), kind="stable")
        self.sites: list[int] = nearest[: len(springs.names)].tolist()
        self._cells = [-1] * len(sites)  # of each site
        for cell, site in enumerate(self.sites):
            self._cells[site] = cell
        self._stiffness = (springs.between.sum(axis=1) + springs.home).tolist()
        # of each cell, the sum over its springs of stiffness times the other end's place
        self._pull = springs.between @ self._points[self.sites] + np.outer(springs.home, center)

    def anneal(self) -> None:
        """Move cells until hardly any move is worth it."""
        tries = _TRIES * len(self.sites)
        temperature = float(np.median([abs(self._cost(*self._move())) for _ in range(_SAMPLES)])) or 1.0
        for _ in range(_ROUNDS):
            for _ in range(tries):
                cell, site = self._move()
                cost = self._cost(cell, site)
                if cost <= 0 or self._rng.random() < math.exp(-cost / temperature):
                    self._go(cell, site)
            temperature *= _COOLING

    def _move(self) -> tuple[int, int]:
        return self._rng.randrange(len(self.sites)), self._rng.randrange(len(self._cells))

    def _cost(self, cell: int, site: int) -> float:
        """By what the energy grows if `cell` goes to `site`, whose cell, if it has one, takes its place."""
        here, other = self.sites[cell], self._cells[site]
        if site == here:
            return 0.0
        cost = self._alone(cell, here, site)
        if other >= 0:
            (x, y), (u, v) = self._places[here], self._places[site]
            # each thought the other stays; the spring between the two is as long as before
            between = 2.0 * self._between[cell, other] * ((x - u) ** 2 + (y - v) ** 2)
            cost += self._alone(other, site, here) + between
        return float(cost)

    def _alone(self, cell: int, here: int, there: int) -> float:
        (x, y), (u, v) = self._places[here], self._places[there]
        pull = self._pull[cell]
        squares = u * u + v * v - x * x - y * y
        return self._stiffness[cell] * squares - 2.0 * (pull[0] * (u - x) + pull[1] * (v - y))

    def _go(self, cell: int, site: int) -> None:
        here, other = self.sites[cell], self._cells[site]
        moved = self._between[cell]
        self.sites[cell], self._cells[site], self._cells[here] = site, cell, other
        if other >= 0:
            self.sites[other] = here
            moved = moved - self._between[other]
        self._pull += np.outer(moved, self._points[site] - self._points[here])
