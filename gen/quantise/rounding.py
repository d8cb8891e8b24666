"""Integer candidates for the weights of a population: several scales, with feedback and without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..ir import Population
from .feedback import damped, polish, round_with_feedback
from .moments import MAX_STEPS, near_threshold, neuron_moments, shared_moments
from .traces import traces
from .trial import Candidates
from .weight_grid import nearest

__all__ = ["Evidence", "feedback_scales", "round_candidates"]

_PLAIN = 2  # scales that are rounded to the nearest too, beside feedback
_FINER = 4  # scales rounded with feedback, for each that is tried
_WORK = 5e9  # multiplications of a pass of feedback over all scales, at most
_NEURON_WORK = 4e10  # multiplications for moments of single neurons, at most
_NEURON_STEPS = 32  # steps a source that these need: with fewer they fit the calibration set, not the task
_DAMPING = 0.01
_MAX_SOURCES = 4096  # beyond, moments take too much memory
_GROUPS = 8  # different decays in a population
_BLOCK_VALUES = 1 << 22


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """What the float network did with a population.

    Attributes
    ----------
    value : ndarray
        (samples, steps, neurons), membrane before the reset.
    spikes : ndarray or None
        The same shape.
    events : ndarray
        (samples, steps, sources), what reaches the quantised population.
    """

    value: np.ndarray
    spikes: np.ndarray | None
    events: np.ndarray


def feedback_scales(weight: np.ndarray, wanted: int, *, shared_scale: bool) -> int:
    """Scales of each neuron to round with feedback, for `wanted` that are tried; 0: that is too much work."""
    work = weight.size * weight.shape[1]
    if not work or work > _WORK or weight.shape[1] > _MAX_SOURCES:
        return 0
    return min(wanted if shared_scale else _FINER * wanted, int(_WORK / work))


def round_candidates(
    population: Population,
    weight: np.ndarray,
    scales: np.ndarray,
    evidence: Evidence,
    *,
    bits: int,
    wanted: int,
    feedback: bool,
) -> Candidates:
    """`wanted` candidates with feedback, and the first scales rounded to the nearest.

    Of more scales than are wanted, those with the smallest membrane errors are taken.

    Parameters
    ----------
    population : Population
    weight : ndarray
        (neurons, sources), real.
    scales : ndarray
        (scales, neurons)
    evidence : Evidence
    bits, wanted : int
    feedback : bool
        Else all scales are rounded to the nearest.
    """
    if not feedback:
        return _nearest(weight, scales, bits)
    wanted = min(wanted, len(scales))
    fed = Candidates(
        scale=np.empty((wanted, len(weight))), weight=np.empty((wanted, *weight.shape), np.int16)
    )
    for neurons, alpha, beta in _decay_groups(population):
        trace = traces(evidence.events, alpha, beta)
        _feed(population, weight, scales, evidence, trace, neurons, bits, fed)
    plain = _nearest(weight, scales[:_PLAIN], bits)
    return Candidates(
        scale=np.concatenate([fed.scale, plain.scale]), weight=np.concatenate([fed.weight, plain.weight])
    )


def _nearest(weight: np.ndarray, scales: np.ndarray, bits: int) -> Candidates:
    integers = np.empty((len(scales), *weight.shape), np.int16)
    for k, scale in enumerate(scales):
        integers[k] = nearest(weight / scale[:, None], bits)
    return Candidates(scale=scales, weight=integers)


def _decay_groups(population: Population) -> list[tuple[np.ndarray, float | None, float | None]]:
    """Neurons whose decays are about the same, with the mean of these."""
    none = np.zeros(population.size)
    alpha, beta = (none if d is None else d for d in (population.alpha, population.beta))
    order = np.lexsort((alpha, beta))
    changes = np.flatnonzero((np.diff(alpha[order]) != 0) | (np.diff(beta[order]) != 0)) + 1
    if len(changes) >= _GROUPS:
        changes = np.arange(1, _GROUPS) * population.size // _GROUPS
    return [
        (
            np.sort(group),
            None if population.alpha is None else float(alpha[group].mean()),
            None if population.beta is None else float(beta[group].mean()),
        )
        for group in np.split(order, changes)
        if len(group)
    ]


def _feed(
    population: Population,
    weight: np.ndarray,
    scales: np.ndarray,
    evidence: Evidence,
    trace: np.ndarray,
    neurons: np.ndarray,
    bits: int,
    fed: Candidates,
) -> None:
    """Fill the candidates `fed` of `neurons` with the best of `scales`."""
    near = near_threshold(population, evidence.value)
    sources, steps = weight.shape[1], trace.shape[0] * trace.shape[1]
    damping = _DAMPING + 0.5 * sources / steps  # moments of few steps are noise
    shared = not _can_have_own_moments(len(neurons), sources, steps)
    common = damped(shared_moments(trace, near[:, :, neurons]), damping) if shared else None
    block = max(1, _BLOCK_VALUES // (sources * (len(scales) if shared else sources)))
    for start in range(0, len(neurons), block):
        some = neurons[start : start + block]
        moments = common
        if moments is None:
            moments = damped(neuron_moments(population, trace, near, evidence.spikes, some), damping)
        integers, error = _round(weight[some], scales[:, some].T, moments, bits)
        best = np.arange(len(fed.scale))[None].repeat(len(some), axis=0)
        if len(scales) > len(fed.scale):
            best = np.argsort(error, axis=1, kind="stable")[:, : len(fed.scale)]
        fed.scale[:, some] = np.take_along_axis(scales[:, some].T, best, axis=1).T
        fed.weight[:, some] = np.take_along_axis(integers, best[:, :, None], axis=1).transpose(1, 0, 2)


def _can_have_own_moments(neurons: int, sources: int, steps: int) -> bool:
    work = neurons * sources * sources * (min(steps, MAX_STEPS) + sources)
    return steps >= _NEURON_STEPS * sources and work <= _NEURON_WORK


def _round(
    weight: np.ndarray, scale: np.ndarray, moments: np.ndarray, bits: int
) -> tuple[np.ndarray, np.ndarray]:
    """Integers (neurons, scales, sources) and their squared membrane errors (neurons, scales)."""
    shape = (*scale.shape, weight.shape[1])
    blocks = (len(moments), -1)
    rows = np.repeat(weight[:, None], shape[1], axis=1).reshape(*blocks, shape[2])
    scale = scale.reshape(blocks)
    integers = round_with_feedback(rows, scale, moments, bits)
    integers = polish(rows, integers, scale, moments, bits)
    error = rows - integers * scale[:, :, None]
    error = np.einsum("bri,bri->br", error @ moments, error)
    return integers.reshape(shape), error.reshape(shape[:2])
