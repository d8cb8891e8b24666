"""What a projection's synapses add up, spike by spike (integers) or as matrix products (floating point)."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ...gen.convolution import convolve
from ...hw.conv_params import AxisParams, ConvParams

if TYPE_CHECKING:
    from .event_kernels import Axis

__all__ = ["Sums", "sums"]

_DENSE = 0.1
"""Share of a convolution's sources with spikes above which matrix products are about as fast or faster."""


class Sums(Protocol):
    """Adds the weights of spikes."""

    def add(self, acc: np.ndarray, spikes: np.ndarray) -> None:
        """Add to `acc`, (steps, samples, targets), the weights of `spikes`, (steps, samples, sources)."""
        ...


def sums(weight: np.ndarray, conv: ConvParams | None, dtype: np.dtype) -> Sums:
    """The way to add `weight` in accumulators of type `dtype`.

    Parameters
    ----------
    weight : ndarray
        (targets, sources), or a convolution's kernel.
    conv : ConvParams or None
    dtype : dtype
        Floating, or an integer type that holds every partial sum.
    """
    if dtype.kind == "f":
        return _Products(weight.astype(dtype), conv)
    return _EventRows(weight) if conv is None else _EventTaps(weight, conv)


class _Products:
    """Matrix products."""

    def __init__(self, weight: np.ndarray, conv: ConvParams | None) -> None:
        self._weight, self._conv = weight, conv

    def add(self, acc: np.ndarray, spikes: np.ndarray) -> None:
        if self._conv is not None:
            maps = spikes.reshape(-1, spikes.shape[2])
            acc += convolve(maps, self._weight, self._conv).reshape(acc.shape)
            return
        rows = np.ascontiguousarray(spikes, dtype=self._weight.dtype).reshape(-1, spikes.shape[2])
        acc += (rows @ self._weight.T).reshape(acc.shape)


class _EventRows:
    """A row of a matrix for every event."""

    def __init__(self, weight: np.ndarray) -> None:
        from .event_kernels import add_matrix  # and numba: only where something runs

        self._kernel = add_matrix
        self._weight = np.ascontiguousarray(weight.T, dtype=_narrow(weight))

    def add(self, acc: np.ndarray, spikes: np.ndarray) -> None:
        self._kernel(acc, *_as_bytes(spikes), self._weight)


class _EventTaps:
    """The taps of a kernel for every event; matrix products where most sources have events."""

    def __init__(self, weight: np.ndarray, conv: ConvParams) -> None:
        from .event_kernels import add_convolution

        self._kernel, self._conv, self._weight = add_convolution, conv, weight
        window = conv.rows.pool * conv.columns.pool  # counts that are added up before they are multiplied
        self._reach = window * int(np.abs(weight, dtype=np.int64).sum(axis=(1, 2, 3)).max())
        filters = conv.filters // conv.groups
        by_group = weight.reshape(conv.groups, filters, *weight.shape[1:])
        by_channel = by_group.transpose(0, 2, 3, 4, 1).reshape(conv.channels, *weight.shape[2:], filters)
        self._by_channel = np.ascontiguousarray(by_channel, dtype=_narrow(weight))
        self._axes = _axis(conv.rows), _axis(conv.columns)

    def add(self, acc: np.ndarray, spikes: np.ndarray) -> None:
        if np.count_nonzero(spikes) > _DENSE * spikes.size:
            self._add_products(acc, spikes)
        else:
            channels = self._conv.channels // self._conv.groups
            self._kernel(acc, *_as_bytes(spikes), self._by_channel, *self._axes, channels)

    def _add_products(self, acc: np.ndarray, spikes: np.ndarray) -> None:
        # A float holds every whole number up to 2**24, a double up to 2**53: below that, the partial sums
        # of a matrix product are exact in whatever order they are added, fused or not.
        dtype = np.float32 if self._reach * int(spikes.max()) <= 1 << 24 else np.float64
        maps = spikes.reshape(-1, spikes.shape[2])
        acc += convolve(maps, self._weight.astype(dtype), self._conv).reshape(acc.shape).astype(acc.dtype)


def _narrow(weight: np.ndarray) -> np.dtype:
    """Type in which the weights are read fastest."""
    low, high = (weight.min(), weight.max()) if weight.size else (0, 0)
    kinds = (np.iinfo(kind) for kind in (np.int8, np.int16, np.int32))
    return next(kind.dtype for kind in kinds if kind.min <= low and high <= kind.max)


def _axis(axis: AxisParams) -> Axis:
    from .event_kernels import Axis

    taps = [axis.taps(k) for k in range(axis.size)]
    first = np.cumsum([0, *map(len, taps)])
    output, index = np.asarray(list(chain.from_iterable(taps)), np.int64).reshape(-1, 2).T.copy()
    return Axis(axis.size, axis.outputs, first, output, index)


def _as_bytes(spikes: np.ndarray) -> tuple[np.ndarray, tuple[int, int]]:
    """Spikes as bytes from the first on, and how far apart steps and samples are; a view where possible."""
    steps, samples, sources = spikes.shape
    if spikes.flags.carray:
        return spikes.reshape(-1), (samples * sources, sources)
    if spikes.strides[2] != 1 or not spikes.flags.writeable or min(spikes.strides) < 0:
        return _as_bytes(spikes.copy())
    step, sample, _ = spikes.strides
    last = (steps - 1) * step + (samples - 1) * sample + sources
    flat = np.lib.stride_tricks.as_strided(spikes, (last if spikes.size else 0,), (1,))
    return flat, (step, sample)
