"""Rounding that lets errors cancel: each weight makes up for the rounding of those before it.

The squared error of a membrane is ``e @ H @ e`` with e the weight errors of the neuron and H the second
moments of the traces of its sources. `round_with_feedback` is optimal brain quantisation in a fixed order
(Frantar et al. 2022, GPTQ), `polish` coordinate descent on the same form. Both work for many rows and
several H at once: arrays are (blocks, rows, sources), H is (blocks, sources, sources).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .weight_grid import nearest

__all__ = ["damped", "polish", "round_with_feedback"]

_BLOCK = 64  # columns between two matrix products


def damped(moments: np.ndarray, damping: float) -> np.ndarray:
    """Second moments with `damping` times their mean diagonal added: silent sources keep their weights."""
    mean = np.trace(moments, axis1=1, axis2=2) / moments.shape[1]
    ridge = np.where(mean > 0, damping * mean, 1.0).astype(moments.dtype)
    return moments + ridge[:, None, None] * np.eye(moments.shape[1], dtype=moments.dtype)


def round_with_feedback(weight: np.ndarray, scale: np.ndarray, moments: np.ndarray, bits: int) -> np.ndarray:
    """Round weights one after the other, moving those to come so that the membrane error stays small.

    Parameters
    ----------
    weight : ndarray
        (blocks, rows, sources), real.
    scale : ndarray
        (blocks, rows)
    moments : ndarray
        (blocks, sources, sources), positive definite: see `damped`.
    bits : int

    Returns
    -------
    ndarray
        Integers as floats, the shape of `weight`.
    """
    order = np.argsort(-np.einsum("bii->bi", moments), axis=1, kind="stable")
    weight = np.take_along_axis(weight, order[:, None, :], axis=2).astype(np.float64)
    moments = np.take_along_axis(moments, order[:, :, None], axis=1)
    moments = np.take_along_axis(moments, order[:, None, :], axis=2)
    # Row j of the factor is how the columns after j best answer an error in column j.
    factor = np.linalg.cholesky(np.linalg.inv(moments.astype(np.float64))).transpose(0, 2, 1)
    integers = np.empty_like(weight)

    def visit(column: int, values: np.ndarray) -> np.ndarray:
        integers[:, :, column] = nearest(values / scale, bits)
        return (values - integers[:, :, column] * scale) / factor[:, column, column][:, None]

    _sweep(weight, factor, visit)
    return np.take_along_axis(integers, np.argsort(order, axis=1)[:, None, :], axis=2)


def polish(
    weight: np.ndarray,
    integers: np.ndarray,
    scale: np.ndarray,
    moments: np.ndarray,
    bits: int,
    *,
    passes: int = 3,
) -> np.ndarray:
    """Move single integers as long as the membrane error falls; arguments as in `round_with_feedback`."""
    integers = integers.copy()
    moments = moments.astype(np.float64)
    slope = (weight - integers * scale[:, :, None]) @ moments

    def visit(column: int, values: np.ndarray) -> np.ndarray:
        wanted = integers[:, :, column] + values / (scale * moments[:, column, column][:, None])
        change = nearest(wanted, bits) - integers[:, :, column]
        integers[:, :, column] += change
        return change * scale

    for _ in range(passes):
        before = integers.copy()
        _sweep(slope, moments, visit)
        if np.array_equal(before, integers):
            break
    return integers


def _sweep(values: np.ndarray, matrix: np.ndarray, visit: Callable[[int, np.ndarray], np.ndarray]) -> None:
    """Visit columns in order; subtract from all columns what a visit gives, times that row of `matrix`.

    Within a block of columns that is done at once, outside it in one matrix product a block.
    """
    columns = values.shape[2]
    for start in range(0, columns, _BLOCK):
        block = slice(start, min(columns, start + _BLOCK))
        given = np.zeros((*values.shape[:2], block.stop - start))
        for column in range(start, block.stop):
            given[:, :, column - start] = visit(column, values[:, :, column])
            values[:, :, block] -= given[:, :, column - start, None] * matrix[:, column, None, block]
        values[:, :, :start] -= given @ matrix[:, block, :start]
        values[:, :, block.stop :] -= given @ matrix[:, block, block.stop :]
