"""Collect the report from what was chosen and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ...hw.params import PerNeuron
from ..ir import QuantisedNetwork
from ..semantics import Spikes
from .calibration import Calibration
from .integers import Choice, neuron_words, shared
from .notes import notes_of
from .option_values import AUTO
from .options import QuantiseOptions
from .outcome import Outcome
from .packing import pack
from .plain import Task
from .report import PopulationReport, QuantiseReport
from .spike_counts import largest_count
from .weight_grid import nearest, weight_limits

__all__ = ["make_report"]

_CHUNK_ROWS = 64


def make_report(
    qnet: QuantisedNetwork,
    tasks: Mapping[str, Task],
    choices: Mapping[str, Choice],
    options: QuantiseOptions,
    *,
    seen: Calibration | None,
    outcome: Outcome | None,
) -> QuantiseReport:
    """The report of a finished quantisation."""
    populations = tuple(
        _population(p.name, p.neuron.acc_bits, tasks[p.name], choices[p.name], outcome)
        for p in qnet.populations
    )
    return QuantiseReport(
        method="weights" if seen is None else "searched" if options.search else "calibrated",
        calibration_samples=0 if seen is None else len(seen.x),
        calibration_steps=0 if seen is None else seen.x.shape[1],
        input_max=qnet.input_max,
        decision_agreement=None if outcome is None else outcome.decision_agreement,
        output_error=None if outcome is None else outcome.output_error,
        populations=populations,
        weights=_packed(tasks, choices),
        options=options.to_toml(),
        notes=notes_of(qnet, tasks, populations),
    )


def _population(
    name: str, acc_bits: int, task: Task, choice: Choice, outcome: Outcome | None
) -> PopulationReport:
    formats = choice.formats
    words = neuron_words(task.population, choice.scale, formats.frac_bits)
    scale = task.synapses.per_row(choice.scale)
    changes = _changes(task.synapses.weight, scale, choice)
    return PopulationReport(
        name=name,
        weight_bits=choice.weight_bits,
        acc_bits=acc_bits,
        state_bits=formats.state_bits,
        synapse_bits=formats.synapse_bits,
        frac_bits=formats.frac_bits,
        decay_frac_bits=formats.decay_frac_bits,
        rounding=formats.rounding,
        scale=float(scale[0]) if (scale == scale[0]).all() else tuple(scale.tolist()),
        threshold=_changed(task, choice.threshold, words.threshold),
        bias=_changed(task, choice.bias, words.bias),
        weights=_origin(task, changes),
        weight_error=changes.error,
        clipped=changes.clipped,
        ranges=_ranges_kind(task, choice),
        **_membrane(task, choice),
        **_counts(task, choice),
        **({} if outcome is None else _measured(name, outcome)),
    )


class _Changes(NamedTuple):
    """What rounding did to the weights of a population.

    `error` relative to the root mean square weight, `clipped` the fraction beyond the largest integer,
    `nearest` whether all are the nearest integers.
    """

    error: float
    clipped: float
    nearest: bool


def _changes(weight: np.ndarray, row_scale: np.ndarray, choice: Choice) -> _Changes:
    error = power = 0.0
    clipped, same = 0, True
    low, high = weight_limits(choice.weight_bits)
    for start in range(0, len(weight), _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        scale, integers = row_scale[rows, None], choice.weight[rows]
        quotient = weight[rows] / scale
        error += float((((quotient - integers) * scale) ** 2).sum())
        power += float((weight[rows] ** 2).sum())
        clipped += int(((quotient < low - 0.5) | (quotient > high + 0.5)).sum())
        same = same and bool((integers == nearest(quotient, choice.weight_bits)).all())
    return _Changes(float(np.sqrt(error / power)) if power else 0.0, clipped / max(1, weight.size), same)


def _origin(task: Task, changes: _Changes) -> str:
    if task.options.exact:
        return "exact"
    if any(name in task.network_options.weights for name in task.synapses.columns):
        return "given"
    return "nearest" if changes.nearest else "searched"


def _changed(task: Task, word: np.ndarray | None, own: np.ndarray | None) -> PerNeuron | None:
    """`word` where it is given and not the network's own: one, one a row or one a neuron."""
    if word is None or (own is not None and np.array_equal(word, own)):
        return None
    rows = task.synapses.per_row(word)
    return shared(rows if np.array_equal(task.synapses.spread(rows), word) else word)


def _membrane(task: Task, choice: Choice) -> dict[str, Any]:
    """Unit of the membrane, and what the format holds and the float network showed in it."""
    population, formats = task.population, choice.formats
    limits = choice.scale * 2.0 ** (formats.state_bits - 1 - formats.frac_bits)
    if population.threshold is None or not population.threshold.all():
        unit, one = "weight LSB", choice.scale
    else:
        unit, one = "thresholds", np.abs(population.threshold)
    found = {"unit": unit, "membrane_holds": float((limits / one).min())}
    if task.calibration is None:
        return found
    states = task.calibration.run.membranes[population.name]
    low, high = states.min(axis=(0, 1)), states.max(axis=(0, 1))
    return found | {
        "membrane_seen": (float((low / one).min()), float((high / one).max())),
        "state_used": float((np.maximum(-low, high) / limits).max()),
    }


def _counts(task: Task, choice: Choice) -> dict[str, Any]:
    """Width of a graded population's spike counts, and what it clips of those of the float network."""
    if task.population.spikes is not Spikes.GRADED:
        return {}
    found: dict[str, Any] = {"spike_bits": choice.spike_bits}
    if task.calibration is not None:
        spikes = task.calibration.run.spikes[task.population.name]
        found["count_seen"] = largest_count(task.calibration, task.population.name)
        found["counts_clipped"] = int(np.count_nonzero(spikes >= 1 << choice.spike_bits))
    return found


def _measured(name: str, outcome: Outcome) -> dict[str, Any]:
    return {
        "disagreement": outcome.disagreement.get(name),
        "rate_float": outcome.rate_float.get(name),
        "rate_quantised": outcome.rate_quantised.get(name),
        "saturations": outcome.saturations[name],
    }


def _ranges_kind(task: Task, choice: Choice) -> str:
    if task.options.state_bits != AUTO:
        return "given"
    if task.calibration is not None:
        return "seen"
    ranges = task.ranges(choice.scale, choice.weight, choice.formats.decay_frac_bits)
    membrane, current = ranges.at(choice.formats.frac_bits)
    fits = membrane.bits <= choice.formats.state_bits
    fits = fits and (current is None or current.bits <= choice.formats.synapse_bits)
    return "proven" if fits else "capped"


def _packed(tasks: Mapping[str, Task], choices: Mapping[str, Choice]) -> dict[str, str]:
    """Weights that do not follow from the scale, by projection."""
    return {
        name: pack(choices[target].weight[:, columns])
        for target, task in tasks.items()
        for name, columns in task.synapses.columns.items()
        if not _is_nearest(task, choices[target], columns)
    }


def _is_nearest(task: Task, choice: Choice, columns: slice) -> bool:
    scale = task.synapses.per_row(choice.scale)
    return all(
        (choice.weight[row, columns] == nearest(weights[columns] / scale[row], choice.weight_bits)).all()
        for row, weights in enumerate(task.synapses.weight)
    )
