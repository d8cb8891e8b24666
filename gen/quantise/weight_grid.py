"""Integer weights of a given scale, and the scale that loses least without data.

All functions take rows: one target neuron a row, all its synapses in it.
"""

from __future__ import annotations

import numpy as np

__all__ = ["max_scale", "mse_scale", "nearest", "weight_limits"]

_SHRINKS = np.geomspace(1.0, 0.15, 24)  # fractions of the scale at which nothing is clipped
_CHUNK_WEIGHTS = 1 << 16  # stays in the cache


def weight_limits(bits: int) -> tuple[int, int]:
    """Smallest and largest integer weight; 1 bit is -1 or +1."""
    return (-1, 1) if bits == 1 else (-(1 << (bits - 1)), (1 << (bits - 1)) - 1)


def nearest(quotient: np.ndarray, bits: int) -> np.ndarray:
    """The integer weight nearest to ``weight / scale``, as floats; of two equally near ones the even one."""
    if bits == 1:
        return np.where(quotient >= 0, 1.0, -1.0)
    low, high = weight_limits(bits)
    return np.clip(np.rint(quotient), low, high)


def max_scale(weight: np.ndarray, bits: int) -> np.ndarray:
    """Smallest scale at which no weight of a row is clipped; 0 for rows of zeros.

    Parameters
    ----------
    weight : ndarray
        (neurons, sources)
    bits : int

    Returns
    -------
    ndarray
        (neurons,)
    """
    low, high = weight_limits(bits)
    return np.maximum(weight.max(axis=1, initial=0) / high, weight.min(axis=1, initial=0) / low)


def mse_scale(weight: np.ndarray, bits: int) -> np.ndarray:
    """Scale of each row with the smallest squared error of the nearest integer weights.

    With few bits it clips outliers: losing a little on one weight buys resolution for all others.
    """
    scale = np.empty(len(weight))
    step = max(1, _CHUNK_WEIGHTS // max(1, weight.shape[1]))
    for start in range(0, len(weight), step):
        rows = slice(start, start + step)
        scale[rows] = _mse_scale(weight[rows], bits)
    return scale


def _mse_scale(weight: np.ndarray, bits: int) -> np.ndarray:
    if bits == 1:  # closed form: +-scale is nearest to the magnitudes at their mean
        return np.abs(weight).mean(axis=1)
    largest = max_scale(weight, bits)
    best, best_error = largest, np.full(len(weight), np.inf)
    with np.errstate(divide="ignore", invalid="ignore"):
        for shrink in _SHRINKS:
            scale = largest * shrink
            error = weight - scale[:, None] * nearest(weight / scale[:, None], bits)
            error = np.einsum("ij,ij->i", error, error)
            better = error < best_error
            best, best_error = np.where(better, scale, best), np.where(better, error, best_error)
    return best
