"""What a user should know about a quantised network, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..ir import QuantisedNetwork, QuantisedPopulation
from .option_values import AUTO
from .plain import Task
from .report import PopulationReport

__all__ = ["notes_of"]


def notes_of(
    qnet: QuantisedNetwork, tasks: Mapping[str, Task], reports: tuple[PopulationReport, ...]
) -> tuple[str, ...]:
    """Notes of all populations, in their order."""
    return tuple(
        f"Population {population.name}: {note}"
        for population, report in zip(qnet.populations, reports, strict=True)
        for note in (
            *_range_notes(report),
            *_count_notes(tasks[population.name], report),
            *_readout_notes(population, report),
            *_weight_notes(tasks[population.name], report),
            *_decay_notes(tasks[population.name], report),
        )
    )


def _range_notes(report: PopulationReport) -> Iterator[str]:
    if report.ranges == "capped":
        yield (
            f"some input could need more than {report.state_bits} state bits; they saturate beyond "
            f"{report.membrane_holds:.4g} {report.unit}; a calibration set finds the range that occurs"
        )
    if report.saturations:
        yield f"{report.saturations} saturations on the calibration set"


def _count_notes(task: Task, report: PopulationReport) -> Iterator[str]:
    if report.spike_bits is None:
        return
    most = (1 << report.spike_bits) - 1
    if report.counts_clipped:
        yield (
            f"{report.counts_clipped} spike counts of the calibration set, up to {report.count_seen}, are "
            f"above {most}, the most of {report.spike_bits} spike bits: their rest fires later"
        )
    elif report.count_seen is None and task.options.spike_bits == AUTO:
        yield (
            f"spike counts of {report.spike_bits} bits, up to {most} a step; a calibration set finds how "
            "many they need"
        )


def _readout_notes(population: QuantisedPopulation, report: PopulationReport) -> Iterator[str]:
    if population.spiking:
        return
    if len(set(population.offset.tolist())) > 1:
        yield "its neurons have different offsets, which integer membranes leave out: do not compare them"
    if isinstance(report.scale, tuple):
        yield "its neurons have different scales, so integer membranes do not compare"


def _weight_notes(task: Task, report: PopulationReport) -> Iterator[str]:
    if report.weight_bits == 1 and (task.synapses.weight == 0).any():
        yield "1-bit weights are +1 or -1, so synapses of weight 0 became one of them"


def _decay_notes(task: Task, report: PopulationReport) -> Iterator[str]:
    nearly_one = 1 - 0.5 ** (report.decay_frac_bits + 1)
    states = (("synaptic current", task.population.alpha), ("membrane", task.population.beta))
    for state, decay in states:
        if decay is not None and ((decay < 1) & (decay >= nearly_one)).any():
            yield f"a decay rounds to 1 in {report.decay_frac_bits} bits, so that {state} never decays"
