"""Collect the report from what was chosen and what was measured."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..ir import Network, QuantisedNetwork, QuantisedPopulation
from .calibration import Calibration
from .integers import Choice, neuron_words, shared
from .option_values import AUTO
from .options import QuantiseOptions
from .outcome import Outcome
from .packing import pack
from .plain import Task
from .report import PopulationReport, QuantiseReport
from .weight_grid import nearest, weight_limits

__all__ = ["make_report"]

_CHUNK_ROWS = 64


def make_report(
    network: Network,
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
        _population(population, tasks[population.name], choices[population.name], outcome)
        for population in qnet.populations
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
        notes=tuple(_notes(qnet, tasks, populations)),
    )


def _population(
    population: QuantisedPopulation, task: Task, choice: Choice, outcome: Outcome | None
) -> PopulationReport:
    name, formats = population.name, choice.formats
    error, clipped, exact, is_nearest = _weight_errors(task.synapses.weight, choice)
    words = neuron_words(task.population, choice.scale, formats.frac_bits)
    unit, holds, seen = _membrane(task, choice)
    same = bool((choice.scale == choice.scale[0]).all())
    return PopulationReport(
        name=name,
        weight_bits=choice.weight_bits,
        acc_bits=population.neuron.acc_bits,
        state_bits=formats.state_bits,
        synapse_bits=formats.synapse_bits,
        frac_bits=formats.frac_bits,
        decay_frac_bits=formats.decay_frac_bits,
        rounding=formats.rounding,
        scale=float(choice.scale[0]) if same else tuple(choice.scale.tolist()),
        threshold=_changed(choice.threshold, words["threshold"]),
        bias=_changed(choice.bias, words["bias"]),
        weights="nearest" if is_nearest else "given" if _given(task) else "searched",
        exact=exact,
        weight_error=error,
        clipped=clipped,
        ranges=_ranges_kind(task, choice),
        unit=unit,
        membrane_seen=seen,
        membrane_holds=holds,
        disagreement=None if outcome is None else outcome.disagreement.get(name),
        rate_float=None if outcome is None else outcome.rate_float.get(name),
        rate_quantised=None if outcome is None else outcome.rate_quantised.get(name),
        saturations=None if outcome is None else outcome.saturations[name],
    )


def _given(task: Task) -> bool:
    return any(name in task.network_options.weights for name in task.synapses.columns)


def _changed(word: np.ndarray | None, nominal: np.ndarray | None):
    return None if word is None or np.array_equal(word, nominal) else shared(word)


def _weight_errors(weight: np.ndarray, choice: Choice) -> tuple[float, float, bool, bool]:
    """Relative error, fraction clipped, whether nothing changed, whether all are the nearest integers."""
    error = power = 0.0
    clipped, same = 0, True
    low, high = weight_limits(choice.weight_bits)
    for start in range(0, len(weight), _CHUNK_ROWS):
        rows = slice(start, start + _CHUNK_ROWS)
        quotient, scale = weight[rows] / choice.scale[rows, None], choice.scale[rows, None]
        integers = choice.weight[rows]
        error += float((((quotient - integers) * scale) ** 2).sum())
        power += float((weight[rows] ** 2).sum())
        clipped += int(((quotient < low - 0.5) | (quotient > high + 0.5)).sum())
        same = same and bool((integers == nearest(quotient, choice.weight_bits)).all())
    relative = float(np.sqrt(error / power)) if power else 0.0
    return relative, clipped / max(1, weight.size), relative <= 1e-9, same


def _membrane(task: Task, choice: Choice) -> tuple[str, tuple[float, ...], tuple[float, ...] | None]:
    """Unit, and what the format holds and the float network showed, in it."""
    population, formats = task.population, choice.formats
    lsb = choice.scale / 2.0**formats.frac_bits
    if population.threshold is None or not population.threshold.all():
        unit, one = "weight LSB", choice.scale
    else:
        unit, one = "thresholds", np.abs(population.threshold)
    reach = float((lsb / one).min() * 2.0 ** (formats.state_bits - 1))
    seen = None
    if task.calibration is not None:
        states = task.calibration.run.membranes[population.name] / one
        seen = (float(states.min()), float(states.max()))
    return unit, (-reach, reach), seen


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
    """Weights that are not the nearest integers of their scale."""
    packed = {}
    for name, task in tasks.items():
        weight, choice = task.synapses.weight, choices[name]
        for projection, columns in task.synapses.columns.items():
            integers = choice.weight[:, columns]
            if not _is_nearest(weight[:, columns], integers, choice):
                packed[projection] = pack(integers)
    return packed


def _is_nearest(weight: np.ndarray, integers: np.ndarray, choice: Choice) -> bool:
    return all(
        (integers[row] == nearest(weight[row] / choice.scale[row], choice.weight_bits)).all()
        for row in range(len(weight))
    )


def _notes(
    qnet: QuantisedNetwork, tasks: Mapping[str, Task], reports: tuple[PopulationReport, ...]
) -> list[str]:
    notes = []
    for population, report in zip(qnet.populations, reports, strict=True):
        where = f"Population {population.name}"
        if report.ranges == "capped":
            notes.append(
                f"{where}: states of any input would need more than {report.state_bits} bits; they hold "
                f"+-{report.membrane_holds[1]:.4g} {report.unit} and saturate beyond. A calibration set finds the range."
            )
        if report.saturations:
            notes.append(f"{where}: {report.saturations} saturations on the calibration set")
        if not population.spiking and len(set(population.offset.tolist())) > 1:
            notes.append(f"{where}: neurons have different offsets, which integer membranes leave out")
        if not population.spiking and isinstance(report.scale, tuple):
            notes.append(f"{where}: neurons have different scales, so integer membranes do not compare")
        if report.weight_bits == 1 and (tasks[population.name].synapses.weight == 0).any():
            notes.append(f"{where}: 1-bit weights are +1 or -1, so missing synapses (0) became one of them")
        notes += _decay_notes(tasks[population.name], report, where)
    return notes


def _decay_notes(task: Task, report: PopulationReport, where: str) -> list[str]:
    half_lsb = 0.5**(report.decay_frac_bits + 1)
    return [
        f"{where}: a {name} decay rounds to 1 in {report.decay_frac_bits} bits, so that state never decays"
        for name, decay in (("synaptic", task.population.alpha), ("membrane", task.population.beta))
        if decay is not None and ((decay < 1) & (decay >= 1 - half_lsb)).any()
    ]
