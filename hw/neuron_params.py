"""Parameters of neurons: decays, and one population of neurons of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .kinds import Compare, Fire, Reset, Rounding

__all__ = [
    "LATE_RESETS",
    "DecayParams",
    "NeuronParams",
    "PerNeuron",
    "bits_for_signed",
    "bits_for_unsigned",
    "check_range",
]

PerNeuron = int | tuple[int, ...]

LATE_RESETS = (Reset.LATE_VALUE, Reset.LATE_SUBTRACT)


def bits_for_signed(low: int, high: int) -> int:
    """Bits of the smallest two's complement format that holds `low` and `high` (at least 1)."""
    return max(
        1, (high if high >= 0 else ~high).bit_length() + 1, (low if low >= 0 else ~low).bit_length() + 1
    )


def bits_for_unsigned(high: int) -> int:
    """Bits of the smallest unsigned format that holds `high` (at least 1)."""
    return max(1, high.bit_length())


def check_range(what: str, value: int, low: int, high: int) -> None:
    """Raise ValueError, with `what` in its text, unless ``low <= value <= high``."""
    if not low <= value <= high:
        raise ValueError(f"{what} must be between {low} and {high}, not {value}")


def _values(field: PerNeuron) -> Sequence[int]:
    return field if isinstance(field, tuple) else (field,)


@dataclass(frozen=True, kw_only=True)
class DecayParams:
    """A decay ``x -> round(x * factor / 2**frac_bits)``.

    Attributes
    ----------
    factor : int or tuple of int
        0 .. 2**frac_bits; 2**frac_bits keeps the value (no decay), 0 forgets it.
    frac_bits : int
        1 .. 16.
    rounding : Rounding
    """

    factor: PerNeuron
    frac_bits: int = 12
    rounding: Rounding = Rounding.TRUNC0

    def __post_init__(self) -> None:
        check_range("Decay fraction bits", self.frac_bits, 1, 16)
        for factor in _values(self.factor):
            check_range("Decay factor", factor, 0, 1 << self.frac_bits)


@dataclass(frozen=True, kw_only=True)
class NeuronParams:
    """One population of neurons of one kind.

    Attributes
    ----------
    neurons : int
        Population size, 1 or more.
    acc_bits : int
        Signed width of the summed synaptic input of one step, proven never to overflow.
    state_bits : int
        Signed width of the membrane, and the value it saturates to.
    frac_bits : int
        State fraction: one state LSB is a weight LSB / 2**frac_bits. 0 .. 16.
    synapse : DecayParams or None
        Decay of the synaptic current; None: the kind has no synaptic current.
    synapse_bits : int
        Signed width of the synaptic current (0 without one).
    membrane : DecayParams or None
        Decay of the membrane; None: it is not kept between steps.
    threshold : int, tuple of int or None
        In state LSB; None: the kind does not spike and its membrane is what is read.
    reset, reset_value, compare, fire
        See the enums; `reset_value` in state LSB.
    bias : int or tuple of int
        Added each step where the synaptic input is, in state LSB.
    leak : int or tuple of int
        Added each step to the membrane, in state LSB; only with a synaptic current
        (without one it is part of `bias`).
    v_min : int, tuple of int or None
        The membrane is clamped from below to this after reset, in state LSB.
    spike_bits : int
        1 .. 8: a neuron emits up to ``2**spike_bits - 1`` spikes a step. Above 1 (graded spikes) thresholds
        are above 0, `compare` is ``>=``, `reset` is subtract and `fire` is after.
    loaded_period : int
        0: parameters that differ between neurons are part of the design. Else they are loaded at run time,
        and repeat after so many neurons (`neurons`: they do not).
    """

    neurons: int
    acc_bits: int
    state_bits: int
    frac_bits: int = 0
    synapse: DecayParams | None = None
    synapse_bits: int = 0
    membrane: DecayParams | None = None
    threshold: PerNeuron | None = None
    reset: Reset = Reset.NONE
    reset_value: PerNeuron = 0
    compare: Compare = Compare.GT
    fire: Fire = Fire.AFTER
    bias: PerNeuron = 0
    leak: PerNeuron = 0
    v_min: PerNeuron | None = None
    spike_bits: int = 1
    loaded_period: int = 0

    def __post_init__(self) -> None:
        check_range("Population size", self.neurons, 1, 1 << 24)
        check_range("Accumulator bits", self.acc_bits, 1, 48)
        check_range("State bits", self.state_bits, 2, 48)
        check_range("State fraction bits", self.frac_bits, 0, 16)
        if self.synapse is not None:
            check_range("Synaptic current bits", self.synapse_bits, 2, 48)
        elif self.synapse_bits or self.leak != 0:
            raise ValueError("Synaptic current bits and leak need a synaptic current decay")
        check_range("Spike bits", self.spike_bits, 1, 8)
        check_range("Loaded period", self.loaded_period, 0, self.neurons)
        self._check_words()
        self._check_modes()
        if self.spike_bits > 1:
            self._check_graded()

    def _check_words(self) -> None:
        for name in ("threshold", "reset_value", "bias", "leak", "v_min"):
            self._check_word(name, getattr(self, name))
        for name in ("synapse", "membrane"):
            decay = getattr(self, name)
            if decay is not None:
                self._check_count(f"{name} decay", decay.factor)

    def _check_word(self, name: str, word: PerNeuron | None) -> None:
        if word is None:
            return
        self._check_count(name, word)
        limit = 1 << (self.state_bits - 1)
        for value in _values(word):
            if name in ("bias", "leak"):
                check_range(f"Neuron {name}", value, -(1 << 47), (1 << 47) - 1)
            else:
                check_range(f"Neuron {name}", value, -limit, limit - 1)

    def _check_count(self, name: str, word: PerNeuron) -> None:
        if not isinstance(word, tuple):
            return
        if len(word) != self.neurons:
            raise ValueError(f"Neuron {name} must have {self.neurons} values, not {len(word)}")
        period = self.loaded_period
        if period and word[period:] != word[:-period]:
            raise ValueError(f"Neuron {name} must repeat after {period} neurons")

    def _check_modes(self) -> None:
        if self.threshold is None and (self.reset is not Reset.NONE or self.fire is Fire.BEFORE):
            raise ValueError("A population without a threshold takes neither a reset nor fire=before")
        if self.membrane is None and (self.reset in LATE_RESETS or self.fire is Fire.BEFORE):
            raise ValueError("A late reset or fire=before needs a membrane that is kept between steps")

    def _check_graded(self) -> None:
        if self.threshold is None or min(_values(self.threshold)) <= 0:
            raise ValueError(
                "Spike bits above 1 need a threshold above 0"
                + ("" if self.threshold is None else f", not {min(_values(self.threshold))}")
            )
        for name, value, needed in (
            ("reset", self.reset, Reset.SUBTRACT),
            ("compare", self.compare, Compare.GE),
            ("fire", self.fire, Fire.AFTER),
        ):
            if value is not needed:
                raise ValueError(f"Spike bits above 1 need {name}={needed}, not {value}")

    @property
    def spiking(self) -> bool:
        """Whether the population emits spikes."""
        return self.threshold is not None

    @property
    def spike_max(self) -> int:
        """Most spikes of a neuron in a step."""
        return (1 << self.spike_bits) - 1
