"""All projections into one population, side by side as one matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..ir import Network, Projection, QuantisedProjection

__all__ = ["Synapses", "synapses_into"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Synapses:
    """Synapses of one population.

    Attributes
    ----------
    projections : tuple of Projection
    weight : ndarray
        (neurons, sources), float64; the sources of all projections, in order.
    counts : ndarray
        (sources,), the most events of a source in a step.
    """

    projections: tuple[Projection, ...]
    weight: np.ndarray
    counts: np.ndarray

    @property
    def columns(self) -> dict[str, slice]:
        """Columns of each projection, by its name."""
        ends = np.cumsum([0, *(p.weight.shape[1] for p in self.projections)])
        return {p.name: slice(ends[k], ends[k + 1]) for k, p in enumerate(self.projections)}

    def integers(self, weight: np.ndarray) -> list[QuantisedProjection]:
        """The projections with the integers `weight`, laid out as `self.weight`."""
        return [
            QuantisedProjection(
                name=p.name,
                source=p.source,
                target=p.target,
                weight=frozen(weight[:, self.columns[p.name]]),
                recurrent=p.recurrent,
            )
            for p in self.projections
        ]


def frozen(weight: np.ndarray) -> np.ndarray:
    """Read-only int32 copy."""
    weight = np.array(weight, dtype=np.int32, order="C")
    weight.setflags(write=False)
    return weight


def synapses_into(network: Network, population: str, *, neurons: int, most: Mapping[str, int]) -> Synapses:
    """Collect the synapses of one population of `neurons` neurons; `most`: events of a source in a step."""
    projections = network.into(population)
    counts = [np.full(p.weight.shape[1], most[p.source], np.int64) for p in projections]
    return Synapses(
        projections=projections,
        weight=_beside([p.weight for p in projections], neurons, np.float64),
        counts=np.concatenate([np.zeros(0, np.int64), *counts]),
    )


def _beside(matrices: Sequence[np.ndarray], rows: int, dtype: type) -> np.ndarray:
    if len(matrices) == 1:
        return np.asarray(matrices[0], dtype)  # no copy: it may be most of the memory
    return np.concatenate([np.zeros((rows, 0), dtype), *matrices], axis=1)
