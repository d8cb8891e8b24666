"""Row lists of a sparse matrix: for each source the words of lanes that have a weight, and nothing else.

Matrices are (targets, sources), both in the order in which hardware numbers them.
"""

from __future__ import annotations

import numpy as np

from ..hw.params import ArrayParams
from .images import check_weights, lane_rows

__all__ = ["list_counts", "list_rows"]


def list_counts(weight: np.ndarray, lanes: int) -> np.ndarray:
    """Words of each source's list, int64 (sources,); one of zeros where all are empty."""
    counts = _listed(weight, lanes).sum(axis=1)
    counts[0] += not counts.any()
    return counts


def list_rows(weight: np.ndarray, array: ArrayParams) -> list[int]:
    """Give the words of all lists, source by source, groups ascending.

    Parameters
    ----------
    weight : ndarray
        (array.targets, sources), integers in `array.weight_bits`, 2 or more.
    array : ArrayParams

    Returns
    -------
    list of int
        The weights of the lanes in `array.row_bits`, the number of their group above.

    Raises
    ------
    ValueError
        The shape or a weight does not fit.
    """
    check_weights(weight, array, (array.targets, weight.shape[1]))
    listed = _listed(weight, array.lanes)
    listed[0, 0] |= not listed.any()
    sources, groups = np.nonzero(listed)
    lanes = _words(weight, array.lanes)[groups, :, sources]
    words = lane_rows(lanes, array)
    return [word | group << array.row_bits for word, group in zip(words, groups.tolist(), strict=True)]


def _words(weight: np.ndarray, lanes: int) -> np.ndarray:
    """(groups, lanes, sources), zeros where the last group is padded."""
    padding = -len(weight) % lanes
    return np.pad(weight, ((0, padding), (0, 0))).reshape(-1, lanes, weight.shape[1])


def _listed(weight: np.ndarray, lanes: int) -> np.ndarray:
    """(sources, groups), whether a word has a weight."""
    return (_words(weight, lanes) != 0).any(axis=1).T
