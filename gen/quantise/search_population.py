"""One population's part of the search: its evidence, its trial, its new choice."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from ..ir import Network, Population
from .calibration import Calibration
from .formats import auto_frac_bits
from .integers import Choice, Formats, neuron_words, word_bits
from .moments import undecided_membrane
from .option_values import AUTO
from .plain import Task, final_formats, given_scale, scale_floor
from .rounding import Evidence
from .search import search_weights
from .trial import Candidates, Listener, Trial

__all__ = ["search_population"]

_LESS_RANGE = 5  # bits of range that may be given up
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
    events = seen.events(population.name, spikes)
    trial = Trial(
        simulate=seen.simulate,
        population=population,
        events=events,
        reference=(seen.run.spikes if population.spiking else seen.run.membranes)[population.name],
        listener=listener_of(seen.network, population),
        weight_bits=options.weight_bits,
        formats=_roomy(task, plain),
        threshold=plain.threshold,
        bias=plain.bias,
        spike_bits=plain.spike_bits,
    )
    plain = _best_fraction(task, plain, trial)
    trial = dataclasses.replace(trial, formats=_roomy(task, plain))
    found = search_weights(
        trial,
        task.synapses.weight,
        _evidence(task, seen, events),
        candidates=task.network_options.candidates,
        scale=given_scale(task),
        floor=scale_floor(task, frac_bits=plain.formats.frac_bits if options.state_bits != AUTO else 0),
        shared_scale=not population.spiking,
        threshold=population.spiking and options.threshold is None,
    )
    scale, weight = found.scale[0], found.weight[0].astype(np.int32)
    return dataclasses.replace(
        plain,
        scale=scale,
        weight=weight,
        threshold=plain.threshold if found.threshold is None else found.threshold[0],
        formats=final_formats(task, plain.formats, scale, weight),
    )


def _best_fraction(task: Task, plain: Choice, trial: Trial) -> Choice:
    """Trade range for fraction where given state bits leave less fraction than rounding the decays wants."""
    options, formats = task.options, plain.formats
    if options.state_bits == AUTO or options.frac_bits != AUTO:
        return plain
    wanted = auto_frac_bits(task.population, plain.scale, weight_bits=plain.weight_bits, steps=task.steps)
    choices = [plain]
    for frac_bits in range(formats.frac_bits + 1, min(wanted, formats.frac_bits + _LESS_RANGE) + 1):
        if word_bits(neuron_words(task.population, plain.scale, frac_bits)) <= formats.state_bits:
            choices.append(
                dataclasses.replace(plain, formats=dataclasses.replace(formats, frac_bits=frac_bits))
            )
    candidates = Candidates(scale=plain.scale[None], weight=plain.weight[None])
    errors = [
        dataclasses.replace(trial, formats=choice.formats).errors(candidates).mean() for choice in choices
    ]
    return choices[int(np.argmin(errors))]


def _roomy(task: Task, plain: Choice) -> Formats:
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


def _evidence(task: Task, seen: Calibration, events: np.ndarray) -> Evidence:
    population = task.population
    membrane = seen.run.membranes[population.name]
    if population.threshold is None:
        return Evidence(value=np.zeros(membrane.shape, np.float32), spikes=None, events=events)
    if population.alpha is not None:
        drive = seen.run.currents[population.name]
    else:
        drive = _input(task, seen.events(population.name))
    spikes = seen.run.spikes[population.name]
    value = undecided_membrane(population, drive, membrane, spikes)
    return Evidence(value=value, spikes=spikes, events=events)


def _input(task: Task, events: np.ndarray) -> np.ndarray:
    """Input of each neuron and step of the float network."""
    rows = events.reshape(-1, events.shape[2]).astype(np.float32)
    drive = (rows @ task.synapses.weight.T.astype(np.float32)).reshape(*events.shape[:2], -1)
    return drive + (task.population.bias if task.population.bias.size else 0.0)
