"""From the user's option and the traces in a file to one `Semantics`, with a line for everything assumed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from ..hw.params import Reset
from .errors import UserError
from .graph import Graph, Node
from .infer import infer_framework, infer_step
from .node_types import NEURONS, SPIKING
from .presets import AUTO, PRESETS, RESETS, parse_option
from .semantics import IfGain, Semantics

__all__ = ["resolve_semantics"]

_LEAKY = ("LI", "LIF", "CubaLI", "CubaLIF")


def resolve_semantics(
    graph: Graph, option: str, dt: float | None = None
) -> tuple[Semantics, tuple[str, ...]]:
    """Decide every field.

    Parameters
    ----------
    graph : Graph
        Without nested graphs.
    option : str
        ``NAME[,field=value...]``, NAME a preset or ``auto``.
    dt : float, optional
        Seconds a step; the same as the field ``dt`` of the option.

    Returns
    -------
    semantics : Semantics
    lines : tuple of str
        ``field = value (source)`` for each field that matters for the nodes of this graph.

    Raises
    ------
    UserError
        A bad option, or a field that is neither given nor inferred nor in the preset.
    """
    name, given = parse_option(option)
    given_dt = _given_dt(given.pop("dt", None), dt)
    lines = []
    if name == AUTO:
        name, reason = _recognised(graph)
        lines.append(f"framework = {name} ({reason})")
    inferred = infer_step(graph, name)
    own = _own_fields(graph, name) if inferred is not None else {}
    fields = {**PRESETS[name].fields, **own, **given}
    seconds, line = _step(graph, name, given_dt, inferred, fields.get("if_gain", IfGain.R))
    try:
        semantics = Semantics(name=name, dt=seconds, **fields)
    except ValueError as error:
        raise UserError(f"--semantics {option}: {error}") from None
    return semantics, tuple(lines + line + _explained(graph, semantics, given, own))


def _own_fields(graph: Graph, name: str) -> Mapping[str, Any]:
    """Return what differs in files of the framework's own exporter."""
    preset, neurons = PRESETS[name], graph.of_type("LIF", "CubaLIF")
    stated = any("v_reset" in node.params for node in neurons)
    if preset.unstated_reset is None or stated or not neurons:
        return preset.own_fields
    return {**preset.own_fields, "reset": preset.unstated_reset, "reset_to_zero": False}


def _given_dt(field: float | None, dt: float | None) -> float | None:
    if dt is not None:
        dt = parse_option(f"dt={dt}")[1]["dt"]
    if field is not None and dt is not None and field != dt:
        raise UserError(f"--dt {dt:g} and dt={field:g} in --semantics differ; give one")
    return field if dt is None else dt


def _recognised(graph: Graph) -> tuple[str, str]:
    trace = infer_framework(graph)
    if trace is not None:
        return trace.preset, trace.reason
    neurons = graph.of_type(*NEURONS)
    if not neurons:
        return "nir", "no node has dynamics"
    what = {"IF": "its reset", "I": "its input gain"}.get(neurons[0].type, "its time step, decay and reset")
    presets = " | ".join(PRESETS)
    raise graph.error(
        neurons[0].name,
        f"{what} cannot be inferred from the file; accepted: --semantics {presets} (and --dt SECONDS)",
    )


def _step(
    graph: Graph, name: str, given: float | None, inferred: tuple[float, str] | None, if_gain: IfGain
) -> tuple[float, list[str]]:
    node = _needs_step(graph, if_gain)
    if given is not None:
        differs = inferred is not None and abs(inferred[0] - given) > 1e-3 * given
        but = f"; but {inferred[1]} would be {inferred[0]:g} s" if inferred and differs else ""
        return given, [f"dt = {given:g} s (given{but})"] if node else []
    if node is None:
        return 1.0, []
    if inferred is not None:
        return inferred[0], [f"dt = {inferred[0]:g} s (inferred: {inferred[1]})"]
    preset = PRESETS[name]
    if preset.dt is None:
        raise graph.error(
            node.name, f"its time step cannot be inferred and {name} has no default; accepted: --dt SECONDS"
        )
    return preset.dt, [f"dt = {preset.dt:g} s ({preset.dt_reason}; the file does not say)"]


def _needs_step(graph: Graph, if_gain: IfGain) -> Node | None:
    """Return the first node whose arithmetic depends on dt."""
    types = (*_LEAKY, "IF", "I") if if_gain is IfGain.R_DT else _LEAKY
    types += ("Delay",)
    return next(iter(graph.of_type(*types)), None)


def _explained(
    graph: Graph, semantics: Semantics, given: Mapping[str, Any], own: Mapping[str, Any]
) -> list[str]:
    lines = []
    for key in _relevant(graph, semantics):
        remark = PRESETS[semantics.name].remarks.get(key)
        if key == "reset" and key in own and key not in given:
            remark = _UNSTATED
        source = "given" if key in given else f"preset {semantics.name}"
        lines.append(f"{key} = {_word(semantics, key)} ({source}{f'; {remark}' if remark else ''})")
    return lines


def _relevant(graph: Graph, semantics: Semantics) -> list[str]:
    """Return the fields that matter for the node types of the graph."""
    has = {kind: bool(graph.of_type(kind)) for kind in (*NEURONS, "Threshold")}
    leaky = any(has[kind] for kind in _LEAKY)
    matters = {
        "decay": leaky,
        "reset": has["LIF"] or has["CubaLIF"] or (has["IF"] and semantics.if_reset is None),
        "if_reset": has["IF"] and semantics.if_reset is not None,
        "compare": has["Threshold"] or any(has[kind] for kind in SPIKING),
        "fire": any(has[kind] for kind in SPIKING),
        "spikes": any(has[kind] for kind in SPIKING),
        "if_gain": has["IF"] or has["I"],
        "synapse_gain": has["CubaLI"] or has["CubaLIF"],
        "membrane_gain": leaky,
        "v_min": has["IF"],
        "v_initial": leaky or has["IF"],
    }
    return [key for key, matter in matters.items() if matter]


def _word(semantics: Semantics, key: str) -> str:
    value = getattr(semantics, key)
    if key in ("reset", "if_reset"):
        wanted = (value, semantics.reset_to_zero and value in (Reset.VALUE, Reset.LATE_VALUE))
        return next(word for word, meaning in RESETS.items() if meaning == wanted)
    word = value.value if isinstance(value, StrEnum) else str(value)
    formula = _FORMULAS.get((key.removeprefix("synapse_").removeprefix("membrane_"), word), "")
    return word + formula.replace("k", "w_in" if key == "synapse_gain" else "r")


_UNSTATED = "its own file without v_reset: its neurons subtract where they are not told otherwise"

_FORMULAS = {
    ("decay", "euler"): ": 1 - dt/tau",
    ("decay", "exact"): ": exp(-dt/tau)",
    ("gain", "euler"): ": input * k*dt/tau",
    ("gain", "exact"): ": input * k*(1 - exp(-dt/tau))",
    ("gain", "parameter"): ": input * k",
    ("gain", "decay"): ": input * exp(-dt/tau)",
    ("gain", "one"): ": input * 1",
}
