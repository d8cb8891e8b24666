"""What the search sees of a population: neurons that share their events, as a population with a matrix.

A search compares candidates of a neuron's weights on the events that reach it. Without convolutions and
synaptic delays all neurons see the same events, the sources, and one view shows them all. Otherwise:

- Neurons of a filter have the same weights, so a view shows a filter as one neuron, whose sources are the
  entries of the kernel, and each position of the map that is looked at as another sample. Groups see
  different channels, and are views of their own.
- Where synapses have delays of their own, each neuron sees the spikes as late as its own synapses let them
  through, and is a view of its own.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from ..convolution import convolve, patches
from ..ir import Population, Projection
from .calibration import Calibration, delayed
from .moments import undecided_membrane
from .plain import Task
from .rounding import Evidence
from .trial import replicate

__all__ = ["View", "can_view", "views"]

_POSITION_VALUES = 1 << 24  # events of the positions that are looked at: samples x steps x kernel entries
_NEURON_VALUES = 1 << 31  # events of views of single neurons, of all of them one after the other
_COUNT_MAX = 255
Spikes = Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """Some rows of a population's synapses.

    Attributes
    ----------
    rows : ndarray
        Which, as in `Synapses.weight`.
    population : Population
        A neuron a row.
    weight : ndarray
        (rows, sources), real.
    reference : ndarray
        (samples, steps, rows): spikes of the float network, or its membranes where it has none.
    evidence : Evidence
        With the events, (samples, steps, sources), that reach the quantised population.
    """

    rows: np.ndarray
    population: Population
    weight: np.ndarray
    reference: np.ndarray
    evidence: Evidence


def can_view(task: Task, seen: Calibration) -> bool:
    """Whether views of the population exist."""
    synapses = task.synapses
    if synapses.convolved:
        return _is_uniform(task)
    values = seen.x.shape[0] * seen.x.shape[1] * synapses.weight.size
    return not _own_delays(task) or values <= _NEURON_VALUES


def views(task: Task, seen: Calibration, spikes: Spikes) -> Iterator[View]:
    """Views that together show every row once.

    Parameters
    ----------
    task : Task
        One that `can_view` is true for.
    seen : Calibration
    spikes : mapping
        Spikes of the populations that are quantised already.
    """
    if task.synapses.convolved:
        yield from _of_filters(task, seen, spikes)
    elif _own_delays(task):
        for neuron in range(task.synapses.neurons):
            yield _of_neurons(task, seen, spikes, np.array([neuron]))
    else:
        yield _of_neurons(task, seen, spikes, np.arange(task.synapses.neurons))


def _own_delays(task: Task) -> bool:
    return any(p.delay_steps is not None and p.delay_steps.ndim == 2 for p in task.synapses.projections)


def _is_uniform(task: Task) -> bool:
    """Whether only convolutions, of one target shape and number of groups, end in rows of equal neurons."""
    convs = [p.conv for p in task.synapses.projections if p.conv is not None]
    if len(convs) < len(task.synapses.projections):
        return False
    if len({(conv.target_shape, conv.groups) for conv in convs}) > 1:
        return False
    words = [getattr(task.population, field.name) for field in dataclasses.fields(task.population)]
    given = (task.options.threshold, task.options.bias)
    words += [np.array(word) for word in given if isinstance(word, tuple)]
    rows, neurons = task.synapses.rows, task.synapses.neurons
    full = [word.reshape(rows, -1) for word in words if isinstance(word, np.ndarray) and word.size == neurons]
    return all((word == word[:, :1]).all() for word in full)


def _of_neurons(task: Task, seen: Calibration, spikes: Spikes, neurons: np.ndarray) -> View:
    name = task.population.name

    def events(spikes: Spikes) -> np.ndarray:
        return _beside(seen, [_arriving(seen, p, spikes, neurons) for p in task.synapses.projections])

    def states(values: np.ndarray) -> np.ndarray:
        return values[:, :, neurons] if len(neurons) < task.synapses.neurons else values

    found = {key: states(record[name]) for key, record in _records(seen).items() if name in record}
    return _view(task, neurons, task.synapses.weight[neurons], events(spikes), events({}), found)


def _arriving(seen: Calibration, projection: Projection, spikes: Spikes, neurons: np.ndarray) -> np.ndarray:
    """Events of a projection in the steps in which they reach `neurons`, which they reach together."""
    delay = projection.delay_steps
    if delay is not None and delay.ndim == 2:
        delay = delay[neurons[0]]
    return delayed(seen.sent(projection, spikes), int(projection.recurrent) + (0 if delay is None else delay))


def _beside(seen: Calibration, parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros((*seen.x.shape[:2], 0), np.uint8), *parts], axis=2)


def _records(seen: Calibration) -> dict[str, Spikes]:
    return {name: getattr(seen.run, name) for name in ("spikes", "membranes", "currents")}


def _view(
    task: Task,
    rows: np.ndarray,
    weight: np.ndarray,
    events: np.ndarray,
    float_events: np.ndarray,
    found: Spikes,
) -> View:
    """View of `rows`; `found` are the spikes and states of the float network at what is looked at."""
    first = rows * (task.synapses.neurons // task.synapses.rows)
    population = replicate(task.population, first)
    if population.threshold is None:
        value = np.zeros(found["membranes"].shape, np.float32)
    else:
        drive = found.get("currents")
        drive = _input(population, weight, float_events) if drive is None else drive
        value = undecided_membrane(population, drive, found["membranes"], found["spikes"])
    evidence = Evidence(value=value, spikes=found.get("spikes"), events=events)
    reference = found["spikes"] if population.spiking else found["membranes"]
    return View(rows=rows, population=population, weight=weight, reference=reference, evidence=evidence)


def _input(population: Population, weight: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Input of each neuron and step of the float network."""
    rows = events.reshape(-1, events.shape[2]).astype(np.float32)
    drive = (rows @ weight.T.astype(np.float32)).reshape(*events.shape[:2], -1)
    return drive + (population.bias if population.bias.size else 0.0)


def _of_filters(task: Task, seen: Calibration, spikes: Spikes) -> Iterator[View]:
    synapses = task.synapses
    at = _positions(task, seen, spikes)
    events, float_events = _patches(task, seen, spikes, at), _patches(task, seen, {}, at)
    name, groups = task.population.name, events.shape[2]
    for group, rows in enumerate(np.arange(synapses.rows).reshape(groups, -1)):
        found = {
            key: _at_positions(record[name], at, rows, synapses.rows)
            for key, record in _records(seen).items()
            if name in record
        }
        weight = synapses.weight[rows]
        yield _view(task, rows, weight, events[:, :, group], float_events[:, :, group], found)


def _positions(task: Task, seen: Calibration, spikes: Spikes) -> np.ndarray:
    """Positions of the target's map that are looked at, (samples, positions); those with events first."""
    steps, entries = seen.x.shape[1], 0
    active = np.zeros((len(seen.x), 1))
    for projection in task.synapses.projections:
        conv = projection.conv
        assert conv is not None
        counts = seen.sent(projection, spikes).sum(axis=1, dtype=np.float32)
        one = dataclasses.replace(conv, filters=1, groups=1)
        active = active + convolve(counts, np.ones(one.kernel_shape, np.float32), one)
        entries += projection.weight[0].size * conv.groups
    count = max(1, _POSITION_VALUES // (len(seen.x) * steps * entries))
    order = np.random.default_rng(0).random(active.shape) + (active == 0)
    return np.argsort(order, axis=1)[:, :count]


def _patches(task: Task, seen: Calibration, spikes: Spikes, at: np.ndarray) -> np.ndarray:
    """Events of the kernel entries at positions, (samples x positions, steps, groups, entries)."""
    parts = []
    for projection in task.synapses.projections:
        conv = projection.conv
        assert conv is not None
        late = int(projection.recurrent) + (0 if projection.delay_steps is None else projection.delay_steps)
        events = delayed(seen.sent(projection, spikes), late)
        rows, columns = np.divmod(at, conv.columns.outputs)
        samples = [patches(events[k], conv, rows[k], columns[k]) for k in range(len(at))]
        samples = [np.minimum(part, _COUNT_MAX).astype(np.uint8).swapaxes(0, 1) for part in samples]
        parts.append(np.concatenate(samples))
    return np.concatenate(parts, axis=3)


def _at_positions(values: np.ndarray, at: np.ndarray, rows: np.ndarray, all_rows: int) -> np.ndarray:
    """(samples, steps, neurons) to (samples x positions, steps, rows)."""
    maps = values.reshape(*values.shape[:2], all_rows, -1)
    parts = [maps[k][:, rows][:, :, positions].transpose(2, 0, 1) for k, positions in enumerate(at)]
    return np.ascontiguousarray(np.concatenate(parts))
