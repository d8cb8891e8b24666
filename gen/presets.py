"""Named semantics of the frameworks, and the grammar ``NAME,field=value,...`` that overrides their fields.

Where each value comes from is in ``docs/semantics.md``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ..hw.params import Compare, Fire, Reset
from .errors import UserError
from .graph import quoted
from .semantics import Decay, Gain, IfGain, Initial, LowerClamp, Spikes

__all__ = ["AUTO", "PRESETS", "RESETS", "Preset", "parse_option"]

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class Preset:
    """What a framework does.

    Attributes
    ----------
    fields : mapping
        Fields of `Semantics` that differ from its defaults.
    dt : float or None
        The time step that the framework takes where nobody names one.
    dt_reason : str
        Why, for the user.
    own_fields : mapping
        Fields that differ further in files that bear the trace of the framework's own exporter.
    unstated_reset : Reset or None
        The reset of LIF and CubaLIF in such files where no node has a v_reset; None: as in all others.
    remarks : mapping
        Field to what a user should know of its value.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    dt: float | None = None
    dt_reason: str = ""
    own_fields: Mapping[str, Any] = field(default_factory=dict)
    unstated_reset: Reset | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)


PRESETS: Mapping[str, Preset] = {
    "snntorch": Preset(
        fields={"reset_to_zero": True, "if_reset": Reset.TWO_STAGE_SUBTRACT},
        unstated_reset=Reset.TWO_STAGE_SUBTRACT,
        dt=1e-4,
        dt_reason="the step that snnTorch writes into every file",
        remarks={
            "reset": "snnTorch imports as zero; its reset_mechanism='subtract' is late_subtract, with "
            "reset_delay=False two_stage_subtract"
        },
    ),
    "norse": Preset(
        fields={"v_initial": Initial.LEAK, "recurrent_bias_at_t0": False},
        dt=1e-3,
        dt_reason="Norse's default",
    ),
    "sinabs": Preset(
        fields={
            "decay": Decay.EXACT,
            "reset": Reset.SUBTRACT,
            "compare": Compare.GE,
            "spikes": Spikes.GRADED,
            "synapse_gain": Gain.DECAY,
            "membrane_gain": Gain.PARAMETER,
            "v_min": LowerClamp.THRESHOLD,
        },
        dt=1.0,
        dt_reason="sinabs counts time constants in steps",
    ),
    "spikingjelly": Preset(
        fields={"compare": Compare.GE, "if_gain": IfGain.R_DT, "v_initial": Initial.RESET},
        dt=1e-4,
        dt_reason="SpikingJelly's default",
    ),
    "rockpool": Preset(
        fields={
            "decay": Decay.EXACT,
            "reset": Reset.SUBTRACT,
            "compare": Compare.GE,
            "spikes": Spikes.GRADED,
            "synapse_gain": Gain.DECAY,
            "membrane_gain": Gain.ONE,
        },
    ),
    "lava": Preset(
        fields={"reset_to_zero": True},
        dt=1e-4,
        dt_reason="the default of the Lava importer",
    ),
    "spyx": Preset(
        fields={"reset": Reset.LATE_SUBTRACT, "fire": Fire.BEFORE},
        own_fields={"synapse_gain": Gain.ONE, "membrane_gain": Gain.ONE},
        remarks={"synapse_gain": "the second subtraction of Spyx's CuBaLIF is not done"},
    ),
    "nir": Preset(fields={"if_gain": IfGain.R_DT}),
}

# The word of the user to (reset, reset_to_zero).
RESETS: Mapping[str, tuple[Reset, bool]] = {
    "zero": (Reset.VALUE, True),
    "value": (Reset.VALUE, False),
    "subtract": (Reset.SUBTRACT, False),
    "two_stage_subtract": (Reset.TWO_STAGE_SUBTRACT, False),
    "late_zero": (Reset.LATE_VALUE, True),
    "late_value": (Reset.LATE_VALUE, False),
    "late_subtract": (Reset.LATE_SUBTRACT, False),
    "none": (Reset.NONE, False),
}

_TRUTH = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}


def parse_option(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``NAME,field=value,...`` (the name may be left out: then it is ``auto``).

    Returns
    -------
    name : str
        ``auto`` or a key of `PRESETS`.
    fields : dict
        Fields of `Semantics`.

    Raises
    ------
    UserError
        Unknown preset, field or value, or a field given twice; what is known is listed.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    name = AUTO if not parts or "=" in parts[0] else parts.pop(0)
    if name != AUTO and name not in PRESETS:
        raise UserError(f"--semantics: unknown preset {quoted(name)}; known: {', '.join((AUTO, *PRESETS))}")
    fields: dict[str, Any] = {}
    for part in parts:
        key, separator, value = part.partition("=")
        if not separator or key not in _FIELDS:
            raise UserError(f"--semantics: unknown field {quoted(key)}; known: {', '.join(_FIELDS)}")
        if key in fields:
            raise UserError(f"--semantics: field {key} is given twice")
        fields.update(_FIELDS[key](key, value))
    return name, fields


def _enum(kinds: type[StrEnum], **aliases: StrEnum) -> Callable[[str, str], dict[str, Any]]:
    words: dict[str, StrEnum] = {kind.value: kind for kind in kinds} | aliases

    def parse(key: str, value: str) -> dict[str, Any]:
        return {key: _chosen(key, value, words)}

    return parse


def _chosen(key: str, value: str, words: Mapping[str, Any]) -> Any:
    if value not in words:
        raise UserError(f"--semantics: {key} must be one of {', '.join(words)}, not {quoted(value)}")
    return words[value]


def _truth(key: str, value: str) -> dict[str, Any]:
    return {key: _chosen(key, value, _TRUTH)}


def _reset(key: str, value: str) -> dict[str, Any]:
    reset, to_zero = _chosen(key, value, RESETS)
    return {"reset": reset, "reset_to_zero": to_zero, "if_reset": None}


def _seconds(key: str, value: str) -> dict[str, Any]:
    try:
        seconds = float(value)
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds > 0):
        raise UserError(f"--semantics: {key} must be a positive number of seconds, not {quoted(value)}")
    return {key: seconds}


_FIELDS: Mapping[str, Callable[[str, str], dict[str, Any]]] = {
    "dt": _seconds,
    "decay": _enum(Decay),
    "reset": _reset,
    "compare": _enum(Compare, gt=Compare.GT, ge=Compare.GE),
    "fire": _enum(Fire),
    "spikes": _enum(Spikes),
    "if_gain": _enum(IfGain),
    "synapse_gain": _enum(Gain),
    "membrane_gain": _enum(Gain),
    "v_min": _enum(LowerClamp),
    "v_initial": _enum(Initial),
    "recurrent_bias_at_t0": _truth,
}
