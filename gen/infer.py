"""What a file gives away about the framework and the time step that it was made with.

An exporter leaves a trace where its parameters are functions of the time step alone. Each trace is taken
only if every neuron of the graph has it with one and the same step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .graph import Graph

__all__ = ["Trace", "infer_framework", "infer_step"]

_TOLERANCE = 1e-5  # parameters are often float32


class Trace(NamedTuple):
    """A framework, the step if it shows, and how it was recognised."""

    preset: str
    dt: float | None
    reason: str


def infer_framework(graph: Graph) -> Trace | None:
    """Recognise the framework that wrote a file; None if nothing in it is telling."""
    if any(name.endswith(_ROCKPOOL) for name in graph.nodes):
        return Trace("rockpool", _rockpool_step(graph), "node names end in a Rockpool module")
    if graph.of_type("SumPool2d") and graph.of_type("IF"):
        return Trace("sinabs", None, "only sinabs writes IF with SumPool2d")
    for preset, rule, reason in (
        ("spikingjelly", _if_step, "r = 1/dt at every IF, as only SpikingJelly writes"),
        ("snntorch", _unit_step, "r*dt/tau = 1 at every neuron, as snnTorch writes"),
        ("spyx", _spyx_step, "r = 1 - dt/tau at every neuron, as only Spyx writes"),
    ):
        dt = rule(graph)
        if dt is not None:
            return Trace(preset, dt, reason)
    return None


def infer_step(graph: Graph, preset: str) -> tuple[float, str] | None:
    """Seconds a step by the trace that the framework `preset` leaves, and how it was found."""
    rules: dict[str, tuple[Callable[[Graph], float | None], str]] = {
        "snntorch": (_unit_step, "r*dt/tau = 1 at every neuron"),
        "lava": (_unit_step, "r*dt/tau = 1 at every neuron"),
        "spikingjelly": (_spikingjelly_step, "r*dt/tau = 1 at every LIF, r*dt = 1 at every IF"),
        "rockpool": (_rockpool_step, "r*dt/tau = exp(-dt/tau) at every neuron"),
        "spyx": (_spyx_step, "r = 1 - dt/tau at every neuron"),
    }
    rule, reason = rules.get(preset, (lambda _: None, ""))
    dt = rule(graph)
    return None if dt is None else (dt, reason)


_ROCKPOOL = ("_LIFNeuronTorch", "_LIFTorch", "_LinearTorch", "_ExpSynTorch")
_CUBA = ("CubaLI", "CubaLIF")
_ONE = np.ones(())


class _State(NamedTuple):
    """A state with a time constant and the factor of its input (r or w_in)."""

    tau: np.ndarray
    gain: np.ndarray


def _membranes(graph: Graph) -> list[_State]:
    simple = [_State(node.array("tau"), node.array("r")) for node in graph.of_type("LI", "LIF")]
    return simple + [_State(node.array("tau_mem"), node.array("r")) for node in graph.of_type(*_CUBA)]


def _currents(graph: Graph) -> list[_State]:
    nodes = [(node, node.params) for node in graph.of_type(*_CUBA)]
    return [_State(n.array("tau_syn"), n.array("w_in") if "w_in" in params else _ONE) for n, params in nodes]


def _common(states: list[_State], step: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float | None:
    """Return the step on which all states agree.

    Where there is one time constant only, any step would do: then it must be a round number.
    """
    if not states:
        return None
    tau = np.concatenate([np.broadcast_to(s.tau, _joint(s)).reshape(-1) for s in states]).astype(np.float64)
    gain = np.concatenate([np.broadcast_to(s.gain, _joint(s)).reshape(-1) for s in states]).astype(np.float64)
    values = step(tau, gain)
    dt = float(np.median(values))
    if not (values > 0).all() or not np.allclose(values, dt, rtol=_TOLERANCE, atol=0):
        return None
    several = not np.allclose(tau, tau[0], rtol=_TOLERANCE, atol=0)
    return _rounded(dt, 3) or dt if several else _rounded(dt, 2)


def _joint(state: _State) -> tuple[int, ...]:
    return state.tau.shape if state.gain.size == 1 else state.gain.shape


def _rounded(dt: float, digits: int) -> float | None:
    neat = float(f"{dt:.{digits}g}")
    return neat if abs(neat - dt) <= _TOLERANCE * dt else None


def _unit_step(graph: Graph) -> float | None:
    """Solve k * dt/tau = 1. With r = 1 a membrane would forget at once, so that is no trace."""
    membranes, currents = _membranes(graph), _currents(graph)
    if any((s.gain <= 1).any() for s in membranes) or any((s.gain <= 0).any() for s in currents):
        return None
    return _common(membranes + currents, lambda tau, gain: tau / gain)


def _if_step(graph: Graph) -> float | None:
    """Solve r * dt = 1 for IF nodes, with every LIF in agreement; r = 1 says nothing."""
    nodes = graph.of_type("IF", "I")
    if any((node.array("r") <= 1).any() for node in nodes):
        return None
    dt = _common([_State(_ONE, node.array("r")) for node in nodes], lambda tau, gain: tau / gain)
    unit = _unit_step(graph)
    return None if unit is not None and unit != dt else dt


def _spikingjelly_step(graph: Graph) -> float | None:
    return _if_step(graph) or _unit_step(graph)


def _spyx_step(graph: Graph) -> float | None:
    """Solve r = 1 - dt/tau, which lies between 0 and 1."""
    membranes = _membranes(graph)
    if any((s.gain <= 0).any() or (s.gain >= 1).any() for s in membranes):
        return None
    return _common(membranes, lambda tau, gain: tau * (1 - gain))


def _rockpool_step(graph: Graph) -> float | None:
    """Solve r * x = exp(-x) for x = dt/tau by Newton's method; r < 2 is no trace (dt near tau)."""
    membranes = _membranes(graph)
    if any((s.gain < 2).any() for s in membranes):
        return None
    return _common(membranes, _lambert_step)


def _lambert_step(tau: np.ndarray, gain: np.ndarray) -> np.ndarray:
    x = 1 / (1 + gain)
    for _ in range(8):
        x = x - (gain * x - np.exp(-x)) / (gain + np.exp(-x))
    return tau * x
