"""Kinds that parameters choose between; `params` offers them too."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Compare", "Fire", "ReadoutKind", "Reset", "Rounding", "WeightStore"]


class Rounding(StrEnum):
    """How a decay product loses its fraction bits."""

    TRUNC0 = "trunc0"  # toward zero: both signs decay to zero; Loihi's and Lava's rule
    FLOOR = "floor"  # arithmetic shift: one adder less, negative states stop at -1


class Reset(StrEnum):
    """What a spike does to the membrane; see docs/number-contract.md for each equation."""

    NONE = "none"
    VALUE = "value"  # v = reset_value (zero reset is reset_value = 0)
    SUBTRACT = "subtract"  # v = v - threshold
    TWO_STAGE_SUBTRACT = "two_stage_subtract"  # snnTorch, reset_delay=False
    LATE_VALUE = "late_value"  # one step after the spike
    LATE_SUBTRACT = "late_subtract"


class Compare(StrEnum):
    """The spike condition between membrane and threshold."""

    GT = ">"
    GE = ">="


class Fire(StrEnum):
    """Which membrane is compared for the spikes that leave in this step."""

    AFTER = "after"  # the updated membrane
    BEFORE = "before"  # the membrane of the step before (Spyx)


class ReadoutKind(StrEnum):
    """What the output stream of an accelerator carries."""

    SPIKES = "spikes"  # every step: the output events, then a tick
    MEMBRANE = "membrane"  # every step: one value a neuron, then a tick
    COUNTS = "counts"  # at the end of a sample: one spike count a neuron, then a tick
    CLASS = "class"  # at the end of a sample: the winning neuron, then a tick


class WeightStore(StrEnum):
    """Where the weights of an array come from."""

    INITIALISED = "initialised"  # part of the design: in the bitstream
    LOADED = "loaded"  # written over the load bus, into whatever RAM synthesis chooses
    SPRAM = "spram"  # the same, into the large single-port RAMs of the iCE40 UltraPlus
