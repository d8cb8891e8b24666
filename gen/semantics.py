"""What a network file means: the explicit record that NIR itself does not carry.

The fields, why each matters and what each framework does are in ``docs/semantics.md``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..hw.params import Compare, Fire, Reset

__all__ = ["Decay", "IfGain", "Semantics", "Spikes"]


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


@dataclass(frozen=True, kw_only=True)
class Semantics:
    """How to run the nodes of a NIR graph in discrete time.

    Attributes
    ----------
    name : str
        The preset it came from.
    dt : float
        Seconds a step.
    decay, reset, compare, fire, spikes, if_gain
        See the enums. `reset` is a `Reset` of the hardware (VALUE takes the node's v_reset;
        "zero" in the option grammar is VALUE with v_reset taken as 0).
    reset_to_zero : bool
        Whether v_reset of the file is ignored in favour of 0 (snnTorch's zero reset).
    v_initial_leak : bool
        Membranes start at v_leak (Norse) instead of 0.
    v_min : str
        "none" or "-threshold" (sinabs).
    recurrent_bias_at_t0 : bool
        Whether the bias of a recurrent connection acts in the first step (snnTorch: yes, Norse: no).
    """

    name: str
    dt: float
    decay: Decay = Decay.EULER
    reset: Reset = Reset.VALUE
    reset_to_zero: bool = False
    compare: Compare = Compare.GT
    fire: Fire = Fire.AFTER
    spikes: Spikes = Spikes.BINARY
    if_gain: IfGain = IfGain.R
    v_min: str = "none"
    v_initial_leak: bool = False
    recurrent_bias_at_t0: bool = True
