"""Choose scale and weights of one population so that its spikes stay those of the float network.

Candidates of every neuron differ in scale, and in whether rounding lets errors cancel (`feedback`). All of
them run on the events that the quantised populations before really send; each neuron keeps the one whose
spikes differ least. Then its threshold is tried a little higher and lower in the same way.
"""

from __future__ import annotations

import numpy as np

from .integers import neuron_words
from .rounding import Evidence, feedback_scales, round_candidates
from .trial import Candidates, Trial
from .weight_grid import max_scale, mse_scale

__all__ = ["search_weights"]

_SPREAD = (0.6, 1.6)  # scales tried, relative to the one with the smallest weight error
_THRESHOLDS = np.concatenate([[1.0], np.linspace(0.85, 1.15, 13)])
_CANDIDATE_VALUES = 1 << 26  # integers of all candidates


def search_weights(
    trial: Trial,
    weight: np.ndarray,
    evidence: Evidence,
    *,
    candidates: int,
    scale: np.ndarray | None,
    floor: np.ndarray,
    shared_scale: bool,
    threshold: bool,
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
    threshold : bool
        Whether thresholds may change.

    Returns
    -------
    Candidates
        One a neuron; `threshold` None where none was changed.
    """
    wanted = int(np.clip(_CANDIDATE_VALUES // max(1, weight.size), 1, candidates))
    finer = feedback_scales(weight, wanted, shared_scale=shared_scale)
    scales = _scales(weight, trial.weight_bits, finer or wanted, scale, floor, shared_scale)
    tried = round_candidates(
        trial.population,
        weight,
        scales,
        evidence,
        bits=trial.weight_bits,
        wanted=wanted,
        feedback=finer > 0,
    )
    errors = trial.errors(tried)
    if shared_scale:
        errors = np.repeat(errors.mean(axis=1, keepdims=True), errors.shape[1], axis=1)
    best = tried.best(errors)
    return _search_threshold(trial, best) if threshold else best


def _scales(
    weight: np.ndarray,
    bits: int,
    count: int,
    scale: np.ndarray | None,
    floor: np.ndarray,
    shared_scale: bool,
) -> np.ndarray:
    """(scales, neurons): the one with the smallest weight error, the one that clips nothing, and between."""
    if scale is not None:
        return scale[None]
    rows = weight.reshape(1, -1) if shared_scale else weight
    middle, largest = mse_scale(rows, bits), max_scale(rows, bits)
    spread = np.geomspace(*_SPREAD, max(1, count - 2))[:, None]
    tried = np.concatenate([middle[None], largest[None], np.minimum(middle * spread, largest * 1.1)])[:count]
    return np.maximum(np.broadcast_to(tried, (len(tried), len(weight))), floor)


def _search_threshold(trial: Trial, best: Candidates) -> Candidates:
    words = neuron_words(trial.population, best.scale[0], trial.formats.frac_bits).threshold
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
