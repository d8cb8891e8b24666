"""Widths of states and decays: how much fraction, how much range.

A state needs fraction bits because decays round: each step loses up to half an LSB, the membrane adds
up what the steps lost, and that sum has to stay small beside the threshold.
"""

from __future__ import annotations

import numpy as np

from ...hw.params import Reset, bits_for_signed
from ..ir import Population
from .integers import Formats, decay_factors, neuron_words, word_bits
from .option_values import AUTO
from .options import PopulationOptions
from .ranges import Ranges
from .weight_grid import weight_limits

__all__ = ["auto_decay_frac_bits", "auto_frac_bits", "choose_formats"]

_DECAY_ERROR = 1 / 256  # of a time constant
_ROUNDING_ERROR = 1 / 16  # of a threshold
_MAX_FRAC_BITS = 16
_TYPICAL_THRESHOLDS = 8
_TYPICAL_WEIGHTS = 16


def auto_decay_frac_bits(population: Population) -> int:
    """Fewest fraction bits, 4 .. 16, that change no time constant by more than 1/256."""
    decays = np.concatenate([d for d in (population.alpha, population.beta, np.zeros(1)) if d is not None])
    for bits in range(4, 16):
        error = np.abs(decay_factors(decays, bits) / 2.0**bits - decays)
        if (error <= _DECAY_ERROR * (1 - decays)).all():
            return bits
    return 16


def auto_frac_bits(population: Population, scale: np.ndarray, *, weight_bits: int, steps: int) -> int:
    """Fewest fraction bits that keep what rounding adds up to in `steps` steps below 1/16 of a threshold.

    For a neuron whose threshold is small beside its largest weight, a quarter of that weight counts
    instead; for an analog readout the largest weight.
    """
    largest = weight_limits(weight_bits)[1]
    if population.threshold is None:
        unit = np.full(population.size, float(largest))
    else:
        unit = np.maximum(np.abs(population.threshold) / scale, largest / 4)
    need = float((_rounding_loss(population, steps) / (unit * _ROUNDING_ERROR)).max())
    return int(np.clip(np.ceil(np.log2(max(need, 1.0))), 0, _MAX_FRAC_BITS))


def _rounding_loss(population: Population, steps: int) -> np.ndarray:
    """State LSB that roundings add up to in the membrane, (neurons,)."""
    lost = np.full(population.size, 0.5 if population.bias.any() else 0.0)
    if population.alpha is not None:
        lost = (lost + 0.5 * _inexact(population.alpha)) * _sum_of(population.alpha, steps)
    lost = lost + (0.5 if population.leak.any() else 0.0)
    if population.beta is not None:
        lost = (lost + 0.5 * _inexact(population.beta)) * _sum_of(population.beta, steps)
    if population.reset not in (Reset.NONE, Reset.VALUE, Reset.LATE_VALUE):
        lost = lost + 0.5  # the threshold that is subtracted
    return lost


def _inexact(decay: np.ndarray) -> np.ndarray:
    return (decay > 0) & (decay < 1)


def _sum_of(decay: np.ndarray, steps: int) -> np.ndarray:
    return 1 / np.maximum(1 - decay, 1 / steps)


def choose_formats(
    population: Population,
    options: PopulationOptions,
    *,
    scale: np.ndarray,
    ranges: Ranges,
    frac_bits: int,
    decay_frac_bits: int,
    max_state_bits: int,
) -> Formats:
    """Formats that hold `ranges`, with `frac_bits` fraction bits where nothing else is given.

    Given state bits stay: range first, what is left over is fraction. Proven ranges are far wider than
    what happens; where they would leave less than `frac_bits`, room for 8 thresholds is kept instead.
    """
    if isinstance(options.frac_bits, int):
        frac_bits = options.frac_bits
    else:
        frac_bits = _fit_frac_bits(population, options, scale=scale, ranges=ranges, frac_bits=frac_bits)
    membrane, current = ranges.at(frac_bits)
    words = word_bits(neuron_words(population, scale, frac_bits))
    state_bits = max(words, min(membrane.bits, max_state_bits))
    synapse_bits = 0 if current is None else max(2, min(current.bits, max_state_bits))
    if current is not None and isinstance(options.synapse_bits, int):
        synapse_bits = options.synapse_bits
    return Formats(
        frac_bits=frac_bits,
        state_bits=options.state_bits if isinstance(options.state_bits, int) else state_bits,
        synapse_bits=synapse_bits,
        decay_frac_bits=decay_frac_bits,
        rounding=options.rounding,
    )


def _fit_frac_bits(
    population: Population, options: PopulationOptions, *, scale: np.ndarray, ranges: Ranges, frac_bits: int
) -> int:
    """Fraction bits that given state bits leave; `frac_bits` where none are given."""
    limits = zip((options.state_bits, options.synapse_bits), ranges.at(frac_bits), strict=True)
    given = [(bits, interval) for bits, interval in limits if bits != AUTO and interval is not None]
    if not given:
        return frac_bits
    room = min(int(bits) - interval.bits for bits, interval in given) + frac_bits
    if ranges.proven and room < frac_bits:
        typical = _typical_bits(population, options, scale)
        room = min(frac_bits, max(room, min(int(bits) - typical for bits, _ in given)))
    room = max(0, min(room, _MAX_FRAC_BITS))
    while room and options.state_bits != AUTO and _too_wide(population, scale, room, int(options.state_bits)):
        room -= 1
    return room


def _too_wide(population: Population, scale: np.ndarray, frac_bits: int, state_bits: int) -> bool:
    """Whether a threshold or reset value does not fit: they have to, whatever else saturates."""
    return word_bits(neuron_words(population, scale, frac_bits)) > state_bits


def _typical_bits(population: Population, options: PopulationOptions, scale: np.ndarray) -> int:
    if population.threshold is None:
        reach = _TYPICAL_WEIGHTS * weight_limits(options.weight_bits)[1]
    else:
        reach = _TYPICAL_THRESHOLDS * int(np.ceil(np.abs(population.threshold / scale).max()))
    return bits_for_signed(-reach, reach)
