"""Which matrices are stored as row lists: for each source only the words of lanes that have a weight.

Matrix and lists are compared by memory bits times the cycles of a step in which `ACTIVITY` of all sources
fire; a step takes as long as its events or the sweep of its neurons, whichever is longer. Lists are the
shorter the fewer lanes there are, so every number of lanes that may be chosen is tried. Lists need an
expander and a second bank of accumulators, so they have to be better by `MARGIN`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from ..hw.params import LinkParams, bits_for_unsigned
from .core_wiring import CoreWiring, link_weights
from .cycle_ports import link_cycles
from .ir import QuantisedNetwork, QuantisedPopulation
from .neuron_order import matrix_order
from .row_lists import list_counts

__all__ = ["SparseForm", "StoredLinks", "store_links"]

ACTIVITY = 0.1
MARGIN = 0.8
DENSE = 0.9  # a matrix with more weights than this never pays as lists

Shape = tuple[int, int]
"""Lanes and update lanes."""


class SparseForm(StrEnum):
    """Whether matrices may be row lists; AUTO takes the cheaper form of each."""

    AUTO = "auto"
    NEVER = "never"
    ALWAYS = "always"


@dataclass(frozen=True, kw_only=True)
class StoredLinks:
    """Links into a core with their row lists, the shape they were chosen for, and why."""

    links: tuple[LinkParams, ...]
    lanes: int
    update_lanes: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """A link as it would be stored: bits, and rows that each of its events adds on average."""

    link: LinkParams
    bits: int
    rows: float

    def __str__(self) -> str:
        return f"{self.bits} bits, {self.rows:.3g} rows an event"


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    """All links of a core at one shape."""

    shape: Shape
    stored: tuple[_Stored, ...]
    cost: float


def store_links(
    network: QuantisedNetwork,
    population: QuantisedPopulation,
    wiring: CoreWiring,
    shapes: Sequence[Shape],
    wish: SparseForm = SparseForm.AUTO,
) -> StoredLinks:
    """Choose the form of every matrix into `population`, and the shape of its core.

    Parameters
    ----------
    network : QuantisedNetwork
    population : QuantisedPopulation
    wiring : CoreWiring
        Its links, without lists.
    shapes : sequence of (int, int)
        Lanes and update lanes that may be chosen; without lists it is the first.
    wish : SparseForm
        Weights of one bit, which cannot be 0, and arrays that hold delays are matrices in any case.
    """
    choice = _Choice(network, population, wiring)
    plain = StoredLinks(links=wiring.links, lanes=shapes[0][0], update_lanes=shapes[0][1])
    if wish is SparseForm.NEVER or not choice.possible(wish):
        return plain
    dense = choice.candidate(shapes[0], lists=False)
    listed = [choice.candidate(shape, lists=True, always=wish is SparseForm.ALWAYS) for shape in shapes]
    listed = [found for found in listed if any(stored.link.lists for stored in found.stored)]
    if not listed:
        return plain
    best = min(listed, key=lambda found: found.cost)
    taken = wish is SparseForm.ALWAYS or best.cost < MARGIN * dense.cost
    notes = tuple(choice.notes(dense, best, taken=taken))
    if not taken:
        return replace(plain, notes=notes)
    links = tuple(stored.link for stored in best.stored)
    return StoredLinks(links=links, lanes=best.shape[0], update_lanes=best.shape[1], notes=notes)


class _Choice:
    """What a population's links cost in each form."""

    def __init__(self, network: QuantisedNetwork, population: QuantisedPopulation, wiring: CoreWiring):
        self.population = population
        self.wiring = wiring
        self.weights = [
            None if link.conv is not None else matrix_order(network, weight, population.name, link)
            for weight, link in zip(link_weights(network, wiring), wiring.links, strict=True)
        ]

    def possible(self, wish: SparseForm) -> bool:
        """Whether any link could have lists; in AUTO, whether it has zeros enough to ask."""
        if self.population.weight_bits == 1 or self.wiring.max_delay:
            return False
        most = DENSE if wish is SparseForm.AUTO else 1.0
        return any(w is not None and np.count_nonzero(w) <= most * w.size for w in self.weights)

    def candidate(self, shape: Shape, *, lists: bool, always: bool = False) -> _Candidate:
        """All links at `shape`; with `lists` each has them that is smaller so, or `always` that can."""
        stored = []
        for link, weight in zip(self.wiring.links, self.weights, strict=True):
            plain = self._stored(link, shape[0])
            if lists and weight is not None:
                counts = tuple(list_counts(weight, shape[0]).tolist())
                listed = self._stored(replace(link, lists=counts), shape[0])
                if always or listed.bits < plain.bits:
                    plain = listed
            stored.append(plain)
        return _Candidate(shape=shape, stored=tuple(stored), cost=self._cost(shape, stored))

    def notes(self, dense: _Candidate, best: _Candidate, *, taken: bool):
        """A line for each link that is, or could be, row lists."""
        for names, matrix, listed in zip(self.wiring.projections, dense.stored, best.stored, strict=True):
            if not listed.link.lists:
                continue
            lists = f"row lists at {best.shape[0]} lanes: {listed}"
            whole = f"matrix at {dense.shape[0]} lanes: {matrix}"
            form = "row lists" if taken else "a matrix"
            yield f"{self.population.name}: {', '.join(names)} as {form} ({lists}; {whole})"

    def _stored(self, link: LinkParams, lanes: int) -> _Stored:
        row_bits, groups = lanes * self.population.weight_bits, self._groups(lanes)
        cycles = link_cycles(link, groups=groups, lanes=lanes)
        if link.lists:
            words = sum(link.lists)
            pointer = bits_for_unsigned(words - 1) + bits_for_unsigned(max(link.lists))
            bits = words * (row_bits + bits_for_unsigned(groups - 1)) + link.channels * pointer
        elif link.conv is not None:
            bits = link.conv.weight_rows(lanes) * row_bits
        else:
            bits = link.channels * groups * row_bits
        return _Stored(link=link, bits=bits, rows=float(cycles.mean()))

    def _groups(self, lanes: int) -> int:
        return -(-self.population.size // lanes)

    def _cost(self, shape: Shape, stored: Sequence[_Stored]) -> float:
        lanes, update_lanes = shape
        by_rows = any(item.link.lists or item.link.conv is not None for item in stored)
        banks = 2 if by_rows or self._groups(lanes) > 1 else 1
        sums = banks * self._groups(lanes) * lanes * self.population.neuron.acc_bits
        events = ACTIVITY * sum(item.link.channels * item.rows for item in stored)
        sweep = -(-self.population.size // update_lanes)
        return (sums + sum(item.bits for item in stored)) * max(events, sweep)
