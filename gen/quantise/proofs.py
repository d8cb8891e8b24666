"""What integers can reach: accumulators exactly, states within a number of steps."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...hw.params import Reset, bits_for_signed

__all__ = ["Interval", "accumulator_bits", "accumulator_interval", "state_interval"]


class Interval(NamedTuple):
    """Lowest and highest value of each neuron, arrays (neurons,); low <= 0 <= high."""

    low: np.ndarray
    high: np.ndarray

    @property
    def bits(self) -> int:
        """Signed bits that hold every neuron's values."""
        return max(2, bits_for_signed(int(np.floor(self.low.min())), int(np.ceil(self.high.max()))))

    def __add__(self, shift: object) -> Interval:
        """Shift both ends, and keep zero inside."""
        return Interval(np.minimum(self.low + shift, 0), np.maximum(self.high + shift, 0))  # type: ignore[operator]


def accumulator_interval(weight: np.ndarray, counts: np.ndarray) -> Interval:
    """What the accumulators of a population reach within a step.

    The events of a step come in any order, and any set of them may come: every partial sum lies between
    the sum of the negative and the sum of the positive weights, and both are reached.

    Parameters
    ----------
    weight : ndarray
        (neurons, sources), integers: all projections into the population beside each other.
    counts : ndarray
        (sources,), the most events of a source in a step.

    Returns
    -------
    Interval
        int64
    """
    counts = counts.astype(np.int64)
    low = np.empty(len(weight), np.int64)
    high = np.empty(len(weight), np.int64)
    for neuron, row in enumerate(weight):
        low[neuron] = np.minimum(row, 0) @ counts
        high[neuron] = np.maximum(row, 0) @ counts
    return Interval(low, high)


def accumulator_bits(interval: Interval) -> int:
    """Signed width of accumulators that can never overflow; see `accumulator_interval`."""
    return bits_for_signed(int(interval.low.min()), int(interval.high.max()))


def state_interval(
    drive: Interval,
    decay: np.ndarray,
    *,
    steps: int,
    reset: Reset = Reset.NONE,
    threshold: np.ndarray | None = None,
    reset_value: np.ndarray | float = 0.0,
    v_min: np.ndarray | None = None,
    slack: float = 0.0,
) -> Interval:
    """Bounds of a state that starts at zero and follows ``v = decay * v + drive`` for `steps` steps.

    A reset to a value in the same step keeps what is stored at or below the threshold; resets that
    subtract a positive threshold are left out of the upper bound, which they only lower.

    Parameters
    ----------
    drive : Interval
        Of one step's input.
    decay : ndarray
        (neurons,), 0 .. 1.
    steps : int
    reset, threshold, reset_value, v_min
        As in `NeuronParams`, in the unit of `drive`.
    slack : float
        Most that rounding takes away in a step (1 for `Rounding.FLOOR`, else 0).
    """
    gain = _gain(decay, steps)
    lift = np.zeros_like(gain)
    if threshold is not None and reset not in (Reset.NONE, Reset.VALUE, Reset.LATE_VALUE):
        lift = np.maximum(-threshold, 0)  # subtracting a negative threshold lifts the membrane
    low, high = (drive.low - slack) * gain, (drive.high + lift) * gain
    if threshold is not None and reset is Reset.LATE_SUBTRACT:
        low = low - np.maximum(threshold, 0)  # leaves decay * v with v at the threshold, less all of it
    if reset in (Reset.VALUE, Reset.LATE_VALUE):
        low, high = low + np.minimum(reset_value, 0), high + np.maximum(reset_value, 0)
    if threshold is not None and reset is Reset.VALUE:
        high = np.minimum(high, np.maximum(np.maximum(threshold, reset_value), 0))
    if v_min is not None:
        low, high = np.maximum(low, np.minimum(v_min, 0)), high + np.maximum(v_min, 0)
    return Interval(low, high)


def _gain(decay: np.ndarray, steps: int) -> np.ndarray:
    """Sum of ``decay**k`` for k below `steps`."""
    rest = 1.0 - decay
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(rest > 0, -np.expm1(steps * np.log1p(-np.minimum(rest, 1))) / rest, float(steps))
