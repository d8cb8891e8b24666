"""All projections into one population, side by side as one matrix."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..convolution import window_sums
from ..ir import Network, Projection, QuantisedProjection
from .proofs import Interval, accumulator_interval

__all__ = ["Synapses", "frozen", "row_count", "synapses_into"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Synapses:
    """Synapses of one population.

    Neurons that share kernels share a scale: a row of weights belongs to one neuron, or, where a convolution
    ends in the population, to the neurons of one filter (which follow each other).

    Attributes
    ----------
    neurons, rows : int
    projections : tuple of Projection
    weight : ndarray
        (rows, entries), float64: the weights of all projections, in order. A matrix without convolutions
        beside it has its sources as entries, a kernel its channels, rows and columns.
    most : tuple of int
        By projection: the most events of a source in a step.
    """

    neurons: int
    rows: int
    projections: tuple[Projection, ...]
    weight: np.ndarray
    most: tuple[int, ...]

    @property
    def columns(self) -> dict[str, slice]:
        """Entries of each projection, by its name."""
        ends = np.cumsum([0, *(p.weight.size // self.rows for p in self.projections)])
        return {p.name: slice(ends[k], ends[k + 1]) for k, p in enumerate(self.projections)}

    @property
    def convolved(self) -> bool:
        """Whether a convolution is among the projections."""
        return any(p.conv is not None for p in self.projections)

    def of(self, projection: Projection, weight: np.ndarray) -> np.ndarray:
        """Part of one projection of `weight`, (rows, entries), in the shape of its own weights."""
        return weight[:, self.columns[projection.name]].reshape(projection.weight.shape)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """From a value a row to one a neuron."""
        return np.repeat(values, self.neurons // self.rows)

    def per_row(self, values: np.ndarray) -> np.ndarray:
        """From a value a neuron to one a row, where those of a row are equal."""
        return values[:: self.neurons // self.rows]

    def accumulators(self, weight: np.ndarray) -> Interval:
        """What the accumulators of the neurons reach in a step with integers `weight`; see `proofs`."""
        low = high = np.zeros(self.neurons, np.int64)
        for projection, most in zip(self.projections, self.most, strict=True):
            part = _interval(projection, self.of(projection, weight), most)
            low, high = low + part.low, high + part.high
        return Interval(low, high)

    def integers(self, weight: np.ndarray) -> list[QuantisedProjection]:
        """The projections with the integers `weight`, laid out as `self.weight`."""
        return [
            QuantisedProjection(
                name=p.name,
                source=p.source,
                target=p.target,
                weight=frozen(self.of(p, weight)),
                recurrent=p.recurrent,
                conv=p.conv,
                delay_steps=p.delay_steps,
            )
            for p in self.projections
        ]


def _interval(projection: Projection, weight: np.ndarray, most: int) -> Interval:
    if projection.conv is None:
        return accumulator_interval(weight, np.full(projection.sources, most, np.int64))
    weight = weight.astype(np.int64) * most
    low, high = (
        window_sums(part, projection.conv) for part in (np.minimum(weight, 0), np.maximum(weight, 0))
    )
    return Interval(low, high)


def frozen(weight: np.ndarray) -> np.ndarray:
    """Read-only int32 copy."""
    weight = np.array(weight, dtype=np.int32, order="C")
    weight.setflags(write=False)
    return weight


def synapses_into(network: Network, population: str, *, neurons: int, most: Mapping[str, int]) -> Synapses:
    """Collect the synapses of one population of `neurons` neurons; `most`: events of a source in a step."""
    projections = network.into(population)
    rows = row_count(projections, neurons)
    return Synapses(
        neurons=neurons,
        rows=rows,
        projections=projections,
        weight=_beside([p.weight.reshape(rows, -1) for p in projections], rows, np.float64),
        most=tuple(most[p.source] for p in projections),
    )


def row_count(projections: Sequence[Projection], neurons: int) -> int:
    """Rows of weights of a population: neurons, or filters where a convolution ends there."""
    return math.gcd(neurons, *(p.conv.filters for p in projections if p.conv is not None))


def _beside(matrices: Sequence[np.ndarray], rows: int, dtype: type) -> np.ndarray:
    if len(matrices) == 1:
        return np.asarray(matrices[0], dtype)  # no copy: it may be most of the memory
    return np.concatenate([np.zeros((rows, 0), dtype), *matrices], axis=1)
