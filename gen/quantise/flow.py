"""Quantise a network: the list of steps.

1. Every population gets a plain choice: scales from its weights, formats from its ranges.
2. With a calibration set, populations are searched in order, each fed with the spikes that the quantised
   populations before it really send. A recurrent projection is fed with the float network's spikes.
   A recurrent network is searched several times, on different parts of the set.
3. Of these networks and the plain one, the one is kept whose outputs and decisions are nearest.
4. States that still saturate on the calibration set get more bits.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from ..errors import UserError
from ..ir import Network, QuantisedNetwork
from .calibration import Calibration, calibrate
from .checks import check_network, check_options, choose_input_max
from .integers import Choice, build_population
from .option_values import AUTO
from .options import QuantiseOptions
from .outcome import Outcome, measure
from .plain import Task, plain_choice
from .report import QuantiseReport
from .reporting import make_report
from .search_population import search_population
from .simulate import Simulator
from .spike_counts import choose_spike_bits
from .synapses import synapses_into

__all__ = ["quantise"]

_MORE_BITS = 4  # that a saturating state may get
_RECURRENT_TRIES = 6
_PART = 0.7  # of the calibration set
Choices = dict[str, Choice]


def quantise(
    network: Network,
    options: QuantiseOptions | None = None,
    *,
    simulate: Simulator | None = None,
    calibration: np.ndarray | None = None,
) -> tuple[QuantisedNetwork, QuantiseReport]:
    """Turn a network into the integers of docs/number-contract.md.

    Parameters
    ----------
    network : Network
    options : QuantiseOptions, optional
    simulate : Simulator, optional
        Float reference and golden model (the module `sim.golden`); needed with a calibration set.
    calibration : ndarray of uint8, optional
        (samples, steps, *input shape), event counts. Without one, weights are rounded by themselves and
        state ranges are proven instead of seen.

    Returns
    -------
    tuple of QuantisedNetwork and QuantiseReport
        The same arguments give the same network; so do `QuantiseReport.as_options` alone.

    Raises
    ------
    UserError
        The network or an option cannot be used; the message names it.
    ValueError
        A calibration set without a simulator.
    """
    options = options or QuantiseOptions()
    if calibration is not None and simulate is None:
        raise ValueError("A calibration set needs a simulator")
    check_network(network)
    check_options(network, options)
    if calibration is not None and (calibration.ndim < 3 or not calibration.size):
        raise UserError(
            f"The calibration set must have samples, steps and channels, not shape {calibration.shape}"
        )
    input_max = choose_input_max(options, calibration)
    seen = None
    if calibration is not None and simulate is not None:
        seen = calibrate(network, options, simulate, calibration)
    spike_bits = {p.name: choose_spike_bits(p, options, seen) for p in network.populations}
    most = {name: (1 << bits) - 1 for name, bits in spike_bits.items()}
    most |= {node.name: input_max for node in network.inputs}
    tasks = {
        population.name: Task(
            population=population,
            synapses=synapses_into(network, population.name, neurons=population.size, most=most),
            options=options.of(population.name),
            network_options=options,
            calibration=seen,
            spike_bits=spike_bits[population.name],
        )
        for population in network.populations
    }
    choices = {name: plain_choice(task) for name, task in tasks.items()}
    if seen is None:
        qnet = assemble(network, tasks, choices, input_max)
        return qnet, make_report(qnet, tasks, choices, options, seen=None, outcome=None)
    return _calibrated(network, tasks, choices, options, seen, input_max)


def _calibrated(
    network: Network,
    tasks: Mapping[str, Task],
    choices: Choices,
    options: QuantiseOptions,
    seen: Calibration,
    input_max: int,
) -> tuple[QuantisedNetwork, QuantiseReport]:
    outcome = measure(seen, assemble(network, tasks, choices, input_max))
    plain = choices
    for part in _parts(network, options, seen):
        searched = _search(network, tasks, plain, part, input_max)
        found = measure(seen, assemble(network, tasks, searched, input_max))
        if found.cost <= outcome.cost:
            choices, outcome = searched, found
    for _ in range(_MORE_BITS):
        wider = _widen(tasks, choices, outcome)
        if wider == choices:
            break
        choices = wider
        outcome = measure(seen, assemble(network, tasks, choices, input_max))
    qnet = assemble(network, tasks, choices, input_max)
    return qnet, make_report(qnet, tasks, choices, options, seen=seen, outcome=outcome)


def _parts(network: Network, options: QuantiseOptions, seen: Calibration) -> Iterator[Calibration]:
    """What each search looks at: everything, then random parts."""
    if not options.search:
        return
    yield seen
    tries = options.tries
    if not isinstance(tries, int):
        tries = _RECURRENT_TRIES if any(p.recurrent for p in network.projections) else 1
    rng = np.random.default_rng(0)
    for _ in range(tries - 1):
        count = max(1, round(len(seen.x) * _PART))
        yield seen.part(np.sort(rng.permutation(len(seen.x))[:count]))


def _search(
    network: Network, tasks: Mapping[str, Task], plain: Choices, seen: Calibration, input_max: int
) -> Choices:
    choices, spikes = dict(plain), {}
    for name, task in tasks.items():
        choices[name] = search_population(task, plain[name], seen, spikes)
        if any(p.source == name and not p.recurrent for p in network.projections):
            qnet = assemble(network, tasks, choices, input_max)
            run = seen.simulate.run_golden(qnet, seen.x)
            spikes = {done: run.spikes[done] for done in [*spikes, name]}
    return choices


def _widen(tasks: Mapping[str, Task], choices: Choices, outcome: Outcome) -> Choices:
    """One bit more for the automatic states of populations that saturated."""
    wider = dict(choices)
    for name, count in outcome.saturations.items():
        options, formats = tasks[name].options, choices[name].formats
        most = tasks[name].network_options.max_state_bits
        changes = {
            field: getattr(formats, field) + 1
            for field in ("state_bits", "synapse_bits")
            if count and getattr(options, field) == AUTO and 0 < getattr(formats, field) < most
        }
        if changes:
            wider[name] = dataclasses.replace(choices[name], formats=dataclasses.replace(formats, **changes))
    return wider


def assemble(
    network: Network, tasks: Mapping[str, Task], choices: Mapping[str, Choice], input_max: int
) -> QuantisedNetwork:
    """The integer network of `choices`."""
    projections = {
        projection.name: projection
        for name, task in tasks.items()
        for projection in task.synapses.integers(choices[name].weight)
    }
    return QuantisedNetwork(
        name=network.name,
        inputs=network.inputs,
        populations=tuple(
            build_population(task.population, choices[name], task.synapses.accumulators(choices[name].weight))
            for name, task in tasks.items()
        ),
        projections=tuple(projections[p.name] for p in network.projections),
        outputs=network.outputs,
        input_max=input_max,
    )
