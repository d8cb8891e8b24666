"""One population's part of the search: its evidence, its trial, its new choice."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from ..ir import Network, Population
from .calibration import Calibration
from .integers import Choice
from .moments import undecided_membrane
from .option_values import AUTO
from .plain import Task, final_formats, given_scale, scale_floor
from .search import Evidence, search_weights
from .trial import Listener, Trial

__all__ = ["search_population"]

_SPARE_BITS = 2  # in trials, where scales are smaller than the one the formats are for


def search_population(
    task: Task, plain: Choice, seen: Calibration, spikes: Mapping[str, np.ndarray]
) -> Choice:
    """Search scale, weights and threshold of one population.

    Parameters
    ----------
    task : Task
    plain : Choice
        Where the search starts; its formats stay but for the width of automatic states.
    seen : Calibration
    spikes : mapping
        Spikes of the populations that are quantised already.

    Returns
    -------
    Choice
        `plain` itself where the options leave nothing to search.
    """
    options, population = task.options, task.population
    weights_given = any(name in task.network_options.weights for name in task.synapses.columns)
    if options.exact or weights_given or options.clip != AUTO:
        return plain
    trial = Trial(
        simulate=seen.simulate,
        population=population,
        events=seen.events(population.name, spikes),
        reference=(seen.run.spikes if population.spiking else seen.run.membranes)[population.name],
        listener=listener_of(seen.network, population),
        weight_bits=options.weight_bits,
        formats=_roomy(task, plain),
    )
    found = search_weights(
        trial,
        task.synapses.weight,
        _evidence(task, seen),
        candidates=task.network_options.candidates,
        scale=given_scale(task),
        floor=scale_floor(task),
        shared_scale=not population.spiking,
    )
    scale, weight = found.scale[0], found.weight[0].astype(np.int32)
    threshold = plain.threshold
    if found.threshold is not None and threshold is None:
        threshold = found.threshold[0]
    return dataclasses.replace(
        plain,
        scale=scale,
        weight=weight,
        threshold=threshold,
        formats=final_formats(task, plain.formats, scale, weight),
    )


def _roomy(task: Task, plain: Choice):
    formats = plain.formats
    changes = {
        field: min(48, getattr(formats, field) + _SPARE_BITS)
        for field in ("state_bits", "synapse_bits")
        if getattr(task.options, field) == AUTO and getattr(formats, field)
    }
    return dataclasses.replace(formats, **changes)


def listener_of(network: Network, population: Population) -> Listener:
    """Who feels the spikes of `population`: an output is counted, else the first population they go to."""
    if population.name in network.outputs:
        return Listener(counts=True)
    targets = {p.target: p.recurrent for p in network.projections if p.source == population.name}
    if not targets:
        return Listener()
    name = min(targets, key=lambda target: targets[target])  # forward before recurrent
    target = next(p for p in network.populations if p.name == name)
    return Listener(decays=tuple(float(d.mean()) for d in (target.alpha, target.beta) if d is not None))


def _evidence(task: Task, seen: Calibration) -> Evidence:
    population = task.population
    if population.threshold is None:
        shape = seen.run.membranes[population.name].shape
        return Evidence(value=np.zeros(shape, np.float32), spikes=None)
    if population.alpha is not None:
        drive = seen.run.currents[population.name]
    else:
        events = seen.events(population.name)
        drive = events.reshape(-1, events.shape[2]).astype(np.float32) @ task.synapses.weight.T.astype(np.float32)
        drive = drive.reshape(*events.shape[:2], -1) + (population.bias if population.bias.size else 0.0)
    spikes = seen.run.spikes[population.name]
    value = undecided_membrane(population, drive, seen.run.membranes[population.name], spikes)
    return Evidence(value=value, spikes=spikes)
