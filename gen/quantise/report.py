"""What the quantiser chose and found, as plain data that can be given back as options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...hw.params import PerNeuron, Rounding
from ..codec import decode, encode
from .options import QuantiseOptions

__all__ = ["PopulationReport", "QuantiseReport"]


@dataclass(frozen=True, kw_only=True)
class PopulationReport:
    """One population.

    Attributes
    ----------
    weight_bits, acc_bits, state_bits, synapse_bits, frac_bits, decay_frac_bits : int
        Formats; accumulator bits are proven from the weights.
    rounding : Rounding
    scale : float or tuple of float
        Real value of a weight LSB, of all neurons or of each.
    threshold, bias : int, tuple of int or None
        Integers that are not the network's own, in state LSB.
    weights : str
        "nearest" integers of the network's weights, "searched", "given", or "exact".
    weight_error : float
        Root mean square of the weight errors over that of the weights.
    clipped : float
        Fraction of the weights beyond the largest integer.
    ranges : str
        How state bits were found: "proven" (no input of `QuantiseOptions.horizon_steps` steps saturates),
        "capped" (that would take more than `max_state_bits`), "seen" on the calibration set, or "given".
    unit : str
        Of membranes here: "thresholds", or "weight LSB" for a population without.
    membrane_holds : float
        Magnitude that the state bits hold, of the neuron with the narrowest range.
    membrane_seen : tuple of float or None
        Lowest and highest membrane of any neuron of the float network on the calibration set.
    state_used : float or None
        Fraction of its state range that the neuron with the least room used there.
    disagreement : float or None
        Fraction of spikes, of neurons and steps of the calibration set, that differ from the float network's.
    rate_float, rate_quantised : float or None
        Spikes per neuron and step.
    saturations : int or None
        On the calibration set.
    spike_bits : int or None
        Bits of a spike count; None where spikes are binary.
    count_seen : int or None
        Largest spike count of the float network on the calibration set, where spikes are graded.
    counts_clipped : int or None
        How many of its counts there are above ``2**spike_bits - 1``: their rest fires later.
    """

    name: str
    weight_bits: int
    acc_bits: int
    state_bits: int
    synapse_bits: int
    frac_bits: int
    decay_frac_bits: int
    rounding: Rounding
    scale: float | tuple[float, ...]
    threshold: PerNeuron | None
    bias: PerNeuron | None
    weights: str
    weight_error: float
    clipped: float
    ranges: str
    unit: str
    membrane_holds: float
    membrane_seen: tuple[float, ...] | None = None
    state_used: float | None = None
    disagreement: float | None = None
    rate_float: float | None = None
    rate_quantised: float | None = None
    saturations: int | None = None
    spike_bits: int | None = None
    count_seen: int | None = None
    counts_clipped: int | None = None

    def options(self) -> dict[str, Any]:
        """Fields of `PopulationOptions` that pin this choice."""
        names = (
            "weight_bits",
            "state_bits",
            "frac_bits",
            "decay_frac_bits",
            "rounding",
            "scale",
            "threshold",
        )
        pinned = {name: getattr(self, name) for name in (*names, "bias", "spike_bits")}
        if self.synapse_bits:
            pinned["synapse_bits"] = self.synapse_bits
        return {name: value for name, value in pinned.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class QuantiseReport:
    """The whole network.

    Attributes
    ----------
    calibration_samples, calibration_steps : int
        What was used of the calibration set; 0 without one.
    input_max : int
        Most events of an input channel in a step.
    method : str
        "searched", "calibrated" (ranges only) or "weights" (no calibration set).
    decision_agreement : float or None
        Fraction of the calibration samples whose largest output is the float network's too.
    output_error : float or None
        Root mean square difference of the outputs: spike counts of a sample, or membranes summed over it.
    populations : tuple of PopulationReport
    weights : mapping of str to str
        By projection name: integer weights, packed, that do not follow from scale and rounding.
    options : str
        The options that were given, as TOML.
    notes : tuple of str
        What a user should know, one line each.
    """

    method: str
    calibration_samples: int = 0
    calibration_steps: int = 0
    input_max: int = 1
    decision_agreement: float | None = None
    output_error: float | None = None
    populations: tuple[PopulationReport, ...]
    weights: Mapping[str, str] = field(default_factory=dict)
    options: str = ""
    notes: tuple[str, ...] = ()

    def as_options(self) -> QuantiseOptions:
        """Options that give the same network again, without calibration set or search."""
        return QuantiseOptions(
            populations={population.name: population.options() for population in self.populations},
            weights=self.weights,
            search=False,
            input_max=self.input_max,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for `json.dumps`."""
        return encode(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, where: str = "report") -> QuantiseReport:
        """Read back what `to_dict` gave.

        Raises
        ------
        UserError
            Something is missing, unknown or of another type; names `where`.
        """
        return decode(cls, data, where=where)
