"""The float reference: the same network before quantisation, in float64 and with the same walk."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from ...gen.ir import Network, Population
from ...hw.params import LATE_RESETS, Compare, Fire, Reset
from .inputs import input_events
from .rule import Outcome
from .run import Run
from .traverse import make_plan, traverse

__all__ = ["run_float"]

_GRADED_MAX = (1 << 16) - 1
_NONE = np.zeros(())


def run_float(
    network: Network, x: np.ndarray, *, record: bool = False, keep: Collection[str] | None = None
) -> Run:
    """Run a network in floating point, by the equations of `gen.ir.Population`.

    Parameters
    ----------
    network : Network
    x : ndarray of uint8
        (samples, steps, *input shape) or (samples, steps, channels), event counts.
    record : bool
        Keep membranes and synaptic currents of all populations, float64, without `offset`.
    keep : collection of str or None
        Populations whose arrays are kept, beside the outputs; None: all.

    Returns
    -------
    Run

    Raises
    ------
    UserError
        Input of a wrong shape or type.
    """
    rules = {population.name: _FloatRule(population) for population in network.populations}
    plan = make_plan(network, rules)
    return traverse(network, plan, input_events(network, x), record=record, keep=keep)


class _FloatRule:
    """Arithmetic of one population in float64; a state is the pair (v, i)."""

    acc_dtype = np.dtype(np.float64)
    state_dtype = np.dtype(np.float64)

    def __init__(self, population: Population) -> None:
        self._p = population
        self._graded = population.spikes == "graded"
        self.spike_dtype = np.dtype(np.uint16 if self._graded else np.uint8)
        self.spiking = population.spiking
        self.has_current = population.alpha is not None
        # An empty array stands for zero.
        self._bias = population.bias if population.bias.size else 0.0
        self._leak = population.leak if population.leak.size else 0.0
        self._reset_value = population.reset_value if population.reset_value.size else 0.0

    def start(self, samples: int) -> tuple[np.ndarray, np.ndarray | None]:
        shape = (samples, self._p.size)
        return np.zeros(shape), np.zeros(shape) if self.has_current else None

    def advance(
        self, state: tuple[np.ndarray, np.ndarray | None], acc: np.ndarray, *, record: bool
    ) -> Outcome:
        spikes = np.empty(acc.shape, self.spike_dtype) if self.spiking else None
        membranes = np.empty(acc.shape) if record else None
        currents = np.empty(acc.shape) if record and self.has_current else None
        for k, one in enumerate(acc):
            fired = self._step(*state, one)
            if spikes is not None and fired is not None:
                spikes[k] = fired
            if membranes is not None:
                membranes[k] = state[0]
            if currents is not None:
                currents[k] = state[1]
        return Outcome(spikes, membranes, currents)

    def _step(self, v: np.ndarray, i: np.ndarray | None, acc: np.ndarray) -> np.ndarray | None:
        """One step, which overwrites `v` and `i`; return the spikes."""
        x = acc + self._bias
        if i is not None:
            i[:] = x = self._p.alpha * i + x
        v1, spikes = self._membrane(v, x)
        v[:] = v1 if self._p.v_min is None else np.maximum(v1, self._p.v_min)
        return spikes

    def _membrane(self, v_old: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        p = self._p
        v = x + self._leak if p.beta is None else p.beta * v_old + x + self._leak
        if p.threshold is None:
            return v, None
        late = p.reset in LATE_RESETS or p.reset is Reset.TWO_STAGE_SUBTRACT
        before = self._count(v_old) if late or p.fire is Fire.BEFORE else _NONE
        if late:
            v = self._reset(v, before, to_value=p.reset is Reset.LATE_VALUE)
        spikes = self._count(v)
        if p.reset in (Reset.VALUE, Reset.SUBTRACT):
            v = self._reset(v, spikes, to_value=p.reset is Reset.VALUE)
        elif p.reset is Reset.TWO_STAGE_SUBTRACT:
            v = v - (spikes - before) * p.threshold
        return v, before if p.fire is Fire.BEFORE else spikes

    def _reset(self, v: np.ndarray, spikes: np.ndarray, *, to_value: bool) -> np.ndarray:
        return np.where(spikes > 0, self._reset_value, v) if to_value else v - spikes * self._p.threshold

    def _count(self, v: np.ndarray) -> np.ndarray:
        """Spikes of a membrane, as float64."""
        p = self._p
        if self._graded:  # sinabs: n = trunc(v / threshold), never negative
            return np.clip(np.trunc(v / p.threshold), 0, _GRADED_MAX)
        return (v > p.threshold if p.compare is Compare.GT else v >= p.threshold).astype(np.float64)
