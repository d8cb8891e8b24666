"""Pack weights into the words of a weight memory, in NumPy and linear in the synapses.

Word ``s * groups + g`` holds the weights of source `s` to the targets ``g * lanes + l``, lane `l` at the
bits ``l * weight_bits`` upward. Padding lanes (targets beyond the population) are zero bits.
"""

from __future__ import annotations

import numpy as np

from ..hw.params import ArrayParams

__all__ = ["weight_rows"]

# Sources are packed in blocks, so that the one byte a bit of the expansion stays small.
BLOCK_BITS = 1 << 24


def weight_rows(weight: np.ndarray, array: ArrayParams) -> list[int]:
    """Give the words of the weight memory of `array`.

    Parameters
    ----------
    weight : ndarray
        (targets, sources), integers in `array.weight_bits`; with one bit only +1 and -1.
    array : ArrayParams

    Returns
    -------
    list of int
        `array.rows` words of `array.row_bits`, unsigned.

    Raises
    ------
    ValueError
        The shape or a weight does not fit `array`.
    """
    _check(weight, array)
    block = max(1, BLOCK_BITS // (array.groups * array.row_bits))
    rows: list[int] = []
    for start in range(0, array.sources, block):
        rows += _pack(weight[:, start : start + block], array)
    return rows


def _check(weight: np.ndarray, array: ArrayParams) -> None:
    if weight.shape != (array.targets, array.sources):
        raise ValueError(
            f"Weights must have shape ({array.targets}, {array.sources}), not {tuple(weight.shape)}"
        )
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


def _pack(weight: np.ndarray, array: ArrayParams) -> list[int]:
    """Words of the sources in `weight`: (targets, some sources)."""
    codes = (weight < 0).astype(np.uint16) if array.weight_bits == 1 else weight.astype(np.uint16)
    padded = np.zeros((weight.shape[1], array.groups * array.lanes), np.uint16)
    padded[:, : array.targets] = codes.T
    bits = np.unpackbits(padded.astype("<u2").view(np.uint8).reshape(-1, 2), axis=1, bitorder="little")
    bits = bits[:, : array.weight_bits].reshape(-1, array.row_bits)
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
