"""The synaptic input that one projection gives, for many steps and samples at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ...gen.ir import Projection, QuantisedProjection
from .sums import Sums, sums

__all__ = ["Synapses"]

_KEPT_VALUES = 1 << 26  # weights of delayed parts that are kept, beyond they are cut out again each time


class _Part(NamedTuple):
    """Synapses of a matrix with the same delay: rows of sources, none of which is silent."""

    delay: int
    sources: np.ndarray
    sums: Sums


class Synapses:
    """One projection.

    Spikes are given as (history + steps, samples, sources): those of `steps` steps behind those of as many
    steps before them as the longest delay reaches back.

    Parameters
    ----------
    projection : Projection or QuantisedProjection
    dtype : dtype
        Type of the sums.
    """

    def __init__(self, projection: Projection | QuantisedProjection, dtype: np.dtype) -> None:
        self.source, self.target = projection.source, projection.target
        self._base = int(projection.recurrent)
        self._weight, self._dtype = projection.weight, dtype
        delay = projection.delay_steps
        self._delay = None if delay is None or not delay.any() else np.asarray(delay)
        self._by_synapse = self._delay is not None and self._delay.ndim == 2
        self._whole = None if self._by_synapse else sums(projection.weight, projection.conv, dtype)
        self._kept: list[_Part] | None = None

    @property
    def history_steps(self) -> int:
        """Steps that a spike may be old."""
        return self._base + (0 if self._delay is None else int(self._delay.max()))

    def add(self, acc: np.ndarray, spikes: np.ndarray, first: int) -> None:
        """Add the weights of the spikes that arrive in some steps.

        Parameters
        ----------
        acc : ndarray
            (steps, samples, targets), added to.
        spikes : ndarray
            (..., samples, sources), spikes by the step they were sent in.
        first : int
            Row of `spikes` that holds the first of these steps.
        """
        first, steps = first - self._base, len(acc)
        if self._whole is None:
            for part in self._parts():
                sent = spikes[first - part.delay : first - part.delay + steps]
                part.sums.add(acc, sent[..., part.sources])
        elif self._delay is None:
            self._whole.add(acc, spikes[first : first + steps])
        else:
            self._whole.add(acc, _axonal(spikes, self._delay, first, steps))

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
        return _Part(delay, sources, sums(weight[:, sources], None, self._dtype))


def _axonal(spikes: np.ndarray, delay: np.ndarray, first: int, steps: int) -> np.ndarray:
    """Spikes of each source as its own delay lets them arrive."""
    arrived = np.empty((steps, *spikes.shape[1:]), spikes.dtype)
    for steps_late in np.unique(delay).tolist():
        sources = np.flatnonzero(delay == steps_late)
        sent = spikes[first - steps_late : first - steps_late + steps]
        arrived[..., sources] = sent[..., sources]
    return arrived
