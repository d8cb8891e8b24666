"""What a network file means: the explicit record that NIR itself does not carry.

The fields, why each matters and what each framework does are in ``docs/semantics.md``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from ..hw.params import Compare, Fire, Reset

__all__ = ["Decay", "Gain", "IfGain", "Initial", "LowerClamp", "Semantics", "Spikes"]


class Decay(StrEnum):
    """How a time constant becomes a factor of one step."""

    EULER = "euler"  # 1 - dt/tau
    EXACT = "exact"  # exp(-dt/tau)


class Spikes(StrEnum):
    """How many spikes a neuron may emit in a step."""

    BINARY = "binary"
    GRADED = "graded"  # trunc(v / threshold)


class IfGain(StrEnum):
    """The weight of one step's input in an IF or I node."""

    R = "r"
    R_DT = "r_dt"


class Gain(StrEnum):
    """The weight of one step's input in a state with time constant tau; k is the node's r or w_in."""

    EULER = "euler"  # k * dt/tau
    EXACT = "exact"  # k * (1 - exp(-dt/tau)): a current that is constant during the step
    PARAMETER = "parameter"  # k: tau decays, it does not normalise
    DECAY = "decay"  # exp(-dt/tau): the input arrives before the decay; k is not used
    ONE = "one"  # 1: the input arrives after the decay; k is not used


class Initial(StrEnum):
    """The membrane before the first step."""

    ZERO = "zero"
    LEAK = "leak"  # v_leak; 0 where the node has none
    RESET = "reset"  # v_reset; 0 where the node has none


class LowerClamp(StrEnum):
    """A lower bound of the membrane of IF nodes."""

    NONE = "none"
    THRESHOLD = "-threshold"


@dataclass(frozen=True, kw_only=True)
class Semantics:
    """How to run the nodes of a NIR graph in discrete time.

    Attributes
    ----------
    name : str
        The preset it came from.
    dt : float
        Seconds a step (in sinabs: steps, where time constants are in steps too).
    decay, compare, fire, spikes, if_gain
        See the enums.
    reset : Reset
        The hardware's reset. VALUE takes the node's v_reset; "zero" in the option grammar is VALUE
        with v_reset taken as 0.
    reset_to_zero : bool
        Whether v_reset of the file is ignored in favour of 0 (snnTorch's zero reset).
    if_reset : Reset or None
        The reset of IF nodes where it differs from `reset`.
    synapse_gain, membrane_gain : Gain
        Weight of the input in the synaptic current (k = w_in) and in the membrane (k = r).
    v_min : LowerClamp
        Applies to IF nodes (sinabs).
    v_initial : Initial
        Where membranes start.
    recurrent_bias_at_t0 : bool
        Whether the bias of a recurrent connection acts in the first step (snnTorch: yes, Norse: no).

    Raises
    ------
    ValueError
        Fields that contradict each other.
    """

    name: str
    dt: float
    decay: Decay = Decay.EULER
    reset: Reset = Reset.VALUE
    reset_to_zero: bool = False
    if_reset: Reset | None = None
    compare: Compare = Compare.GT
    fire: Fire = Fire.AFTER
    spikes: Spikes = Spikes.BINARY
    if_gain: IfGain = IfGain.R
    synapse_gain: Gain = Gain.EULER
    membrane_gain: Gain = Gain.EULER
    v_min: LowerClamp = LowerClamp.NONE
    v_initial: Initial = Initial.ZERO
    recurrent_bias_at_t0: bool = True

    def __post_init__(self) -> None:
        if not (math.isfinite(self.dt) and self.dt > 0):
            raise ValueError(f"dt must be a positive number of seconds, not {self.dt}")
        resets = {self.reset, self.if_reset or self.reset}
        if self.spikes is Spikes.GRADED and (resets != {Reset.SUBTRACT} or self.fire is not Fire.AFTER):
            raise ValueError("spikes=graded needs reset=subtract and fire=after")
