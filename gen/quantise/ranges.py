"""What the states of a population reach: proven for any input, or seen on a calibration set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ...hw.params import Rounding
from ..ir import Population
from .integers import decay_factors, neuron_words
from .proofs import Interval, state_interval

__all__ = ["ProvenRanges", "Ranges", "SeenRanges"]

_SAFE = 1 + 1e-9  # bounds are computed in floating point


class Ranges(Protocol):
    """Ranges of the states for any number of fraction bits."""

    @property
    def proven(self) -> bool:
        """Whether no input can leave them."""
        ...

    def at(self, frac_bits: int) -> tuple[Interval, Interval | None]:
        """Membrane and synaptic current (None without one) in state LSB."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class SeenRanges:
    """Real ranges, (neurons,), of the float network on calibration samples, with a margin."""

    membrane: Interval
    current: Interval | None
    scale: np.ndarray
    margin: float
    proven: bool = False

    def at(self, frac_bits: int) -> tuple[Interval, Interval | None]:
        """Membrane and synaptic current in state LSB."""
        factor = self.margin * 2.0**frac_bits / self.scale
        current = None if self.current is None else _times(self.current, factor)
        return _times(self.membrane, factor), current


@dataclass(frozen=True, kw_only=True, eq=False)
class ProvenRanges:
    """Ranges that the integers of a population cannot leave within `steps` steps, whatever comes in."""

    population: Population
    accumulators: Interval
    scale: np.ndarray
    decay_frac_bits: int
    rounding: Rounding
    steps: int
    proven: bool = True

    def at(self, frac_bits: int) -> tuple[Interval, Interval | None]:
        """Membrane and synaptic current in state LSB."""
        words = neuron_words(self.population, self.scale, frac_bits)
        slack = 1.0 if self.rounding is Rounding.FLOOR else 0.0
        drive, current = _times(self.accumulators, 2.0**frac_bits) + words.bias, None
        if self.population.alpha is not None:
            drive = current = state_interval(
                drive, self._decay(self.population.alpha), steps=self.steps, slack=slack
            )
        membrane = state_interval(
            drive + words.leak,
            self._decay(self.population.beta),
            steps=self.steps,
            reset=self.population.reset,
            threshold=words.threshold,
            reset_value=words.reset_value,
            v_min=words.v_min,
            slack=slack,
        )
        return _times(membrane, _SAFE), None if current is None else _times(current, _SAFE)

    def _decay(self, decay: np.ndarray | None) -> np.ndarray:
        if decay is None:
            return np.zeros(len(self.scale))
        return decay_factors(decay, self.decay_frac_bits) / 2.0**self.decay_frac_bits


def _times(interval: Interval, factor: np.ndarray | float) -> Interval:
    return Interval(interval.low * factor, interval.high * factor)
