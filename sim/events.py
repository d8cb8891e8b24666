"""Event lists, as event cameras record them, and their binning into steps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..gen.errors import UserError
from .archive import MAX_BYTES, Archive

__all__ = ["EventLists", "bin_events", "read_events"]

_TIME_MAX_US = 1 << 53


@dataclass(frozen=True, kw_only=True, eq=False)
class EventLists:
    """Events of some samples, one list after the other.

    Attributes
    ----------
    channel : ndarray
        (events,), int64, C-order index into the input shape.
    t_us : ndarray
        (events,), int64, microseconds from the start of the sample.
    offset : ndarray
        (samples read + 1,), int64; sample k has the events ``offset[k]`` up to ``offset[k + 1]``.
    samples : int
        Samples in the file, read or not.
    """

    channel: np.ndarray
    t_us: np.ndarray
    offset: np.ndarray
    samples: int


def read_events(archive: Archive, *, shape: tuple[int, ...], limit: int | None) -> EventLists:
    """Read and check the event lists of an ``.npz``; arrays as in `sim.data.load_samples`.

    Raises
    ------
    UserError
        Arrays that do not belong together, or events outside `shape`.
    """
    if len(shape) not in (2, 3):
        raise UserError(
            f"{archive.path}: event lists need an input of the shape (polarities, rows, columns) or"
            f" (rows, columns), not {shape}"
        )
    offset = _whole_numbers(archive, "offset", None).astype(np.int64)
    samples = len(offset) - 1
    if samples < 1 or offset[0] != 0 or np.any(np.diff(offset) < 0):
        raise UserError(
            f"{archive.path}: offset must start at 0, never fall, and have one entry more than there"
            " are samples"
        )
    offset = offset[: samples + 1 if limit is None else limit + 1]
    axes = [("p", shape[0])] if len(shape) == 3 else []
    axes += [("y", shape[-2]), ("x", shape[-1])]
    columns = [_coordinate(archive, name, size, int(offset[-1])) for name, size in axes]
    channel = np.ravel_multi_index(columns, shape)
    t_us = _coordinate(archive, "t", _TIME_MAX_US, int(offset[-1]))
    return EventLists(channel=channel, t_us=t_us, offset=offset, samples=samples)


def bin_events(
    events: EventLists, *, shape: tuple[int, ...], bin_us: float | None, steps: int | None, path: Path
) -> tuple[np.ndarray, int]:
    """Count the events of each channel in each step: step = floor(t_us / bin_us).

    Parameters
    ----------
    events : EventLists
    shape : tuple of int
        Of one step.
    bin_us : float or None
        Microseconds of a step.
    steps : int or None
        None: up to the last event of all samples.
    path : Path
        For messages.

    Returns
    -------
    x : ndarray
        (samples, steps, *shape), uint8.
    dropped : int
        Events after the last step.

    Raises
    ------
    UserError
        No usable bin width, no events, more than 255 events in a bin, or a result above `MAX_BYTES`.
    """
    if bin_us is None or not (math.isfinite(bin_us) and bin_us > 0):
        found = "" if bin_us is None else f", not {bin_us}"
        raise UserError(f"{path}: holds event lists, which need a bin width above 0 microseconds{found}")
    if not len(events.t_us) and steps is None:
        raise UserError(f"{path}: has no events, so the number of steps must be given")
    step = np.floor_divide(events.t_us, bin_us).astype(np.int64)
    steps = int(step.max()) + 1 if steps is None else steps
    samples, channels = len(events.offset) - 1, math.prod(shape)
    if samples * steps * channels > MAX_BYTES:
        raise UserError(
            f"{path}: {samples} samples of {steps} steps take {samples * steps * channels} bytes, at most"
            f" {MAX_BYTES} are accepted; take wider bins, fewer steps or a limit"
        )
    x = np.zeros((samples, steps * channels), dtype=np.uint8)
    kept = step < steps
    for k in range(samples):
        part = slice(events.offset[k], events.offset[k + 1])
        flat = (step[part] * channels + events.channel[part])[kept[part]]
        where, count = np.unique(flat, return_counts=True)
        if count.size and count.max() > 255:
            raise UserError(
                f"{path}: sample {k} has {count.max()} events of one channel in one step, at most 255"
                " fit; take narrower bins"
            )
        x[k, where] = count
    return x.reshape(samples, steps, *shape), int(np.count_nonzero(~kept))


def _coordinate(archive: Archive, name: str, size: int, events: int) -> np.ndarray:
    """The first `events` entries of array `name`, each of which must be 0 .. size - 1."""
    values = _whole_numbers(archive, name, events)
    if len(values) < events:
        raise UserError(f"{archive.path}: offset counts {events} events, {name} has {len(values)}")
    outside = np.flatnonzero((values < 0) | (values >= size))
    if outside.size:
        raise UserError(
            f"{archive.path}: {name} of event {outside[0]} must be 0 .. {size - 1}, not {values[outside[0]]}"
        )
    return values.astype(np.int64, copy=False)


def _whole_numbers(archive: Archive, name: str, limit: int | None) -> np.ndarray:
    values = archive.read(name, limit=limit)
    if values.ndim != 1 or values.dtype.kind not in "ui":
        raise UserError(
            f"{archive.path}: {name} must be a list of whole numbers, not {values.dtype} of shape"
            f" {values.shape}"
        )
    return values
