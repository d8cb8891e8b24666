"""Find where an engine differs from the golden model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..hw.params import ReadoutKind
from .engines.run import EngineRun
from .results import Mismatch

__all__ = ["FIRST", "Comparison", "compare_runs"]

FIRST = 10
"""How many mismatches are described."""

_OUTPUT = {
    ReadoutKind.SPIKES: "spike",
    ReadoutKind.MEMBRANE: "membrane",
    ReadoutKind.COUNTS: "count",
    ReadoutKind.CLASS: "class",
}
_STATES = {"spikes": "spike", "membranes": "membrane", "currents": "current"}


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """How many values were compared, how many differ, and the first of those."""

    compared: int
    mismatches: int
    first: tuple[Mismatch, ...]


def compare_runs(
    got: EngineRun, expected: EngineRun, *, outputs: Mapping[str, int], first_sample: int = 0
) -> Comparison:
    """Compare outputs, and states and spikes of every population that both runs recorded.

    Parameters
    ----------
    got, expected : EngineRun
        Of the same samples.
    outputs : mapping of str to int
        Sizes of the output populations by name, in the order in which the output numbers their neurons.
    first_sample : int
        What the first sample is called.

    Returns
    -------
    Comparison
        `first` in the order of samples and steps, within a step from the input on.
    """
    compared = mismatches = 0
    found: list[tuple[int, int, int, Mismatch]] = []
    for rank, (population, what, a, b) in enumerate(_pairs(got, expected)):
        compared += b.size
        if a.shape != b.shape:
            raise ValueError(f"{what} of {population}: {a.shape} values where {b.shape} are expected")
        wrong = a != b
        mismatches += int(np.count_nonzero(wrong))
        for place in _places(wrong):
            mismatch = _mismatch(place, a, b, what, population, outputs, first_sample)
            step = -1 if mismatch.step is None else mismatch.step
            found.append((mismatch.sample, step, rank, mismatch))
    found.sort(key=lambda entry: entry[:3])
    return Comparison(
        compared=compared, mismatches=mismatches, first=tuple(entry[-1] for entry in found[:FIRST])
    )


def _pairs(got: EngineRun, expected: EngineRun) -> Iterator[tuple[str | None, str, np.ndarray, np.ndarray]]:
    """Yield (population, what, got, expected): populations in order, and last, without a name, the output."""
    for population in expected.probes:
        for name, what in _STATES.items() if population in got.probes else ():
            a, b = getattr(got.probes[population], name), getattr(expected.probes[population], name)
            if a is not None and b is not None:
                yield population, what, a, b
    yield None, _OUTPUT[expected.readout], got.output, expected.output


def _places(wrong: np.ndarray) -> Iterator[tuple[int, ...]]:
    """Yield the first few; axes are (samples, steps, neurons), (samples, neurons) or (samples,)."""
    for place in zip(*np.unravel_index(np.flatnonzero(wrong)[:FIRST], wrong.shape), strict=True):
        yield tuple(int(i) for i in place)


def _mismatch(
    place: tuple[int, ...],
    a: np.ndarray,
    b: np.ndarray,
    what: str,
    population: str | None,
    outputs: Mapping[str, int],
    first_sample: int,
) -> Mismatch:
    sample, *rest = place
    neuron = rest[-1] if rest else None
    if population is None:
        population, neuron = _output_neuron(neuron, outputs)
    return Mismatch(
        sample=first_sample + sample,
        step=rest[0] if len(rest) == 2 else None,
        population=population,
        neuron=neuron,
        what=what,
        got=int(a[place]),
        expected=int(b[place]),
    )


def _output_neuron(index: int | None, outputs: Mapping[str, int]) -> tuple[str, int | None]:
    """Population of an index of the output, and the neuron in it."""
    if index is None:
        return ", ".join(outputs), None
    for name, size in outputs.items():
        if index < size:
            return name, index
        index -= size
    raise ValueError(f"The output has {sum(outputs.values())} neurons, not one of index {index}")
