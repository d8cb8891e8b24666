"""What a run or a verification found, as data that can be printed and saved as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Mismatch", "SimulateResult", "VerifyResult"]


@dataclass(frozen=True, kw_only=True)
class Mismatch:
    """One value that is not what the golden model says.

    Attributes
    ----------
    sample : int
    step : int or None
        None for a readout that answers once a sample.
    population : str
    neuron : int or None
        None for the class.
    what : str
        "spike", "membrane", "current", "count" or "class".
    got, expected : int
    """

    sample: int
    step: int | None
    population: str
    neuron: int | None
    what: str
    got: int
    expected: int

    def __str__(self) -> str:
        step = "" if self.step is None else f", step {self.step}"
        neuron = "" if self.neuron is None else f", neuron {self.neuron}"
        return (
            f"sample {self.sample}{step}, population {self.population}{neuron}: "
            f"{self.what} {self.got}, expected {self.expected}"
        )


@dataclass(frozen=True, kw_only=True)
class SimulateResult:
    """What an engine did with a data set, beside what the golden model and the float reference did.

    Attributes
    ----------
    engine, engine_version : str
    samples, steps : int
        How many were run, and time steps of each.
    accuracy, accuracy_golden, accuracy_float : float or None
        Fraction of right classes, 0 .. 1, of the engine, of the golden model, of the float
        reference; None without labels.
    mismatches : int
        Values of the engine that differ from the golden model's.
    compared : int
        Values that were compared.
    first_mismatches : tuple of Mismatch
        The first few.
    cycles_per_sample, predicted_cycles_per_sample : float or None
        Mean clock cycles; None for an engine without a clock.
    dense_cycles_per_sample : float
        What the same steps would take at least if all fired in each (gen/dense_cycles.py).
    cycle_mismatches : int or None
        Samples whose cycles differ from the prediction; None where it does not apply
        (no clock, back-pressure, overlapping samples).
    input_spikes, synaptic_ops : int
        Events of the input, and every spike times the fan-out of its source, over all samples.
    saturations : int
        Times that a state was saturated in the golden model.
    saturations_by_population : mapping of str to int
    saturations_counted : int or None
        What the RTL counted of the same; None where it does not, or the engine does not read it.
    engine_wall_s, wall_s : float
        Seconds of wall time of the engine, and of everything.
    """

    engine: str
    engine_version: str
    samples: int
    steps: int
    accuracy: float | None
    accuracy_golden: float | None
    accuracy_float: float | None
    mismatches: int
    compared: int
    first_mismatches: tuple[Mismatch, ...] = ()
    cycles_per_sample: float | None
    predicted_cycles_per_sample: float | None
    dense_cycles_per_sample: float
    cycle_mismatches: int | None
    input_spikes: int
    synaptic_ops: int
    saturations: int
    saturations_by_population: Mapping[str, int] = field(default_factory=dict)
    saturations_counted: int | None = None
    engine_wall_s: float
    wall_s: float

    @property
    def ok(self) -> bool:
        """Whether every value and every count, of cycles and saturations, is what it should be."""
        counted = self.saturations_counted in (None, self.saturations)
        return counted and not self.mismatches and not self.cycle_mismatches

    def to_json(self) -> dict[str, Any]:
        """Plain data for a JSON file: every attribute, and `ok`."""
        table = asdict(self) | {"ok": self.ok}
        table["first_mismatches"] = [asdict(found) for found in self.first_mismatches]
        table["saturations_by_population"] = dict(self.saturations_by_population)
        return table


@dataclass(frozen=True, kw_only=True)
class VerifyResult(SimulateResult):
    """A `SimulateResult` of RTL.

    Attributes
    ----------
    states_compared : bool
        Whether spikes and states of every population at every step were compared too (builds with
        debug ports), and not the output alone.
    """

    states_compared: bool
