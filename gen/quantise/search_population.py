"""One population's part of the search: its evidence, its trial, its new choice."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from ..ir import Network, Population
from .calibration import Calibration
from .formats import auto_frac_bits
from .integers import Choice, Formats, neuron_words, word_bits
from .option_values import AUTO
from .plain import Task, final_formats, given_scale, scale_floor
from .search import search_weights
from .trial import Candidates, Listener, Trial
from .views import View, can_view, views

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
    if not _searchable(task) or not can_view(task, seen):
        return plain
    plain = _best_fraction(task, plain, seen, spikes)
    trials = dataclasses.replace(plain, formats=_roomy(task, plain))
    synapses, threshold = task.synapses, {}
    scale, weight = synapses.per_row(plain.scale).copy(), plain.weight.copy()
    for view in views(task, seen, spikes):
        found = _search(task, trials, seen, view)
        scale[view.rows], weight[view.rows] = found.scale[0], found.weight[0]
        if found.threshold is not None:
            threshold |= zip(view.rows.tolist(), found.threshold[0].tolist(), strict=True)
    scale = synapses.spread(scale)
    return dataclasses.replace(
        plain,
        scale=scale,
        weight=weight,
        threshold=_threshold(task, plain, scale, threshold),
        formats=final_formats(task, plain.formats, scale, weight),
    )


def _searchable(task: Task) -> bool:
    """Whether the options leave anything to search."""
    weights_given = any(name in task.network_options.weights for name in task.synapses.columns)
    return not (task.options.exact or weights_given or task.options.clip != AUTO)


def _search(task: Task, plain: Choice, seen: Calibration, view: View) -> Candidates:
    """Search the rows of one view."""
    options, synapses = task.options, task.synapses
    spiking = task.population.spiking
    given = given_scale(task)
    if not spiking and len(view.rows) < synapses.rows:  # one scale for all, and not all are here
        given = plain.scale
    floor = scale_floor(task, frac_bits=plain.formats.frac_bits if options.state_bits != AUTO else 0)
    return search_weights(
        _trial(task, plain, seen, view),
        view.weight,
        view.evidence,
        candidates=task.network_options.candidates,
        scale=None if given is None else synapses.per_row(given)[view.rows],
        floor=synapses.per_row(floor)[view.rows],
        shared_scale=not spiking,
        threshold=spiking and options.threshold is None,
    )


def _trial(task: Task, choice: Choice, seen: Calibration, view: View) -> Trial:
    def of_rows(word: np.ndarray | None) -> np.ndarray | None:
        return None if word is None else task.synapses.per_row(word)[view.rows]

    return Trial(
        simulate=seen.simulate,
        population=view.population,
        events=view.evidence.events,
        reference=view.reference,
        listener=listener_of(seen.network, task.population),
        weight_bits=choice.weight_bits,
        formats=choice.formats,
        threshold=of_rows(choice.threshold),
        bias=of_rows(choice.bias),
        spike_bits=choice.spike_bits,
    )


def _threshold(task: Task, plain: Choice, scale: np.ndarray, changed: Mapping[int, int]) -> np.ndarray | None:
    """Thresholds of all neurons, those of the rows in `changed` as they are there."""
    if not changed:
        return plain.threshold
    own = neuron_words(task.population, scale, plain.formats.frac_bits).threshold
    assert own is not None
    words = task.synapses.per_row(own).copy()
    words[list(changed)] = list(changed.values())
    return task.synapses.spread(words)


def _best_fraction(task: Task, plain: Choice, seen: Calibration, spikes: Mapping[str, np.ndarray]) -> Choice:
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
    errors = np.zeros(len(choices))
    for view in views(task, seen, spikes) if len(choices) > 1 else ():
        scale = task.synapses.per_row(plain.scale)[view.rows]
        candidates = Candidates(scale=scale[None], weight=plain.weight[view.rows][None])
        errors += [_trial(task, choice, seen, view).errors(candidates).sum() for choice in choices]
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
