"""Pack weights into the words of a weight memory, in NumPy and linear in the synapses.

Word ``g * sources + s`` holds the weights of source `s` to the targets ``g * lanes + l``, lane `l` at the
bits ``l * lane_bits`` upward: the weight and, where the array holds delays, the delay above it. Padding lanes
(targets beyond the population) are zero bits.
"""

from __future__ import annotations

import numpy as np

from ..hw.conv_params import ConvParams
from ..hw.params import ArrayParams

__all__ = ["check_weights", "kernel_rows", "lane_rows", "weight_rows"]

# Rows are packed in blocks, so that their expansion to 16 bytes a weight stays small.
BLOCK_WEIGHTS = 1 << 20


def weight_rows(weight: np.ndarray, array: ArrayParams, delays: np.ndarray | None = None) -> list[int]:
    """Give the words of the weight memory of `array`.

    Parameters
    ----------
    weight : ndarray
        (targets, sources), integers in `array.weight_bits`; with one bit only +1 and -1.
    array : ArrayParams
    delays : ndarray, optional
        (targets, sources), steps; for an array that holds delays.

    Returns
    -------
    list of int
        `array.rows` words of `array.row_bits`, unsigned.

    Raises
    ------
    ValueError
        The shape, a weight or a delay does not fit `array`.
    """
    check_weights(weight, array, (array.targets, array.sources))
    if delays is None:
        delays = np.zeros(weight.shape, np.int64)
    if delays.shape != weight.shape or delays.min() < 0 or delays.max() > array.max_delay:
        raise ValueError(f"Delays must be one a weight, 0 to {array.max_delay} steps")
    block = max(1, BLOCK_WEIGHTS // array.lanes)
    rows: list[int] = []
    for target in range(0, array.targets, array.lanes):
        for source in range(0, array.sources, block):
            part = np.s_[target : target + array.lanes, source : source + block]
            rows += _pack(weight[part], delays[part], array)
    return rows


def kernel_rows(kernel: np.ndarray, conv: ConvParams, array: ArrayParams) -> list[int]:
    """Give the words of the weight memory of a convolution: (channel, kernel row, kernel column, word).

    Where a word holds several groups of filters, those that do not see the channel are zero.

    Parameters
    ----------
    kernel : ndarray
        `conv.kernel_shape`, integers in `array.weight_bits`; with one bit only +1 and -1.
    conv : ConvParams
    array : ArrayParams
        Of the core; lanes and weight bits are used.

    Raises
    ------
    ValueError
        The shape or a weight does not fit.
    """
    check_weights(kernel, array, conv.kernel_shape)
    share, filters, lanes = conv.channels // conv.groups, conv.group_filters, array.lanes
    words = conv.tap_rows(lanes)
    rows = np.zeros((conv.channels, *conv.kernel_shape[2:], words * lanes), kernel.dtype)
    for channel in range(conv.channels):
        group, local = divmod(channel, share)
        taps = kernel[group * filters : (group + 1) * filters, local]
        first = group * filters % lanes  # of the group's filters in the word
        rows[channel, :, :, first : first + filters] = taps.transpose(1, 2, 0)
    return lane_rows(rows.reshape(-1, lanes), array)


def lane_rows(weights: np.ndarray, array: ArrayParams) -> list[int]:
    """Give a word for each row of `weights`, (words, lanes) integers that fit `array.weight_bits`."""
    block = max(1, BLOCK_WEIGHTS // array.lanes)
    parts = (weights[at : at + block].T for at in range(0, len(weights), block))
    return [word for part in parts for word in _pack(part, None, array)]


def check_weights(weight: np.ndarray, array: ArrayParams, shape: tuple[int, ...]) -> None:
    """Refuse weights that do not fit `array`: ValueError."""
    if weight.shape != shape:
        raise ValueError(f"Weights must have shape {shape}, not {tuple(weight.shape)}")
    if not np.issubdtype(weight.dtype, np.integer):
        raise ValueError(f"Weights must be integers, not {weight.dtype}")
    low, high = -(1 << (array.weight_bits - 1)), (1 << (array.weight_bits - 1)) - 1
    if array.weight_bits == 1:
        low, high = -1, 1
        if not weight.all():
            raise ValueError("Weights of 1 bit must be +1 or -1, not 0")
    found_low, found_high = int(weight.min()), int(weight.max())
    if found_low < low or found_high > high:
        found = found_low if found_low < low else found_high
        raise ValueError(f"Weights of {array.weight_bits} bits must be between {low} and {high}, not {found}")


def _pack(weight: np.ndarray, delays: np.ndarray | None, array: ArrayParams) -> list[int]:
    """Words of a part of one group: (at most `lanes` targets, some sources)."""
    targets, sources = weight.shape
    codes = np.zeros((sources, array.lanes), "<u4")
    low = (weight < 0) if array.weight_bits == 1 else weight & ((1 << array.weight_bits) - 1)
    codes[:, :targets] = low.astype(np.uint32).T
    if delays is not None:
        codes[:, :targets] |= delays.astype(np.uint32).T << array.weight_bits
    bits = np.unpackbits(codes.view(np.uint8).reshape(-1, 4), axis=1, bitorder="little")
    bits = bits[:, : array.lane_bits].reshape(sources, array.row_bits)
    return _words(np.packbits(bits, axis=1, bitorder="little"))


def _words(rows: np.ndarray) -> list[int]:
    """Integers from rows of little-endian bytes."""
    row_bytes = rows.shape[1]
    if row_bytes <= 8:
        wide = np.zeros((len(rows), 8), np.uint8)
        wide[:, :row_bytes] = rows
        return wide.view("<u8")[:, 0].tolist()
    flat = rows.tobytes()
    return [int.from_bytes(flat[at : at + row_bytes], "little") for at in range(0, len(flat), row_bytes)]
