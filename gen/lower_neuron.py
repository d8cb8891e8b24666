"""Neuron nodes in discrete time: factors, gains, thresholds and resets under a `Semantics`.

Source of the equations: docs/semantics.md. Gains are returned apart, for the projections to take them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..hw.params import Reset
from .graph import Graph, Node
from .node_types import ANALOG
from .semantics import Decay, Gain, IfGain, Initial, LowerClamp, Semantics, Spikes
from .shapes import Shape, per_neuron

__all__ = ["SUBTRACTING", "Dynamics", "even_gain", "make_dynamics", "scaled", "stateless"]

SUBTRACTING = (Reset.SUBTRACT, Reset.TWO_STAGE_SUBTRACT, Reset.LATE_SUBTRACT)


@dataclass(frozen=True, kw_only=True, eq=False)
class Dynamics:
    """What a neuron node does to the sum of its input; arrays are (size,), float64.

    ``x = gain * input + bias; i = alpha * i + x; v = beta * v + i + leak`` on a membrane that is
    lower by `offset` than the node's own. `bias` and `leak` hold the leak potential. Without alpha
    there is no synaptic current (i = x), without beta no memory (v = i).
    """

    gain: np.ndarray
    alpha: np.ndarray | None = None
    beta: np.ndarray | None = None
    bias: np.ndarray
    leak: np.ndarray
    offset: np.ndarray
    threshold: np.ndarray | None = None
    reset: Reset = Reset.NONE
    reset_value: np.ndarray
    v_min: np.ndarray | None = None


def make_dynamics(graph: Graph, node: Node, shape: Shape, semantics: Semantics) -> Dynamics:
    """Discretise one neuron node.

    Raises
    ------
    UserError
        A time constant below dt under Euler decay, or a reset that cannot be expressed.
    """
    values = {name: per_neuron(node.array(name), shape) for name in node.params}
    zeros = np.zeros(int(np.prod(shape, dtype=np.int64)))
    alpha, gain = None, _membrane_gain(node, values, semantics)
    if "tau_syn" in values:
        alpha = _decay(graph, node, "tau_syn", values, semantics)
        gain = gain * _gain(
            values.get("w_in", zeros + 1), values["tau_syn"], semantics.synapse_gain, semantics
        )
    tau = next((name for name in ("tau", "tau_mem") if name in values), None)
    beta = zeros + 1 if tau is None else _decay(graph, node, tau, values, semantics)
    offset = _initial(values, zeros, semantics)
    leak = (1 - beta) * (values.get("v_leak", zeros) - offset)
    dynamics = Dynamics(
        gain=gain,
        alpha=alpha,
        beta=beta,
        bias=leak if alpha is None else zeros,
        leak=zeros if alpha is None else leak,
        offset=offset,
        reset_value=zeros,
    )
    return dynamics if node.type in ANALOG else _spiking(graph, node, values, semantics, dynamics)


def stateless(size: int, threshold: np.ndarray | None = None) -> Dynamics:
    """Return the dynamics of a Threshold after synapses, or of a bare sum."""
    zeros = np.zeros(size)
    return Dynamics(
        gain=np.ones(size), bias=zeros, leak=zeros, offset=zeros, threshold=threshold, reset_value=zeros
    )


def scaled(dynamics: Dynamics, factor: np.ndarray) -> Dynamics:
    """Return the same neurons, the membrane `factor` times the node's (above 0 where they spike)."""
    names = ("gain", "bias", "leak", "offset", "threshold", "reset_value", "v_min")
    values = {name: getattr(dynamics, name) for name in names}
    return replace(dynamics, **{name: v * factor for name, v in values.items() if v is not None})


def even_gain(dynamics: Dynamics, channels: int) -> Dynamics:
    """Return the same spikes with one gain a channel: what differs within goes into the thresholds.

    Neurons that do not spike, or with a gain that is not above 0, stay as they are.
    """
    gain = dynamics.gain.reshape(channels, -1)
    if dynamics.threshold is None or (gain == gain[:, :1]).all() or (gain <= 0).any():
        return dynamics
    common = np.broadcast_to(gain.max(axis=1, keepdims=True), gain.shape).reshape(-1)
    return replace(scaled(dynamics, common / dynamics.gain), gain=common)


def _decay(
    graph: Graph, node: Node, name: str, values: dict[str, np.ndarray], semantics: Semantics
) -> np.ndarray:
    ratio = semantics.dt / values[name]
    if semantics.decay is Decay.EXACT:
        return np.exp(-ratio)
    if (ratio > 1 + 1e-9).any():
        smallest = values[name].min()
        raise graph.error(
            node.name,
            f"{name} = {smallest:g} is below dt = {semantics.dt:g}, so 1 - dt/tau is negative; "
            "accepted: dt up to tau, or decay=exact",
        )
    return np.maximum(1 - ratio, 0)


def _membrane_gain(node: Node, values: dict[str, np.ndarray], semantics: Semantics) -> np.ndarray:
    if node.type in ("I", "IF"):
        return values["r"] * (semantics.dt if semantics.if_gain is IfGain.R_DT else 1.0)
    tau = values["tau" if "tau" in values else "tau_mem"]
    return _gain(values["r"], tau, semantics.membrane_gain, semantics)


def _gain(parameter: np.ndarray, tau: np.ndarray, gain: Gain, semantics: Semantics) -> np.ndarray:
    ratio = semantics.dt / tau
    if gain is Gain.EULER:
        return parameter * ratio
    if gain is Gain.EXACT:
        return parameter * -np.expm1(-ratio)
    if gain is Gain.DECAY:
        return np.exp(-ratio)
    return parameter if gain is Gain.PARAMETER else np.ones_like(parameter)


def _initial(values: dict[str, np.ndarray], zeros: np.ndarray, semantics: Semantics) -> np.ndarray:
    names = {Initial.LEAK: "v_leak", Initial.RESET: "v_reset"}
    return values.get(names.get(semantics.v_initial, ""), zeros)


def _spiking(
    graph: Graph, node: Node, values: dict[str, np.ndarray], semantics: Semantics, dynamics: Dynamics
) -> Dynamics:
    threshold, offset = values["v_threshold"], dynamics.offset
    reset = semantics.if_reset if node.type == "IF" and semantics.if_reset else semantics.reset
    if reset in SUBTRACTING and offset.any():
        start = f"its {semantics.v_initial.value} potential {offset[offset != 0][0]:g}"
        raise graph.error(
            node.name,
            f"starts at {start}, which reset={reset} cannot keep; accepted: v_initial=zero, reset=value",
        )
    if semantics.spikes is Spikes.GRADED and (threshold <= 0).any():
        raise graph.error(node.name, f"v_threshold = {threshold.min():g}; spikes=graded needs it above 0")
    target = (
        np.zeros_like(offset) if semantics.reset_to_zero else values.get("v_reset", np.zeros_like(offset))
    )
    clamp = node.type == "IF" and semantics.v_min is LowerClamp.THRESHOLD
    return replace(
        dynamics,
        threshold=threshold - offset,
        reset=reset,
        reset_value=target - offset,
        v_min=-threshold - offset if clamp else None,
    )
