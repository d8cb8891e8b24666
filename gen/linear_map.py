"""Linear maps in their cheapest exact form: elementwise, a convolution, or a matrix.

Each `then_` gives the map followed by one more step. Where no cheaper form is exact it becomes a matrix,
after asking `claim` for its (outputs, inputs).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..hw.conv_params import AxisParams, ConvParams
from .conv_algebra import behind_pool, is_pool, then_depthwise, unpooled, unrolled
from .convolution import convolve

__all__ = ["Claim", "LinearMap"]

Claim = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearMap:
    """y = W x: a convolution if `conv` is given, else `matrix`, else the diagonal, else the identity.

    Attributes
    ----------
    matrix : ndarray or None
        (outputs, inputs), of any numeric type.
    diagonal : ndarray or None
        (inputs,).
    conv : ConvParams or None
        Maps in C order of (channels, rows, columns); `kernel` has ``conv.kernel_shape``, float64.
    """

    inputs: int
    matrix: np.ndarray | None = None
    diagonal: np.ndarray | None = None
    conv: ConvParams | None = None
    kernel: np.ndarray | None = None

    @classmethod
    def of_conv(cls, conv: ConvParams, kernel: np.ndarray) -> LinearMap:
        """Return a convolution."""
        return cls(inputs=conv.sources, conv=conv, kernel=kernel)

    @property
    def outputs(self) -> int:
        """Number of rows."""
        if self.conv is not None:
            return self.conv.targets
        return self.inputs if self.matrix is None else self.matrix.shape[0]

    @property
    def elementwise(self) -> bool:
        """Whether each output sees the input of the same index only."""
        return self.matrix is None and self.conv is None

    @property
    def identity(self) -> bool:
        """Whether nothing happens at all."""
        return self.elementwise and self.diagonal is None

    @property
    def factor(self) -> np.ndarray:
        """(outputs,), the diagonal of an elementwise map."""
        return np.ones(self.inputs) if self.diagonal is None else self.diagonal

    def spread(self, values: np.ndarray) -> np.ndarray | None:
        """Values (inputs,) at the inputs of values (outputs,), where each input has one output at most."""
        if self.elementwise:
            return values
        if self.conv is not None and is_pool(self.conv):
            return unpooled(self.conv, values)
        return np.full(self.inputs, values[0]) if (values == values[0]).all() else None

    def then_matrix(self, weight: np.ndarray, claim: Claim) -> LinearMap:
        """Apply `weight` (outputs, inputs) after this map; behind a pool its rows become kernels."""
        if self.elementwise:
            scaled = weight if self.diagonal is None else weight * self.diagonal
            return LinearMap(inputs=self.inputs, matrix=scaled)
        if self.conv is not None and is_pool(self.conv):
            return self._pooled_matrix(self.conv, weight.astype(np.float64))
        claim(weight.shape[0], self.inputs)
        if self.conv is not None:
            claim(self.outputs, self.inputs)
        return LinearMap(inputs=self.inputs, matrix=weight.astype(np.float64) @ self.dense())

    def _pooled_matrix(self, pool: ConvParams, weight: np.ndarray) -> LinearMap:
        rows, columns = (
            AxisParams(size=axis.size, outputs=1, kernel=axis.pooled, pool=axis.pool)
            for axis in (pool.rows, pool.columns)
        )
        conv = ConvParams(channels=pool.channels, filters=len(weight), rows=rows, columns=columns)
        assert self.kernel is not None
        return LinearMap.of_conv(conv, weight.reshape(conv.kernel_shape) * self.kernel.reshape(-1, 1, 1))

    def then_conv(self, conv: ConvParams, kernel: np.ndarray, claim: Claim) -> LinearMap:
        """Apply a convolution or pool after this map."""
        if self.elementwise:
            factor = _constant(self.factor, conv.channels)
            if factor is not None:
                return LinearMap.of_conv(conv, _scaled_channels(conv, kernel, factor))
        elif self.conv is not None:
            assert self.kernel is not None
            if is_pool(self.conv):
                factor = self.kernel.reshape(-1)
                return LinearMap.of_conv(behind_pool(self.conv, conv), _scaled_channels(conv, kernel, factor))
            if _unpadded_depthwise(conv):
                return LinearMap.of_conv(*then_depthwise(self.conv, self.kernel, conv, kernel))
        return self._then_conv_dense(conv, kernel, claim)

    def _then_conv_dense(self, conv: ConvParams, kernel: np.ndarray, claim: Claim) -> LinearMap:
        claim(conv.targets, self.inputs)
        if self.elementwise:
            return LinearMap(inputs=self.inputs, matrix=unrolled(conv, kernel) * self.factor)
        if self.conv is not None:
            claim(self.outputs, self.inputs)
        columns = np.ascontiguousarray(self.dense().T)
        return LinearMap(inputs=self.inputs, matrix=convolve(columns, kernel, conv).T)

    def then_scale(self, factor: np.ndarray, claim: Claim) -> LinearMap:
        """Multiply each output by a factor, (outputs,)."""
        if self.elementwise:
            return replace(self, diagonal=self.factor * factor)
        if self.conv is None:
            assert self.matrix is not None
            return replace(self, matrix=self.matrix * factor[:, np.newaxis])
        assert self.kernel is not None
        filters = _constant(factor, self.conv.filters)
        if filters is not None:
            return replace(self, kernel=self.kernel * filters.reshape(-1, 1, 1, 1))
        claim(self.outputs, self.inputs)
        return LinearMap(inputs=self.inputs, matrix=self.dense() * factor[:, np.newaxis])

    def plus(self, other: LinearMap, claim: Claim) -> LinearMap | None:
        """Sum of the outputs of two maps of the same input; None where two convolutions do not fit."""
        if self.elementwise and other.elementwise:
            return LinearMap(inputs=self.inputs, diagonal=self.factor + other.factor)
        if self.conv is not None and self.conv == other.conv:
            assert self.kernel is not None
            assert other.kernel is not None
            return replace(self, kernel=self.kernel + other.kernel)
        if self.conv is not None or other.conv is not None:
            return None
        claim(self.outputs, self.inputs)
        return LinearMap(inputs=self.inputs, matrix=self.dense() + other.dense())

    def dense(self) -> np.ndarray:
        """(outputs, inputs), float64."""
        if self.conv is not None:
            assert self.kernel is not None
            return unrolled(self.conv, self.kernel)
        return np.diag(self.factor) if self.matrix is None else self.matrix.astype(np.float64)


def _constant(values: np.ndarray, channels: int) -> np.ndarray | None:
    """(channels,), the one value of each channel; None where a channel has several."""
    maps = values.reshape(channels, -1)
    return maps[:, 0] if (maps == maps[:, :1]).all() else None


def _scaled_channels(conv: ConvParams, kernel: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Kernel for channels that are not yet multiplied by `factor` (channels,)."""
    by_group = factor.reshape(conv.groups, conv.channels // conv.groups)
    return kernel * by_group.repeat(conv.filters // conv.groups, axis=0)[:, :, np.newaxis, np.newaxis]


def _unpadded_depthwise(conv: ConvParams) -> bool:
    """Whether each output sees one channel, and no border."""
    inside = all(
        axis.padding == 0
        and (axis.outputs - 1) * axis.stride + (axis.kernel - 1) * axis.dilation < axis.pooled
        for axis in (conv.rows, conv.columns)
    )
    pooled = conv.rows.pool > 1 or conv.columns.pool > 1
    return conv.groups == conv.channels == conv.filters and inside and (is_pool(conv) or not pooled)
