"""The synaptic input that one projection gives, for many steps and samples at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...gen.convolution import convolve
from ...gen.ir import Projection, QuantisedProjection

__all__ = ["Synapses"]

_KEPT_VALUES = 1 << 26  # weights of delayed parts that are kept, beyond they are cut out again each time


class _Part(NamedTuple):
    """Synapses of a matrix with the same delay: rows of sources, none of which is silent."""

    delay: int
    sources: np.ndarray
    weight: np.ndarray  # (targets, sources)


class Synapses:
    """One projection.

    Spikes are given as (history + steps, samples, sources): those of `steps` steps behind those of as many
    steps before them as the longest delay reaches back.

    Parameters
    ----------
    projection : Projection or QuantisedProjection
    dtype : dtype
        Floating type of the sums.
    """

    def __init__(self, projection: Projection | QuantisedProjection, dtype: np.dtype) -> None:
        self.source, self.target, self.conv = projection.source, projection.target, projection.conv
        self._base = int(projection.recurrent)
        self._weight = projection.weight.astype(dtype)
        delay = projection.delay_steps
        self._delay = None if delay is None or not delay.any() else np.asarray(delay)
        self._targets = projection.targets
        self._kept: list[_Part] | None = None

    @property
    def history_steps(self) -> int:
        """Steps that a spike may be old."""
        return self._base + (0 if self._delay is None else int(self._delay.max()))

    def input(self, spikes: np.ndarray, first: int, steps: int) -> np.ndarray:
        """Summed weights of the spikes that arrive in `steps` steps, (steps, samples, targets).

        Parameters
        ----------
        spikes : ndarray
            (..., samples, sources), spikes by the step they were sent in.
        first : int
            Row of `spikes` that holds the first of these steps.
        steps : int
        """
        first -= self._base
        if self._delay is None:
            return self._product(spikes[first : first + steps])
        if self._delay.ndim == 1:
            return self._product(_axonal(spikes, self._delay, first, steps))
        total = np.zeros((steps, spikes.shape[1], self._targets), self._weight.dtype)
        for part in self._parts():
            sent = spikes[first - part.delay : first - part.delay + steps][..., part.sources]
            total += _times(sent, part.weight)
        return total

    def _product(self, spikes: np.ndarray) -> np.ndarray:
        if self.conv is None:
            return _times(spikes, self._weight)
        maps = spikes.reshape(-1, spikes.shape[2])
        return convolve(maps, self._weight, self.conv).reshape(*spikes.shape[:2], -1)

    def _parts(self) -> Iterator[_Part]:
        if self._kept is not None:
            return iter(self._kept)
        assert self._delay is not None
        delays = np.unique(self._delay).tolist()
        if len(delays) * self._weight.size > _KEPT_VALUES:
            return map(self._part, delays)
        parts = map(self._part, delays)
        self._kept = [part for part in parts if len(part.sources)]
        return iter(self._kept)

    def _part(self, delay: int) -> _Part:
        weight = np.where(self._delay == delay, self._weight, self._weight.dtype.type(0))
        sources = np.flatnonzero(weight.any(axis=0))
        return _Part(delay, sources, np.ascontiguousarray(weight[:, sources]))


def _axonal(spikes: np.ndarray, delay: np.ndarray, first: int, steps: int) -> np.ndarray:
    """Spikes of each source as its own delay lets them arrive."""
    arrived = np.empty((steps, *spikes.shape[1:]), spikes.dtype)
    for steps_late in np.unique(delay).tolist():
        sources = np.flatnonzero(delay == steps_late)
        sent = spikes[first - steps_late : first - steps_late + steps]
        arrived[..., sources] = sent[..., sources]
    return arrived


def _times(spikes: np.ndarray, weight: np.ndarray) -> np.ndarray:
    rows = np.ascontiguousarray(spikes, dtype=weight.dtype).reshape(-1, weight.shape[1])
    return (rows @ weight.T).reshape(*spikes.shape[:2], weight.shape[0])
