"""Convolutions of many maps at once, by matrix products; exact where the kernel's type holds the sums.

The geometry, with what an output sees and what pooling means, is that of `hw.conv_params`. Here the same sums
are taken from the side of the output: pooled counts, a window for every output, one product.
"""

from __future__ import annotations

import numpy as np

from ..hw.conv_params import AxisParams, ConvParams

__all__ = ["convolve", "fan_out", "patches", "synapse_counts", "window_sums"]

_CHUNK_VALUES = 1 << 18  # of the windows that are laid out at once: they stay in the cache
_FEW_POSITIONS = 16  # below, positions make rows of one product instead of columns of many
_FEW_PRODUCTS = 64  # weights of a group that are multiplied one by one


def convolve(counts: np.ndarray, kernel: np.ndarray, conv: ConvParams) -> np.ndarray:
    """Input of every target.

    Parameters
    ----------
    counts : ndarray
        (maps, sources), events.
    kernel : ndarray
        ``conv.kernel_shape``, floating; its type is that of the sums.
    conv : ConvParams

    Returns
    -------
    ndarray
        (maps, targets)
    """
    out = np.empty((len(counts), *conv.target_shape), kernel.dtype)
    weights = kernel[0].size * conv.filters // conv.groups
    by_weight = conv.groups > 1 and weights <= _FEW_PRODUCTS
    window = conv.channels * (1 if by_weight else kernel.shape[2] * kernel.shape[3])
    step = max(1, _CHUNK_VALUES // (window * conv.positions))
    for start in range(0, len(counts), step):
        maps = slice(start, start + step)
        windows = _windows(counts[maps], conv, kernel.dtype)
        if by_weight:
            _by_weight(windows, kernel, conv, out[maps])
        elif conv.positions < _FEW_POSITIONS:
            _by_row(windows, kernel, conv, out[maps])
        else:
            _by_column(windows, kernel, conv, out[maps])
    return out.reshape(len(counts), conv.targets)


def patches(counts: np.ndarray, conv: ConvParams, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """What the outputs at some positions see.

    Parameters
    ----------
    counts : ndarray
        (maps, sources), events.
    conv : ConvParams
    rows, columns : ndarray
        (positions,), output coordinates.

    Returns
    -------
    ndarray
        (maps, positions, groups, kernel entries of a filter), pooled counts, uint16.
    """
    windows = _windows(counts, conv, np.dtype(np.uint16))[..., rows, columns]
    channels = conv.channels // conv.groups
    entries = channels * windows.shape[2] * windows.shape[3]
    windows = windows.reshape(len(counts), conv.groups, entries, len(rows))
    return np.ascontiguousarray(windows.transpose(0, 3, 1, 2))


def window_sums(kernel: np.ndarray, conv: ConvParams) -> np.ndarray:
    """Sum of the weights of all synapses of each target, (targets,), in the type of the kernel.

    Targets at a border see less of the kernel.
    """
    seen = kernel.sum(axis=1, dtype=kernel.dtype)
    rows, columns = (_seen(axis).astype(kernel.dtype) * axis.pool for axis in (conv.rows, conv.columns))
    return (rows @ seen @ columns.T).reshape(-1)


def fan_out(conv: ConvParams) -> np.ndarray:
    """Synapses that start at each source, (sources,), int64."""
    rows, columns = (
        np.array([len(axis.taps(k)) for k in range(axis.size)], np.int64)
        for axis in (conv.rows, conv.columns)
    )
    one = np.outer(rows, columns) * (conv.filters // conv.groups)
    return np.broadcast_to(one, conv.source_shape).reshape(-1)


def synapse_counts(weight: np.ndarray, conv: ConvParams | None) -> tuple[int, int]:
    """Synapses of a projection, and how many of them have a weight that is not zero."""
    nonzero = (weight != 0).astype(np.int64)
    if conv is None:
        return weight.size, int(nonzero.sum())
    return int(fan_out(conv).sum()), int(window_sums(nonzero, conv).sum())


def _seen(axis: AxisParams) -> np.ndarray:
    """Whether an output sees a coordinate at a place of its kernel, (outputs, kernel)."""
    places = np.arange(axis.outputs)[:, None] * axis.stride + np.arange(axis.kernel) * axis.dilation
    places = places - axis.padding
    return (places >= 0) & (places < axis.pooled)


def _windows(counts: np.ndarray, conv: ConvParams, dtype: np.dtype) -> np.ndarray:
    """View (maps, channels, kernel rows, kernel columns, rows, columns) of the padded and pooled counts."""
    counts = counts.reshape(len(counts), *conv.source_shape)
    reach = [(a.outputs - 1) * a.stride + (a.kernel - 1) * a.dilation + 1 for a in (conv.rows, conv.columns)]
    padded = np.zeros((*counts.shape[:2], *reach), dtype)
    rows, columns = (_inside(axis, end) for axis, end in zip((conv.rows, conv.columns), reach, strict=True))
    inside = padded[:, :, conv.rows.padding :, conv.columns.padding :][:, :, :rows, :columns]
    for row in range(conv.rows.pool):
        for column in range(conv.columns.pool):
            part = counts[:, :, row :: conv.rows.pool, column :: conv.columns.pool]
            inside += part[:, :, :rows, :columns]
    maps, channels, row, column = padded.strides
    return np.lib.stride_tricks.as_strided(
        padded,
        shape=(
            *padded.shape[:2],
            *(conv.rows.kernel, conv.columns.kernel),
            *(conv.rows.outputs, conv.columns.outputs),
        ),
        strides=(
            *(maps, channels),
            *(row * conv.rows.dilation, column * conv.columns.dilation),
            *(row * conv.rows.stride, column * conv.columns.stride),
        ),
        writeable=False,
    )


def _inside(axis: AxisParams, reach: int) -> int:
    """Pooled coordinates that any output sees."""
    return max(0, min(axis.pooled, reach - axis.padding))


def _by_column(windows: np.ndarray, kernel: np.ndarray, conv: ConvParams, out: np.ndarray) -> None:
    """One product a map and group: the kernel times windows in columns."""
    kernel = kernel.reshape(conv.groups, conv.filters // conv.groups, -1)
    shape = (len(windows), conv.groups, kernel.shape[2], conv.positions)
    np.matmul(kernel, windows.reshape(shape), out=out.reshape(*shape[:2], -1, conv.positions))


def _by_row(windows: np.ndarray, kernel: np.ndarray, conv: ConvParams, out: np.ndarray) -> None:
    """One product a group: windows in rows times the kernel."""
    channels, filters = conv.channels // conv.groups, conv.filters // conv.groups
    for group in range(conv.groups):
        part = windows[:, group * channels : (group + 1) * channels].transpose(0, 4, 5, 1, 2, 3)
        some = slice(group * filters, (group + 1) * filters)
        weight = kernel[some].reshape(filters, -1)
        product = part.reshape(-1, weight.shape[1]) @ weight.T
        out[:, some] = product.reshape(*part.shape[:3], filters).transpose(0, 3, 1, 2)


def _by_weight(windows: np.ndarray, kernel: np.ndarray, conv: ConvParams, out: np.ndarray) -> None:
    """Few weights a group, as in a sum pool: multiply and add them one after the other."""
    by_group = (len(out), conv.groups, -1, *out.shape[2:])
    windows = windows.reshape(len(out), conv.groups, -1, *windows.shape[2:])  # a view: it splits an axis
    kernel = kernel.reshape(conv.groups, -1, *kernel.shape[1:])
    total = out.reshape(by_group)
    total[:] = 0
    for filter_, channel, row, column in np.ndindex(kernel.shape[1:]):
        weight = kernel[:, filter_, channel, row, column, None, None]
        total[:, :, filter_] += weight * windows[:, :, channel, row, column]
