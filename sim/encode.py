"""Values to spikes: rate, latency, threshold and direct codes, the same for the same seed everywhere.

In the equations v is a value scaled to 0 .. 1 (v[t] with `frames`), t = 0 .. T - 1 a step, s[t] its
spikes, and [c] is 1 where c holds, else 0. Functions that take `frames` take values
(samples, *shape) that stand still for `steps` steps, or with ``frames=True`` values
(samples, steps, *shape) that bring their own steps. `low` and `high` are as in `scale_values`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..gen.errors import UserError
from .archive import MAX_BYTES

__all__ = ["encode_direct", "encode_latency", "encode_rate", "encode_threshold", "scale_values"]

_CHUNK_VALUES = 1 << 22  # of spikes made at a time


def encode_rate(
    values: np.ndarray,
    steps: int | None = None,
    *,
    seed: int = 0,
    max_rate: float = 1.0,
    even: bool = False,
    frames: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> np.ndarray:
    """Spikes as frequent as the value is large.

    Independent draws, ``s[t] = [u[t] < r v[t]]`` with u uniform in 0 .. 1 (the Bernoulli form of a Poisson
    code); or evenly spaced from a random phase p, with far less noise for the same number of spikes,
    ``s[t] = floor(p + r (v[0] + .. + v[t])) - floor(p + r (v[0] + .. + v[t-1]))``.

    Parameters
    ----------
    values : ndarray
    steps : int or None
        T; None with `frames`.
    seed : int
        0 or more. The first samples get the same spikes whatever follows them.
    max_rate : float
        r, spikes a step of the value 1; above 0, at most 1.
    even : bool
        Evenly spaced spikes.

    Returns
    -------
    ndarray
        (samples, steps, *shape), uint8.

    Raises
    ------
    UserError
        An option or a value out of range.
    """
    if not 0 < max_rate <= 1:
        raise UserError(f"Largest rate must be above 0 and at most 1 spike a step, not {max_rate}")
    draw = _Uniform(seed)

    def independent(v: np.ndarray, count: int) -> np.ndarray:
        return draw((len(v), count, *v.shape[2:])) < max_rate * v

    def spaced(v: np.ndarray, count: int) -> np.ndarray:
        elapsed = np.arange(1, count + 1).reshape(-1, *[1] * (v.ndim - 2))
        total = v.cumsum(axis=1) if frames else v * elapsed
        return np.diff(np.floor(draw((len(v), 1, *v.shape[2:])) + max_rate * total), axis=1, prepend=0)

    return _encode(spaced if even else independent, values, steps, frames=frames, low=low, high=high)


def encode_latency(
    values: np.ndarray,
    steps: int,
    *,
    threshold: float = 0.0,
    low: float | None = None,
    high: float | None = None,
) -> np.ndarray:
    """One spike a channel, the earlier the larger its value; none for v at most `threshold`.

    ``s[t] = [v > threshold] [t = floor((T - 1) (1 - v) + 1/2)]``: the value 1 spikes in the first step.

    Parameters
    ----------
    values : ndarray
        (samples, *shape).
    steps : int
        T.
    threshold : float
        Of the scaled value, 0 .. 1.

    Returns
    -------
    ndarray
        (samples, steps, *shape), uint8.

    Raises
    ------
    UserError
        An option or a value out of range.
    """
    _check_threshold(threshold)

    def latency(v: np.ndarray, count: int) -> np.ndarray:
        step = np.arange(count).reshape(-1, *[1] * (v.ndim - 2))
        return (v > threshold) & (step == np.floor((count - 1) * (1 - v) + 0.5))

    return _encode(latency, values, steps, frames=False, low=low, high=high)


def encode_direct(
    values: np.ndarray,
    steps: int | None = None,
    *,
    max_value: int = 255,
    frames: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> np.ndarray:
    """The value itself in every step, for a first layer of analog input.

    ``x[t] = floor(max_value v[t] + 1/2)``. Values of type uint8 stay as they are.

    Parameters
    ----------
    values : ndarray
    steps : int or None
        T; None with `frames`.
    max_value : int
        What the value 1 becomes, 1 .. 255.

    Returns
    -------
    ndarray
        (samples, steps, *shape), uint8.

    Raises
    ------
    UserError
        An option or a value out of range.
    """
    if not 1 <= max_value <= 255:
        raise UserError(f"Largest value must be 1 .. 255, not {max_value}")

    def direct(v: np.ndarray, count: int) -> np.ndarray:
        return np.broadcast_to(np.floor(max_value * v + 0.5), (len(v), count, *v.shape[2:]))

    return _encode(direct, values, steps, frames=frames, low=low, high=high)


def encode_threshold(
    values: np.ndarray,
    steps: int | None = None,
    *,
    threshold: float = 0.5,
    frames: bool = False,
    low: float | None = None,
    high: float | None = None,
) -> np.ndarray:
    """A spike in every step in which the value is above a threshold: ``s[t] = [v[t] > threshold]``.

    Parameters
    ----------
    values : ndarray
    steps : int or None
        T; None with `frames`.
    threshold : float
        Of the scaled value, 0 .. 1.

    Returns
    -------
    ndarray
        (samples, steps, *shape), uint8.

    Raises
    ------
    UserError
        An option or a value out of range.
    """
    _check_threshold(threshold)

    def above(v: np.ndarray, count: int) -> np.ndarray:
        return np.broadcast_to(v > threshold, (len(v), count, *v.shape[2:]))

    return _encode(above, values, steps, frames=frames, low=low, high=high)


def scale_values(values: np.ndarray, *, low: float | None = None, high: float | None = None) -> np.ndarray:
    """Scale to 0 .. 1: ``(values - low) / (high - low)``, clipped to a bound that is given.

    Parameters
    ----------
    values : ndarray
        Numbers of any type.
    low : float or None
        None: 0, and no value may be below it.
    high : float or None
        None: the largest value of an unsigned or boolean type; otherwise 1, and no value may be above it.

    Returns
    -------
    ndarray
        float64, in the shape of `values`.

    Raises
    ------
    UserError
        An empty range, values outside it, or values that are not finite.
    """
    least, most = _range(values, low, high)
    return np.clip((values.astype(np.float64) - least) / (most - least), 0, 1)


def _range(values: np.ndarray, low: float | None, high: float | None) -> tuple[float, float]:
    """Checked bounds of `values`."""
    if values.dtype.kind not in "buif" or not values.size:
        raise UserError(f"Values to encode must be numbers, not {values.dtype} of shape {values.shape}")
    smallest, largest = float(values.min()), float(values.max())
    if not (math.isfinite(smallest) and math.isfinite(largest)):
        raise UserError("Values to encode must be finite")
    natural = {"b": 1.0, "u": float(np.iinfo(values.dtype).max) if values.dtype.kind == "u" else 0.0}
    least = 0.0 if low is None else low
    most = natural.get(values.dtype.kind, 1.0) if high is None else high
    if not (math.isfinite(least) and math.isfinite(most) and least < most):
        raise UserError(f"Range of the values to encode must have low < high, not {least:g} .. {most:g}")
    if (low is None and smallest < least) or (high is None and largest > most):
        raise UserError(
            f"Values to encode are {smallest:g} .. {largest:g} of type {values.dtype}:"
            " give their range as low and high"
        )
    return least, most


def _check_threshold(threshold: float) -> None:
    if not 0 <= threshold <= 1:
        raise UserError(f"Encoding threshold must be 0 .. 1, not {threshold}")


class _Uniform:
    """Uniform doubles in 0 .. 1 from raw PCG64 words, which NumPy promises never to change."""

    def __init__(self, seed: int) -> None:
        if seed < 0:
            raise UserError(f"Seed must be 0 or more, not {seed}")
        self._bits = np.random.PCG64(seed)

    def __call__(self, shape: tuple[int, ...]) -> np.ndarray:
        words = np.asarray(self._bits.random_raw(math.prod(shape)), dtype=np.uint64)
        return ((words >> np.uint64(11)) * 2.0**-53).reshape(shape)


def _encode(
    code: Callable[[np.ndarray, int], np.ndarray],
    values: np.ndarray,
    steps: int | None,
    *,
    frames: bool,
    low: float | None,
    high: float | None,
) -> np.ndarray:
    """Apply `code` to scaled values (samples, 1 or steps, *shape), a chunk of samples at a time."""
    steps = _steps(values, steps, frames=frames)
    low, high = _range(values, low, high)
    shape = values.shape[2 if frames else 1 :]
    size = len(values) * steps * math.prod(shape)
    if size > MAX_BYTES:
        raise UserError(
            f"Spikes of {len(values)} samples would take {size} bytes, at most {MAX_BYTES} are accepted"
        )
    x = np.empty((len(values), steps, *shape), dtype=np.uint8)
    chunk = max(1, _CHUNK_VALUES // (steps * math.prod(shape)))
    for k in range(0, len(values), chunk):
        part = scale_values(values[k : k + chunk], low=low, high=high)
        x[k : k + chunk] = code(part if frames else part[:, None], steps)
    return x


def _steps(values: np.ndarray, steps: int | None, *, frames: bool) -> int:
    if values.ndim < (3 if frames else 2):
        wanted = "(samples, steps, ...)" if frames else "(samples, ...)"
        raise UserError(f"Values to encode must have the shape {wanted}, not {values.shape}")
    if frames and steps not in (None, values.shape[1]):
        raise UserError(f"Values to encode bring {values.shape[1]} frames, so there cannot be {steps} steps")
    steps = values.shape[1] if frames else steps
    if steps is None or steps < 1:
        raise UserError(f"Steps must be at least 1, not {steps}")
    return steps
