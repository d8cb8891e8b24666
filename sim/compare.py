"""Find where an engine differs from the golden model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ..hw.params import ReadoutKind
from .engines.run import EngineRun, Probe
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


def compare_runs(got: EngineRun, expected: EngineRun, *, output: str, first_sample: int = 0) -> Comparison:
    """Compare outputs, and states and spikes of every population that both runs recorded.

    Parameters
    ----------
    got, expected : EngineRun
        Of the same samples.
    output : str
        Name of the output population.
    first_sample : int
        What the first sample is called.

    Returns
    -------
    Comparison
        `first` in the order of samples and steps, within a step from the input on.
    """
    compared = mismatches = 0
    found: list[tuple[int, int, Mismatch]] = []
    for rank, (population, what, a, b) in enumerate(_pairs(got, expected, output)):
        compared += b.size
        if a.shape != b.shape:
            raise ValueError(f"{what} of {population}: {a.shape} values where {b.shape} are expected")
        wrong = a != b
        number = int(np.count_nonzero(wrong))
        mismatches += number
        if number:
            found += [
                (-1 if m.step is None else m.step, rank, m)
                for m in _first(wrong, a, b, what, population, first_sample)
            ]
    found.sort(key=lambda entry: (entry[2].sample, entry[0], entry[1]))
    return Comparison(
        compared=compared, mismatches=mismatches, first=tuple(mismatch for _, _, mismatch in found[:FIRST])
    )


def _pairs(
    got: EngineRun, expected: EngineRun, output: str
) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Yield (population, what, got, expected), populations in order and the output last."""
    for population in _common(got.probes, expected.probes):
        for name, what in _STATES.items():
            a, b = getattr(got.probes[population], name), getattr(expected.probes[population], name)
            if a is not None and b is not None:
                yield population, what, a, b
    yield output, _OUTPUT[expected.readout], got.output, expected.output


def _common(a: Mapping[str, Probe], b: Mapping[str, Probe]) -> list[str]:
    return [name for name in b if name in a]


def _first(
    wrong: np.ndarray, a: np.ndarray, b: np.ndarray, what: str, population: str, first_sample: int
) -> Iterator[Mismatch]:
    """Describe the first few; axes are (samples, steps, neurons), (samples, neurons) or (samples,)."""
    flat = np.flatnonzero(wrong)[:FIRST]
    for place in zip(*np.unravel_index(flat, wrong.shape), strict=True):
        sample, *rest = (int(i) for i in place)
        yield Mismatch(
            sample=first_sample + sample,
            step=rest[0] if len(rest) == 2 else None,
            population=population,
            neuron=rest[-1] if rest else None,
            what=what,
            got=int(a[place]),
            expected=int(b[place]),
        )
