"""What a user may choose about the numbers: for the whole network, and for single populations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...hw.params import PerNeuron, Rounding
from ..errors import UserError
from . import option_tables
from .option_values import AUTO, Reader, choice, flag, integer, integers, number, read_table, scale

__all__ = ["PopulationOptions", "QuantiseOptions"]

_WORD = integers(1 << 47)
_POPULATION: dict[str, Reader] = {
    "weight_bits": integer(1, 16),
    "state_bits": integer(2, 48, AUTO),
    "synapse_bits": integer(2, 48, AUTO),
    "frac_bits": integer(0, 16, AUTO),
    "decay_frac_bits": integer(1, 16, AUTO),
    "rounding": choice(Rounding),
    "clip": number(0.001, 1, AUTO, "mse", "max"),
    "scale": scale(AUTO),
    "spike_bits": integer(1, 8, AUTO),
    "exact": flag(),
    "threshold": _WORD,
    "bias": _WORD,
}
_NETWORK: dict[str, Reader] = {
    "search": flag(),
    "candidates": integer(1, 64),
    "tries": integer(1, 64, AUTO),
    "max_samples": integer(1, 1 << 20, AUTO),
    "input_max": integer(1, 255, AUTO),
    "range_margin": number(1, 64),
    "max_state_bits": integer(2, 48),
    "horizon_steps": integer(1, 1 << 24),
}


@dataclass(frozen=True, kw_only=True)
class PopulationOptions:
    """Choices for one population and the synapses that end in it.

    What may be one value a neuron may be one a filter where a convolution ends in the population; a scale is.

    Attributes
    ----------
    weight_bits : int
        1 .. 16, two's complement; 1 bit is +1 or -1.
    state_bits, synapse_bits : int or "auto"
        Width of the membrane and of the synaptic current, 2 .. 48. A given width stays, and the fraction
        adapts to it. "auto": what the ranges need, at most `QuantiseOptions.max_state_bits`.
    frac_bits : int or "auto"
        State bits below the weight LSB, 0 .. 16. "auto": so many that rounding the decays costs little.
    decay_frac_bits : int or "auto"
        Fraction bits of decay factors, 1 .. 16. "auto": the time constants change by less than 0.4 %,
        as far as 16 bits allow.
    rounding : Rounding
        Of the decays.
    clip : "auto", "mse", "max" or float
        What the largest integer weight of a neuron stands for: its largest weight ("max"), a fraction of
        it, or the value with the smallest squared weight error ("mse"). "auto": what disturbs the spikes of
        the calibration set least, "mse" without one.
    scale : "auto", float or tuple of float
        Real value of a weight LSB, of all neurons or of each.
    spike_bits : int or "auto"
        Bits of a spike count, 1 .. 8, where spikes are graded; elsewhere without effect. "auto": what the
        largest count of the calibration set times `QuantiseOptions.range_margin` needs, 4 without one.
    exact : bool
        Whether this population is in integers already, times `scale`: then nothing may be lost, or it is
        an error. An automatic scale is the greatest that all weights are multiples of.
    threshold, bias : int, tuple of int or None
        Given integers in state LSB; None: from the network.

    Raises
    ------
    UserError
        A value that does not fit; names the option and what is accepted.
    """

    weight_bits: int = 8
    state_bits: int | str = AUTO
    synapse_bits: int | str = AUTO
    frac_bits: int | str = AUTO
    decay_frac_bits: int | str = AUTO
    rounding: Rounding = Rounding.TRUNC0
    clip: float | str = AUTO
    scale: float | tuple[float, ...] | str = AUTO
    spike_bits: int | str = AUTO
    exact: bool = False
    threshold: PerNeuron | None = None
    bias: PerNeuron | None = None

    def __post_init__(self) -> None:
        _read_fields(self, _POPULATION)


@dataclass(frozen=True, kw_only=True)
class QuantiseOptions:
    """All choices of the quantiser.

    Attributes
    ----------
    defaults : PopulationOptions
        Of every population.
    populations : mapping of str to mapping
        By population name: fields of `PopulationOptions` that differ from the defaults.
    weights : mapping of str to str
        By projection name: integer weights, as `packing.pack` writes them.
    search : bool
        Whether a calibration set is used to choose weights, beside the ranges of the states.
    candidates : int
        Scales tried for every neuron in the search, 1 .. 64.
    tries : int or "auto"
        Searches on different parts of the calibration set, 1 .. 64, of which the one whose outputs come
        nearest is kept. "auto": 6 for a recurrent network, where small differences grow, else 1.
    max_samples : int or "auto"
        Calibration samples that are used, spread evenly over the set. "auto": 64 .. 1024, fewer for a large
        network or many steps.
    input_max : int or "auto"
        Most events of an input channel in a step, 1 .. 255. "auto": the largest of the calibration set, 1
        without one.
    range_margin : float
        Factor on the calibrated state ranges, 1 .. 64.
    max_state_bits : int
        Widest automatic state, 2 .. 48.
    horizon_steps : int
        Length of a sample that ranges are proven for without a calibration set.

    Raises
    ------
    UserError
        A value that does not fit; names the option and what is accepted.
    """

    defaults: PopulationOptions = field(default_factory=PopulationOptions)
    populations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    weights: Mapping[str, str] = field(default_factory=dict)
    search: bool = True
    candidates: int = 8
    tries: int | str = AUTO
    max_samples: int | str = AUTO
    input_max: int | str = AUTO
    range_margin: float = 1.25
    max_state_bits: int = 24
    horizon_steps: int = 256

    def __post_init__(self) -> None:
        _read_fields(self, _NETWORK)
        populations = {
            name: read_table(table, _POPULATION, where=f"population {name}")
            for name, table in self.populations.items()
        }
        object.__setattr__(self, "populations", populations)
        for name, text in self.weights.items():
            if not isinstance(text, str):
                raise UserError(f"Option weights of projection {name} must be packed text")

    def of(self, population: str) -> PopulationOptions:
        """Choices for one population: the defaults with what is set for it."""
        return dataclasses.replace(self.defaults, **self.populations.get(population, {}))

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> QuantiseOptions:
        """Options of a table as `tomllib` reads it; see `option_tables`.

        Raises
        ------
        UserError
            An unknown key or a value that does not fit; names it and what is accepted.
        """
        parts = option_tables.split(table, network=_NETWORK, population=_POPULATION)
        return cls(
            defaults=PopulationOptions(**parts.defaults),
            populations=parts.populations,
            weights=parts.weights,
            **parts.network,
        )

    def to_table(self) -> dict[str, Any]:
        """Every choice as plain data, which `from_table` reads back; what is not set is left out."""
        return option_tables.join(
            network={name: getattr(self, name) for name in _NETWORK},
            defaults={name: getattr(self.defaults, name) for name in _POPULATION},
            populations=self.populations,
            weights=self.weights,
        )

    def to_toml(self) -> str:
        """`to_table` as TOML text."""
        return option_tables.toml_text(self.to_table())


def _read_fields(options: object, readers: Mapping[str, Reader]) -> None:
    """Put every field into its own type."""
    fields = {name: getattr(options, name) for name in readers}
    for name, value in read_table(fields, readers).items():
        object.__setattr__(options, name, value)
