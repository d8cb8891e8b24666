"""Convolutions as linear maps: two in a row as one, and written out as a matrix.

`ConvParams` has the geometry; kernels are float64. They are applied to data in `gen.convolution`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..hw.conv_params import AxisParams, ConvParams

__all__ = ["behind_pool", "depthwise", "is_pool", "then_depthwise", "unpooled", "unrolled"]


def is_pool(conv: ConvParams) -> bool:
    """Whether it only pools: windows that do not overlap, then a factor a channel (its kernel)."""
    plain = all(axis == _pooling(axis.size, axis.pool) for axis in (conv.rows, conv.columns))
    return plain and conv.groups == conv.channels == conv.filters


def depthwise(channels: int, rows: AxisParams, columns: AxisParams) -> ConvParams:
    """Return a convolution in which each filter sees the channel of the same index only."""
    return ConvParams(channels=channels, filters=channels, groups=channels, rows=rows, columns=columns)


def _pooling(size: int, pool: int) -> AxisParams:
    return AxisParams(size=size, outputs=size // pool, kernel=1, pool=pool)


def _outputs(axis: AxisParams, index: int) -> range:
    """Outputs for which a kernel index meets a (pooled) coordinate that exists."""
    shift = index * axis.dilation - axis.padding
    first = max(0, -(shift // axis.stride))
    last = min(axis.outputs - 1, (axis.pooled - 1 - shift) // axis.stride)
    return range(first, max(first, last + 1))


def unrolled(conv: ConvParams, kernel: np.ndarray) -> np.ndarray:
    """Matrix (targets, sources) of a convolution."""
    weight = np.zeros((*conv.target_shape, *conv.source_shape))
    per_group, filters = conv.channels // conv.groups, np.arange(conv.filters)
    # channels[f, k]: the k-th channel that filter f sees
    channels = (filters // (conv.filters // conv.groups) * per_group)[:, np.newaxis] + np.arange(per_group)
    for row in range(conv.rows.kernel):
        to_rows, from_rows = _pairs(conv.rows, row)
        for column in range(conv.columns.kernel):
            to_columns, from_columns = _pairs(conv.columns, column)
            weight[
                filters[:, np.newaxis, np.newaxis, np.newaxis],
                to_rows[:, np.newaxis],
                to_columns,
                channels[:, :, np.newaxis, np.newaxis],
                from_rows[:, np.newaxis],
                from_columns,
            ] = kernel[:, :, row, column, np.newaxis, np.newaxis]
    return weight.reshape(conv.targets, conv.sources)


def _pairs(axis: AxisParams, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Outputs, and the source coordinates that they meet by one kernel index; of a pool all of a window."""
    outputs = np.asarray(_outputs(axis, index), dtype=np.int64)
    pooled = outputs * axis.stride + index * axis.dilation - axis.padding
    coordinates = pooled[:, np.newaxis] * axis.pool + np.arange(axis.pool)
    return np.repeat(outputs, axis.pool), coordinates.reshape(-1)


def behind_pool(pool: ConvParams, conv: ConvParams) -> ConvParams:
    """Geometry of a convolution of a pooled map: pools of pools are pools."""
    return replace(conv, rows=_wider(pool.rows, conv.rows), columns=_wider(pool.columns, conv.columns))


def _wider(pool: AxisParams, axis: AxisParams) -> AxisParams:
    return replace(axis, size=pool.size, pool=pool.pool * axis.pool)


def unpooled(conv: ConvParams, values: np.ndarray) -> np.ndarray:
    """Value (sources,) of the window that each source is in; 0 outside of all windows. A pool only."""
    rows, columns = conv.rows, conv.columns
    windows = values.reshape(conv.target_shape)
    result = np.zeros(conv.source_shape, dtype=values.dtype)
    spread = windows.repeat(rows.pool, axis=1).repeat(columns.pool, axis=2)
    result[:, : spread.shape[1], : spread.shape[2]] = spread
    return result.reshape(-1)


def then_depthwise(
    first: ConvParams, first_kernel: np.ndarray, second: ConvParams, second_kernel: np.ndarray
) -> tuple[ConvParams, np.ndarray]:
    """One convolution for a convolution and a depthwise one (or a pool) without padding behind it.

    The second sees no border of the first, so the kernels convolve: ``row = row1 * dilation1 +
    row2 * dilation2 * stride1``.
    """
    second, second_kernel = _without_pool(second, second_kernel)
    rows, columns = _joined(first.rows, second.rows), _joined(first.columns, second.columns)
    conv = replace(first, rows=rows, columns=columns)
    kernel = np.zeros(conv.kernel_shape)
    wide = [
        slice(None, (axis.kernel - 1) * axis.dilation + 1, axis.dilation)
        for axis in (first.rows, first.columns)
    ]
    for row in range(second.rows.kernel):
        for column in range(second.columns.kernel):
            below = kernel[:, :, row * second.rows.dilation * first.rows.stride :]
            right = below[:, :, :, column * second.columns.dilation * first.columns.stride :]
            right[:, :, wide[0], wide[1]] += (
                first_kernel * second_kernel[:, :, row, column, np.newaxis, np.newaxis]
            )
    return conv, kernel


def _without_pool(conv: ConvParams, kernel: np.ndarray) -> tuple[ConvParams, np.ndarray]:
    """Write a pool as windows that the kernel covers."""
    if not is_pool(conv):
        return conv, kernel
    rows, columns = (
        replace(axis, kernel=axis.pool, stride=axis.pool, pool=1) for axis in (conv.rows, conv.columns)
    )
    wide = replace(conv, rows=rows, columns=columns)
    return wide, np.broadcast_to(kernel, wide.kernel_shape)


def _joined(first: AxisParams, second: AxisParams) -> AxisParams:
    reach = (first.kernel - 1) * first.dilation + (second.kernel - 1) * second.dilation * first.stride
    stride = first.stride * second.stride
    return replace(first, outputs=second.outputs, kernel=reach + 1, stride=stride, dilation=1)
