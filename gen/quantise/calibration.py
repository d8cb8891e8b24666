"""The calibration set, and what the float network did on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ..ir import Network, Population, Projection
from .options import QuantiseOptions
from .proofs import Interval
from .ranges import SeenRanges
from .simulate import Recorded, Simulator

__all__ = ["Calibration", "calibrate", "delayed", "shift"]

_AUTO_VALUES = 3_000_000  # recorded states, samples x steps x neurons, of an automatic number of samples
_AUTO_SAMPLES = (64, 1024)
_MAX_VALUES = 1 << 26  # of any number: half a gigabyte of membranes


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """Samples with the run of the float network on them.

    Attributes
    ----------
    x : ndarray
        (samples, steps, channels), uint8.
    run : Recorded
        With membranes and synaptic currents.
    """

    network: Network
    simulate: Simulator
    x: np.ndarray
    run: Recorded

    def part(self, samples: np.ndarray) -> Calibration:
        """The same with only some of the samples."""
        cut = {
            name: {key: array[samples] for key, array in getattr(self.run, name).items()}
            for name in ("spikes", "membranes", "currents")
        }
        return replace(self, x=self.x[samples], run=_Part(saturations=self.run.saturations, **cut))

    def sent(self, projection: Projection, spikes: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        """Events that enter `projection`, (samples, steps, sources).

        Parameters
        ----------
        projection : Projection
        spikes : mapping, optional
            Spikes of populations that take the place of those of the float network.
        """
        sent = self._inputs().get(projection.source)
        if sent is not None:
            return sent
        spikes = {**self.run.spikes, **(spikes or {})}
        # The float network's counts have no upper bound.
        return np.minimum(spikes[projection.source], 255).astype(np.uint8)

    def _inputs(self) -> dict[str, np.ndarray]:
        ends = np.cumsum([0, *(node.size for node in self.network.inputs)])
        return {node.name: self.x[:, :, ends[k] : ends[k + 1]] for k, node in enumerate(self.network.inputs)}

    def ranges(self, population: Population, scale: np.ndarray, *, margin: float) -> SeenRanges:
        """Ranges of the states of one population."""
        current = self.run.currents.get(population.name) if population.alpha is not None else None
        return SeenRanges(
            membrane=_extremes(self.run.membranes[population.name]),
            current=None if current is None else _extremes(current),
            scale=scale,
            margin=margin,
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    """Some samples of a run."""

    spikes: Mapping[str, np.ndarray]
    membranes: Mapping[str, np.ndarray]
    currents: Mapping[str, np.ndarray]
    saturations: Mapping[str, int]


def calibrate(network: Network, options: QuantiseOptions, simulate: Simulator, x: np.ndarray) -> Calibration:
    """Take samples evenly from `x` and run the float network on them."""
    x = x.reshape(*x.shape[:2], -1)
    samples = min(len(x), _samples(network, options, x.shape[1]))
    x = np.ascontiguousarray(x[np.arange(samples) * len(x) // samples])
    return Calibration(
        network=network, simulate=simulate, x=x, run=simulate.run_float(network, x, record=True)
    )


def _samples(network: Network, options: QuantiseOptions, steps: int) -> int:
    states = max(1, steps * sum(population.size for population in network.populations))
    if isinstance(options.max_samples, int):
        wanted = options.max_samples
    else:
        wanted = int(np.clip(_AUTO_VALUES // states, *_AUTO_SAMPLES))
    return max(1, min(wanted, _MAX_VALUES // states))


def shift(values: np.ndarray) -> np.ndarray:
    """The step before: (samples, steps, ...) with zeros in the first step."""
    return np.concatenate([np.zeros_like(values[:, :1]), values[:, :-1]], axis=1)


def delayed(events: np.ndarray, steps: int | np.ndarray) -> np.ndarray:
    """Events (samples, steps, sources) that arrive `steps` later, a number or one a source."""
    if not np.any(steps):
        return events
    if isinstance(steps, int):
        late = np.zeros_like(events)
        late[:, steps:] = events[:, : max(0, events.shape[1] - steps)]
        return late
    late = np.zeros_like(events)
    for delay in np.unique(steps).tolist():
        sources = np.flatnonzero(steps == delay)
        late[:, delay:, sources] = events[:, : max(0, events.shape[1] - delay), sources]
    return late


def _extremes(states: np.ndarray) -> Interval:
    return Interval(states.min(axis=(0, 1), initial=0), states.max(axis=(0, 1), initial=0))
