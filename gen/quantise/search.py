"""Choose scale and weights of one population so that its spikes stay those of the float network.

Candidates of every neuron differ in scale, and in whether rounding lets errors cancel (`feedback`). All of
them run on the events that the quantised populations before really send; each neuron keeps the one whose
spikes differ least. Then its threshold is tried a little higher and lower in the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..ir import Population
from .feedback import damped, polish, round_with_feedback
from .integers import neuron_words
from .moments import MAX_STEPS, near_threshold, neuron_moments, shared_moments
from .traces import traces
from .trial import Candidates, Trial
from .weight_grid import max_scale, mse_scale, nearest

__all__ = ["Evidence", "search_weights"]

_PLAIN = 2  # scales rounded to the nearest: smallest weight error, nothing clipped
_FINER = 4  # scales rounded with feedback, for each that is tried
_SPREAD = (0.6, 1.6)  # scales tried, relative to the one with the smallest weight error
_THRESHOLDS = np.concatenate([[1.0], np.linspace(0.85, 1.15, 13)])
_WORK = 2e10  # multiplications of the feedback, at most
_NEURON_WORK = 4e10  # the same for moments of single neurons
_NEURON_STEPS = 32  # steps a source that these need: with fewer they fit the calibration set, not the task
_DAMPING = 0.01
_MAX_SOURCES = 4096  # beyond, moments take too much memory
_GROUPS = 8  # different decays in a population


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """What the float network did, for the moments: arrays (samples, steps, neurons).

    Attributes
    ----------
    value : ndarray
        Membrane before the reset.
    spikes : ndarray or None
    """

    value: np.ndarray
    spikes: np.ndarray | None


def search_weights(
    trial: Trial,
    weight: np.ndarray,
    evidence: Evidence,
    *,
    candidates: int,
    scale: np.ndarray | None,
    floor: np.ndarray,
    shared_scale: bool,
) -> Candidates:
    """Best scale, weights and threshold of every neuron.

    Parameters
    ----------
    trial : Trial
    weight : ndarray
        (neurons, sources), real.
    evidence : Evidence
    candidates : int
        Scales that are tried.
    scale : ndarray or None
        (neurons,), given scales: only rounding is searched.
    floor : ndarray
        (neurons,), smallest scales that the formats allow.
    shared_scale : bool
        Whether all neurons have to have one scale (an analog readout).

    Returns
    -------
    Candidates
        One a neuron; `threshold` None where none was changed.
    """
    scales = _scales(weight, trial.weight_bits, _FINER * candidates, scale, floor, shared_scale)
    tried = _candidates(trial, weight, scales, evidence, candidates)
    errors = trial.errors(tried)
    if shared_scale:
        errors = np.repeat(errors.mean(axis=1, keepdims=True), errors.shape[1], axis=1)
    best = tried.best(errors)
    return best if trial.population.threshold is None else _search_threshold(trial, best)


def _scales(
    weight: np.ndarray,
    bits: int,
    candidates: int,
    scale: np.ndarray | None,
    floor: np.ndarray,
    shared_scale: bool,
) -> np.ndarray:
    """(candidates, neurons), the one with the smallest weight error first."""
    if scale is not None:
        return np.maximum(scale, floor)[None]
    rows = weight.reshape(1, -1) if shared_scale else weight
    middle, largest = mse_scale(rows, bits), max_scale(rows, bits)
    spread = np.geomspace(*_SPREAD, max(1, candidates - 2))
    tried = np.concatenate([middle[None], largest[None], np.minimum(middle * spread[:, None], largest * 1.1)])
    return np.maximum(np.broadcast_to(tried, (len(tried), len(weight))), floor)


def _candidates(trial: Trial, weight: np.ndarray, scales: np.ndarray, evidence: Evidence, count: int) -> Candidates:
    """`count` scales with feedback, where that is affordable, and a few with rounding to the nearest.

    Many more scales are rounded with feedback than are tried: those with the smallest membrane errors.
    """
    sources = weight.shape[1]
    work = weight.size * sources
    if not sources or sources > _MAX_SOURCES or work > _WORK:
        few = scales[:: -(-len(scales) // count)]
        return Candidates(scale=few, weight=nearest(weight / few[:, :, None], trial.weight_bits))
    scales = scales[:max(1, int(_WORK / work))]
    kept = min(count, len(scales))
    fed = Candidates(scale=np.empty((kept, len(weight))), weight=np.empty((kept, *weight.shape)))
    for neurons, alpha, beta in _decay_groups(trial.population):
        trace = traces(trial.events, alpha, beta)
        _feed(trial, weight, scales, evidence, trace, neurons, fed)
    few = scales[:_PLAIN]
    plain = nearest(weight / few[:, :, None], trial.weight_bits)
    return Candidates(
        scale=np.concatenate([fed.scale, few]), weight=np.concatenate([fed.weight, plain])
    )


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
    ]


def _feed(
    trial: Trial,
    weight: np.ndarray,
    scales: np.ndarray,
    evidence: Evidence,
    trace: np.ndarray,
    neurons: np.ndarray,
    fed: Candidates,
) -> None:
    """Fill the candidates `fed` of `neurons` with the best of `scales`."""
    near = near_threshold(trial.population, evidence.value)
    sources = weight.shape[1]
    steps = trace.shape[0] * trace.shape[1]
    work = len(neurons) * sources * sources * (min(steps, MAX_STEPS) + sources)
    shared = steps < _NEURON_STEPS * sources or work > _NEURON_WORK
    damping = _DAMPING + 0.5 * sources / steps  # moments of few steps are noise
    common = damped(shared_moments(trace, near[:, :, neurons]), damping) if shared else None
    block = max(1, (1 << 22) // (sources * (sources if common is None else len(scales))))
    for start in range(0, len(neurons), block):
        some = neurons[start : start + block]
        moments = common
        if moments is None:
            moments = damped(neuron_moments(trial.population, trace, near, evidence.spikes, some), damping)
        integers, error = _round(weight[some], scales[:, some].T, moments, trial.weight_bits)
        best = np.argsort(error, axis=1, kind="stable")[:, : len(fed.scale)]
        fed.scale[:, some] = np.take_along_axis(scales[:, some].T, best, axis=1).T
        fed.weight[:, some] = np.take_along_axis(integers, best[:, :, None], axis=1).transpose(1, 0, 2)


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


def _search_threshold(trial: Trial, best: Candidates) -> Candidates:
    words = neuron_words(trial.population, best.scale[0], trial.formats.frac_bits)["threshold"]
    assert words is not None
    limit = 1 << (trial.formats.state_bits - 1)
    thresholds = np.clip(np.rint(words * _THRESHOLDS[:, None]), -limit, limit - 1).astype(np.int64)
    tried = Candidates(
        scale=np.repeat(best.scale, len(thresholds), axis=0),
        weight=np.repeat(best.weight, len(thresholds), axis=0),
        threshold=thresholds,
    )
    chosen = tried.best(trial.errors(tried))
    assert chosen.threshold is not None
    return best if (chosen.threshold[0] == words).all() else chosen
