"""From what was chosen for a population to the integers of the number contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...hw.params import (
    Compare,
    DecayParams,
    NeuronParams,
    PerNeuron,
    Reset,
    Rounding,
    bits_for_signed,
)
from ..errors import UserError
from ..ir import Population, QuantisedPopulation
from ..semantics import Spikes
from .proofs import Interval, accumulator_bits

__all__ = [
    "SUBTRACTING",
    "Choice",
    "Formats",
    "build_population",
    "decay_factors",
    "is_near",
    "neuron_words",
    "shared",
    "word_bits",
]

_WORD_LIMIT = 2.0**50  # beyond every format: `NeuronParams` refuses it
_SAME = 2.0**-22  # relative: files hold float32, whose products are off by about as much
_SURELY_NOT = 1 / 64  # from an integer, however large it is
SUBTRACTING = (Reset.SUBTRACT, Reset.TWO_STAGE_SUBTRACT, Reset.LATE_SUBTRACT)


@dataclass(frozen=True, kw_only=True)
class Formats:
    """Widths of a population's states; `synapse_bits` is 0 without a synaptic current."""

    frac_bits: int
    state_bits: int
    synapse_bits: int
    decay_frac_bits: int
    rounding: Rounding


@dataclass(frozen=True, kw_only=True, eq=False)
class Choice:
    """Everything that was decided about one population.

    Attributes
    ----------
    weight_bits : int
    formats : Formats
    scale : ndarray
        (neurons,), real value of a weight LSB.
    weight : ndarray
        (rows, entries), int32, laid out as `Synapses.weight`.
    threshold, bias : ndarray or None
        (neurons,), int64, in state LSB; None: as `neuron_words` converts them.
    spike_bits : int
        Of a spike count.
    """

    weight_bits: int
    formats: Formats
    scale: np.ndarray
    weight: np.ndarray
    threshold: np.ndarray | None = None
    bias: np.ndarray | None = None
    spike_bits: int = 1


class Words(NamedTuple):
    """Integers of the neurons in state LSB, (neurons,), int64; None where a population has none."""

    threshold: np.ndarray | None
    reset_value: np.ndarray
    bias: np.ndarray
    leak: np.ndarray
    v_min: np.ndarray | None


def decay_factors(decay: np.ndarray, frac_bits: int) -> np.ndarray:
    """Nearest integer factors of ``decay`` in 0 .. 1."""
    return np.clip(np.rint(decay * (1 << frac_bits)), 0, 1 << frac_bits).astype(np.int64)


def neuron_words(population: Population, scale: np.ndarray, frac_bits: int) -> Words:
    """Convert threshold, reset value, bias, leak and v_min.

    A threshold that is only compared is rounded so that no integer membrane changes sides: down for
    ``>``, up for ``>=``. Where it is subtracted too, and for the other words, to the nearest.
    """
    lsb = scale / 2.0**frac_bits

    def word(value: np.ndarray) -> np.ndarray:
        value = value if value.size else np.zeros_like(scale)
        return np.rint(np.clip(value / lsb, -_WORD_LIMIT, _WORD_LIMIT - 1)).astype(np.int64)

    return Words(
        threshold=None if population.threshold is None else _threshold_word(population, lsb),
        reset_value=word(population.reset_value),
        bias=word(population.bias),
        leak=word(population.leak),
        v_min=None if population.v_min is None else word(population.v_min),
    )


def is_near(quotient: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Whether quotients are meant to be the integers `whole`, as far as float32 can tell."""
    return np.abs(quotient - whole) <= np.minimum(_SAME * np.maximum(1, np.abs(quotient)), _SURELY_NOT)


def _threshold_word(population: Population, lsb: np.ndarray) -> np.ndarray:
    assert population.threshold is not None
    quotient = np.clip(population.threshold / lsb, -_WORD_LIMIT, _WORD_LIMIT - 1)
    word = np.rint(quotient)
    if population.reset not in SUBTRACTING:
        near = is_near(quotient, word)
        side = np.floor(quotient) if population.compare is Compare.GT else np.ceil(quotient)
        word = np.where(near, word, side)
    if population.spikes is Spikes.GRADED:
        word = np.maximum(word, 1)  # it divides
    return word.astype(np.int64)


def word_bits(words: Words) -> int:
    """Membrane bits that hold the threshold and the reset value."""
    held = [word for word in (words.threshold, words.reset_value) if word is not None]
    return max([2, *(bits_for_signed(int(word.min()), int(word.max())) for word in held)])


def build_population(population: Population, choice: Choice, accumulators: Interval) -> QuantisedPopulation:
    """Integers of one population.

    Parameters
    ----------
    population : Population
    choice : Choice
    accumulators : Interval
        What the accumulators can reach in a step.

    Raises
    ------
    UserError
        A word that does not fit its format.
    """
    formats = choice.formats
    words = neuron_words(population, choice.scale, formats.frac_bits)
    threshold = words.threshold if choice.threshold is None else choice.threshold
    v_min = words.v_min
    if v_min is not None:  # below the format the membrane saturates anyway
        v_min = np.maximum(v_min, -(1 << (formats.state_bits - 1)))
    try:
        neuron = NeuronParams(
            neurons=population.size,
            acc_bits=accumulator_bits(accumulators),
            state_bits=formats.state_bits,
            frac_bits=formats.frac_bits,
            synapse=_decay(population.alpha, formats),
            synapse_bits=formats.synapse_bits,
            membrane=_decay(population.beta, formats),
            reset=population.reset,
            compare=Compare.GE if population.spikes is Spikes.GRADED else population.compare,
            fire=population.fire,
            threshold=None if threshold is None else shared(threshold),
            reset_value=shared(words.reset_value),
            bias=shared(words.bias if choice.bias is None else choice.bias),
            leak=shared(words.leak),
            v_min=None if v_min is None else shared(v_min),
            spike_bits=choice.spike_bits,
        )
    except ValueError as error:
        raise UserError(f"Population {population.name}: {error}") from None
    return QuantisedPopulation(
        name=population.name,
        kind=population.kind,
        shape=population.shape,
        neuron=neuron,
        weight_bits=choice.weight_bits,
        scale=_read_only(choice.scale),
        offset=_read_only(population.offset if population.offset.size else np.zeros(population.size)),
    )


def shared(word: np.ndarray) -> PerNeuron:
    """One integer if all neurons have the same, else one a neuron."""
    return int(word[0]) if (word == word[0]).all() else tuple(word.tolist())


def _decay(decay: np.ndarray | None, formats: Formats) -> DecayParams | None:
    if decay is None:
        return None
    factor = shared(decay_factors(decay, formats.decay_frac_bits))
    return DecayParams(factor=factor, frac_bits=formats.decay_frac_bits, rounding=formats.rounding)


def _read_only(values: np.ndarray) -> np.ndarray:
    values = np.array(values, dtype=np.float64)
    values.setflags(write=False)
    return values
