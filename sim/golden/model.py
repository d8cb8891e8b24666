"""The golden model: a quantised network in integers, which the RTL equals bit for bit."""

from __future__ import annotations

from collections.abc import Collection
from weakref import WeakKeyDictionary

import numpy as np

from ...gen.convolution import window_sums
from ...gen.errors import UserError
from ...gen.ir import QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from ...hw.params import bits_for_signed
from .inputs import check_counts, input_events
from .neuron import State, advance, initial_state, neuron_arrays
from .rule import Outcome
from .run import Run
from .threads import most_threads
from .traverse import Plan, make_plan, traverse

__all__ = ["accumulator_range", "run_golden"]


_plans: WeakKeyDictionary[QuantisedNetwork, Plan] = WeakKeyDictionary()
"""What is made ready of a network, for its next run: the arrays of a network never change."""


def run_golden(
    network: QuantisedNetwork,
    x: np.ndarray,
    *,
    record: bool = False,
    keep: Collection[str] | None = None,
    threads: int | None = None,
) -> Run:
    """Run a quantised network.

    Parameters
    ----------
    network : QuantisedNetwork
    x : ndarray of uint8
        (samples, steps, *input shape) or (samples, steps, channels), event counts.
    record : bool
        Keep membranes and synaptic currents of all populations, int64 in state LSB.
    keep : collection of str or None
        Populations whose arrays are kept, beside the outputs; None: all.
    threads : int or None
        At most; None: one a core, in a process that `multiprocessing` started one. Results do not depend on
        it.

    Returns
    -------
    Run

    Raises
    ------
    UserError
        Input of a wrong shape or type, or with a count above `input_max`; weights that need more
        than a population's `acc_bits`.
    """
    events = input_events(network, x)
    check_counts(events, name=network.name, input_max=network.input_max)
    threads = most_threads() if threads is None else threads
    return traverse(network, _plan(network), events, record=record, keep=keep, threads=threads)


def _plan(network: QuantisedNetwork) -> Plan:
    plan = _plans.get(network)
    if plan is None:
        rules = {population.name: _IntegerRule(network, population) for population in network.populations}
        plan = _plans[network] = make_plan(network, rules)
    return plan


def accumulator_range(network: QuantisedNetwork, target: str) -> tuple[int, int]:
    """Smallest and largest value that an accumulator of `target` can take within a step.

    Every partial sum, in whatever order, lies between the two: the sum of the negative and the sum
    of the positive weights of a neuron, each times the most events of its source in a step.

    Returns
    -------
    tuple of int
        (low <= 0, high >= 0)
    """
    inputs = {node.name for node in network.inputs}
    spike_max = {population.name: population.neuron.spike_max for population in network.populations}
    low = high = 0
    for projection in network.into(target):
        most = network.input_max if projection.source in inputs else spike_max[projection.source]
        total = _weight_sums(projection, projection.weight)
        magnitude = _weight_sums(projection, np.abs(projection.weight))
        low = low + (total - magnitude) // 2 * most
        high = high + (total + magnitude) // 2 * most
    return int(np.min(low)), int(np.max(high))


def _weight_sums(projection: QuantisedProjection, weight: np.ndarray) -> np.ndarray:
    """Sum over the synapses of each target; a spike passes a synapse once, however late."""
    if projection.conv is not None:
        return window_sums(weight.astype(np.int64), projection.conv)
    return weight.sum(axis=1, dtype=np.int64)


class _IntegerRule:
    """Arithmetic of the number contract."""

    state_dtype = np.dtype(np.int64)
    spike_dtype = np.dtype(np.uint8)

    def __init__(self, network: QuantisedNetwork, population: QuantisedPopulation) -> None:
        low, high = accumulator_range(network, population.name)
        acc_bits = population.neuron.acc_bits
        if bits_for_signed(low, high) > acc_bits:
            raise UserError(
                f"Population {population.name}: accumulators reach {low} .. {high}, which needs"
                f" {bits_for_signed(low, high)} accumulator bits, not {acc_bits}"
            )
        kinds = (np.int16, np.int32, np.int64)
        self.acc_dtype = next(np.dtype(kind) for kind in kinds if acc_bits <= np.iinfo(kind).bits)
        self.spiking = population.spiking
        self.has_current = population.neuron.synapse is not None
        self._neuron = neuron_arrays(population.neuron)

    def start(self, samples: int) -> State:
        return initial_state(self._neuron, samples)

    def advance(self, state: State, acc: np.ndarray, *, record: bool) -> Outcome:
        steps = advance(self._neuron, state, acc, record=record)
        return Outcome(steps.spikes, steps.membranes, steps.currents, steps.saturations)
