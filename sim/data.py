"""Samples from ``DATA.npz``: spike counts, or event lists that are binned into steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..gen.errors import UserError
from .archive import Archive
from .events import bin_events, read_events

__all__ = ["Samples", "load_samples", "read_labels"]

_LABEL_MAX = (1 << 31) - 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Samples:
    """Samples of a network's input.

    Attributes
    ----------
    x : ndarray
        (samples, steps, *input shape), uint8: events of a channel in a step.
    y : ndarray or None
        (samples,), int64, the class of each; None where the file has none.
    dropped_events : int
        Events of event lists that came after the last step.
    """

    x: np.ndarray
    y: np.ndarray | None
    dropped_events: int = 0


def load_samples(
    path: str | Path,
    *,
    shape: tuple[int, ...],
    bin_us: float | None = None,
    steps: int | None = None,
    limit: int | None = None,
) -> Samples:
    """Read and check samples.

    Parameters
    ----------
    path : str or Path
        An ``.npz`` with spike counts, `x` (samples, steps, *shape) or (samples, steps, channels) of
        whole numbers 0 .. 255 and optionally labels `y` (samples,); or with event lists: `x`, `y`,
        `p` (column, row, polarity) and `t` (microseconds from the start of the sample) of all events,
        `offset` (samples + 1,) of each sample's first event, optionally labels `label`.
    shape : tuple of int
        Of one step of the network's input; (polarities, rows, columns) or (rows, columns) for event lists.
    bin_us : float or None
        Microseconds of a step; event lists need it, spike counts take none.
    steps : int or None
        Steps of a sample; None: all of the spike counts, or up to the last event.
    limit : int or None
        Read only so many samples.

    Returns
    -------
    Samples

    Raises
    ------
    UserError
        Anything that does not fit, with the array it is in and what would be accepted.
    """
    for what, value in (("Limit", limit), ("Steps", steps)):
        if value is not None and value < 1:
            raise UserError(f"{what} must be at least 1, not {value}")
    with Archive(path) as archive:
        if "t" in archive and "offset" in archive:
            events = read_events(archive, shape=shape, limit=limit)
            x, dropped = bin_events(events, shape=shape, bin_us=bin_us, steps=steps, path=archive.path)
            return Samples(x=x, y=_labels(archive, "label", events.samples, limit), dropped_events=dropped)
        if bin_us is not None:
            raise UserError(f"{archive.path}: holds no event lists, so it takes no bin width")
        x = _spike_counts(archive, shape=shape, steps=steps, limit=limit)
        return Samples(x=x, y=_labels(archive, "y", archive.shape("x")[0], limit))


def _spike_counts(
    archive: Archive, *, shape: tuple[int, ...], steps: int | None, limit: int | None
) -> np.ndarray:
    stored = archive.shape("x")
    if len(stored) < 3 or stored[2:] not in (shape, (math.prod(shape),)):
        wanted = ", ".join(map(str, shape))
        raise UserError(f"{archive.path}: x must have the shape (samples, steps, {wanted}), not {stored}")
    if 0 in stored[:2]:
        raise UserError(f"{archive.path}: x has no {'steps' if stored[0] else 'samples'}")
    if steps is not None and steps > stored[1]:
        raise UserError(f"{archive.path}: x has {stored[1]} steps, not {steps}")
    x = _as_counts(archive, archive.read("x", limit=limit))
    return x.reshape(*x.shape[:2], *shape)[:, :steps]


def _as_counts(archive: Archive, x: np.ndarray) -> np.ndarray:
    if x.dtype.kind == "f":
        raise UserError(
            f"{archive.path}: x must be spike counts 0 .. 255, not {x.dtype};"
            " `spikeloom encode` makes them from values"
        )
    if x.dtype.itemsize > 1 or x.dtype.kind == "i":
        low, high = int(x.min()), int(x.max())
        if low < 0 or high > 255:
            raise UserError(f"{archive.path}: x must be spike counts 0 .. 255, not {low} .. {high}")
    return x.astype(np.uint8, copy=False)


def _labels(archive: Archive, name: str, samples: int, limit: int | None) -> np.ndarray | None:
    return read_labels(archive, name, samples=samples, limit=limit) if name in archive else None


def read_labels(archive: Archive, name: str, *, samples: int, limit: int | None = None) -> np.ndarray:
    """Labels of the first `limit` samples, int64.

    Parameters
    ----------
    archive : Archive
    name : str
        Array of the labels.
    samples : int
        How many labels there must be.
    limit : int or None

    Raises
    ------
    UserError
        They are missing, of another number than `samples`, or not whole numbers from 0 up.
    """
    y = archive.read(name)
    if y.shape != (samples,):
        raise UserError(f"{archive.path}: labels {name} must have the shape ({samples},), not {y.shape}")
    if y.dtype.kind not in "ui":
        raise UserError(f"{archive.path}: labels {name} must be whole numbers, not {y.dtype}")
    y = y[:limit]
    if y.size and not 0 <= int(y.min()) <= int(y.max()) <= _LABEL_MAX:
        raise UserError(
            f"{archive.path}: labels {name} must be 0 .. {_LABEL_MAX}, not {y.min()} .. {y.max()}"
        )
    return y.astype(np.int64)
