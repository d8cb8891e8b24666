"""What a user may choose about the hardware."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..hw.boards.registry import BOARDS
from ..hw.params import ReadoutKind
from .codec import decode, encode
from .delay_forms import DelayForm
from .errors import UserError
from .input_form import InputForm
from .loading import WeightsForm
from .planning.targets import Target
from .sparse_forms import SparseForm

__all__ = ["AUTO", "PlanOptions"]

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class PlanOptions:
    """What a user may choose about the hardware.

    Attributes
    ----------
    lanes : int or "auto"
        Weights added a cycle in every array; a smaller fan-out takes fewer.
    population_lanes : mapping of str to int
        Lanes of single populations, 1 .. population size.
    update_lanes : int or "auto"
        Neurons updated a cycle, at most; the largest divisor of the lanes up to it is taken.
    population_update_lanes : mapping of str to int
        Update lanes of single populations, a divisor of their lanes.
    delays : str
        Where the delays of single synapses are: "array" (beside the weights), "lines" (a delay line for each
        delay that occurs) or "auto", the cheaper of the two (gen/delay_forms.py).
    sparse : str
        Whether matrices are stored as row lists: "never", "always" or "auto", where that is cheaper
        (gen/sparse_forms.py).
    input_values : str
        How a count above 1 enters: "events" (so many events), "values" (one token that carries it) or "auto"
        (gen/input_form.py).
    weights : str
        "initialised" (in the bitstream) or "loaded" (written at run time, so that models of the same shape
        can be exchanged; with a board that has SPRAM, large weight memories are in it).
    readout : str
        "auto" or a `ReadoutKind`.
    count_bits : int
        Width of a spike counter of the `counts` and `class` readouts, 1 .. 32.
    debug : bool
        Whether the probe outputs are built in.
    count_saturations : bool
        Whether the accelerator has an output for a counter of saturated states, which links have.
    target : str or None
        "latency", "throughput", "area" or "balanced": lanes and update lanes that are "auto" are chosen for
        it (gen/planning); None: by the rules of gen/plan.py.
    max_latency_us : float or None
        With a target: most microseconds of a sample at `planned_mhz`.
    max_luts : int or None
        With a target: most LUTs of the accelerator.
    board : str or None
        Name of the board the network is meant for: its SPRAM is used where weights are loaded, and a target
        is planned within its resources and at its clock.
    clock_mhz : float
        Clock written into the generic constraints.
    """

    lanes: int | str = AUTO
    population_lanes: Mapping[str, int] = field(default_factory=dict)
    update_lanes: int | str = AUTO
    population_update_lanes: Mapping[str, int] = field(default_factory=dict)
    delays: str = AUTO
    sparse: str = AUTO
    input_values: str = AUTO
    weights: str = WeightsForm.INITIALISED
    readout: str = AUTO
    count_bits: int = 16
    debug: bool = False
    count_saturations: bool = True
    target: str | None = None
    max_latency_us: float | None = None
    max_luts: int | None = None
    board: str | None = None
    clock_mhz: float = 100.0

    def __post_init__(self) -> None:
        for option in ("lanes", "update_lanes"):
            _check_lanes(option, getattr(self, option))
        for option in ("population_lanes", "population_update_lanes"):
            for name, value in getattr(self, option).items():
                _check_lanes(f"{option} of {name}", value, auto=False)
        forms = (
            ("delays", DelayForm),
            ("sparse", SparseForm),
            ("input_values", InputForm),
            ("weights", WeightsForm),
        )
        for option, accepted in forms:
            if getattr(self, option) not in tuple(accepted):
                raise UserError(
                    f"Option {option} must be one of {', '.join(accepted)}, not {getattr(self, option)}"
                )
        if self.readout not in (AUTO, *ReadoutKind):
            raise UserError(
                f"Option readout must be one of auto, {', '.join(ReadoutKind)}, not {self.readout}"
            )
        if not 1 <= self.count_bits <= 32:
            raise UserError(f"Option count_bits must be between 1 and 32, not {self.count_bits}")
        if not 0 < self.clock_mhz <= 10_000:
            raise UserError(f"Option clock_mhz must be above 0 and at most 10000, not {self.clock_mhz}")
        self._check_target()

    def _check_target(self) -> None:
        if self.target not in (None, *Target):
            raise UserError(f"Option target must be one of {', '.join(Target)}, not {self.target}")
        for option in ("max_latency_us", "max_luts"):
            value = getattr(self, option)
            if value is not None and not 0 < value <= 1e12:
                raise UserError(f"Option {option} must be above 0, not {value}")
            if value is not None and self.target is None:
                raise UserError(f"Option {option} needs a target: one of {', '.join(Target)}")

    @property
    def planned_mhz(self) -> float:
        """Clock that latencies are planned for: the board's, or `clock_mhz`."""
        return BOARDS[self.board].clock_mhz if self.board in BOARDS else self.clock_mhz

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> PlanOptions:
        """Options of a table as `tomllib` reads it; what it does not name has its default.

        Raises
        ------
        UserError
            An unknown key or a value that does not fit.
        """
        return decode(cls, {**encode(cls()), **table}, where="plan options")

    def to_table(self) -> dict[str, Any]:
        """Table that `from_table` reads."""
        return encode(self)


def _check_lanes(option: str, value: int | str, *, auto: bool = True) -> None:
    if auto and value == AUTO:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise UserError(
            f"Option {option} must be {'auto or ' if auto else ''}a number from 1 up, not {value}"
        )
