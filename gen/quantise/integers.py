"""From what was chosen for a population to the integers of the number contract."""

from __future__ import annotations

from dataclasses import dataclass

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
from .proofs import accumulator_bits

__all__ = ["SUBTRACTING", "Choice", "Formats", "build_population", "decay_factors", "neuron_words", "shared", "word_bits"]

_SAME = 1e-9  # relative: quotients this near to an integer are meant to be it
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
        (neurons, sources), int32.
    threshold, bias : ndarray or None
        (neurons,), int64, in state LSB; None: as `neuron_words` converts them.
    """

    weight_bits: int
    formats: Formats
    scale: np.ndarray
    weight: np.ndarray
    threshold: np.ndarray | None = None
    bias: np.ndarray | None = None


def decay_factors(decay: np.ndarray, frac_bits: int) -> np.ndarray:
    """Nearest integer factors of ``decay`` in 0 .. 1."""
    return np.clip(np.rint(decay * (1 << frac_bits)), 0, 1 << frac_bits).astype(np.int64)


def neuron_words(population: Population, scale: np.ndarray, frac_bits: int) -> dict[str, np.ndarray | None]:
    """Threshold, reset value, bias, leak and v_min in state LSB, (neurons,), int64; None where absent.

    A threshold that is only compared is rounded so that no integer membrane changes sides: down for
    ``>``, up for ``>=``. Where it is subtracted too, and for the other words, to the nearest.
    """
    lsb = scale / 2.0**frac_bits

    def word(value: np.ndarray | None) -> np.ndarray | None:
        if value is None:
            return None
        value = value if value.size else np.zeros_like(scale)
        return np.rint(np.clip(value / lsb, -(2.0**47), 2.0**47 - 1)).astype(np.int64)

    threshold = word(population.threshold)
    if population.threshold is not None and population.reset not in SUBTRACTING:
        quotient = population.threshold / lsb
        near = np.abs(quotient - np.rint(quotient)) <= _SAME * np.maximum(1, np.abs(quotient))
        side = np.floor(quotient) if population.compare is Compare.GT else np.ceil(quotient)
        threshold = np.where(near, np.rint(quotient), side).astype(np.int64)
    return {
        "threshold": threshold,
        "reset_value": word(population.reset_value),
        "bias": word(population.bias),
        "leak": word(population.leak),
        "v_min": word(population.v_min),
    }


def word_bits(words: dict[str, np.ndarray | None]) -> int:
    """Membrane bits that hold the threshold and the reset value."""
    held = [w for name in ("threshold", "reset_value") if (w := words[name]) is not None]
    return max([2, *(bits_for_signed(int(word.min()), int(word.max())) for word in held)])


def build_population(population: Population, choice: Choice, counts: np.ndarray) -> QuantisedPopulation:
    """Integers of one population.

    Parameters
    ----------
    population : Population
    choice : Choice
    counts : ndarray
        (sources,), the most events of a source in a step: the accumulator width is proven for them.

    Raises
    ------
    UserError
        A word that does not fit its format.
    """
    formats = choice.formats
    words = neuron_words(population, choice.scale, formats.frac_bits)
    words |= {n: w for n, w in (("threshold", choice.threshold), ("bias", choice.bias)) if w is not None}
    if words["v_min"] is not None:  # below the format the membrane saturates anyway
        words["v_min"] = np.maximum(words["v_min"], -(1 << (formats.state_bits - 1)))
    try:
        neuron = NeuronParams(
            neurons=population.size,
            acc_bits=accumulator_bits(choice.weight, counts),
            state_bits=formats.state_bits,
            frac_bits=formats.frac_bits,
            synapse=_decay(population.alpha, formats),
            synapse_bits=formats.synapse_bits,
            membrane=_decay(population.beta, formats),
            reset=population.reset,
            compare=population.compare,
            fire=population.fire,
            **{name: shared(word) for name, word in words.items()},
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


def shared(word: np.ndarray | None) -> PerNeuron | None:
    """One integer if all neurons have the same, else one a neuron."""
    if word is None:
        return None
    return int(word[0]) if (word == word[0]).all() else tuple(word.tolist())


def _decay(decay: np.ndarray | None, formats: Formats) -> DecayParams | None:
    if decay is None:
        return None
    factor = shared(decay_factors(decay, formats.decay_frac_bits))
    assert factor is not None
    return DecayParams(factor=factor, frac_bits=formats.decay_frac_bits, rounding=formats.rounding)


def _read_only(values: np.ndarray) -> np.ndarray:
    values = np.array(values, dtype=np.float64)
    values.setflags(write=False)
    return values
