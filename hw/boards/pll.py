"""Phase-locked loops: a clock other than the oscillator's, out of what each family can make."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from .device import Device, Family

__all__ = ["BESIDE_MHZ", "Pll", "choose_pll"]

_Range = tuple[float, float]
_Limits = tuple[_Range, _Range, _Range]
# Limits in MHz, of the phase detector, the oscillator and the output.
_ICE40 = ((10.0, 133.0), (533.0, 1066.0), (16.0, 275.0))  # Lattice FPGA-DS-02029, FPGA-TN-02052
_ECP5 = ((3.125, 400.0), (400.0, 800.0), (10.0, 400.0))  # Lattice FPGA-DS-02012
_GOWIN = {  # by device, of the speed grade on the boards
    "GW1NR-9C": ((3.0, 400.0), (400.0, 1200.0), (3.125, 600.0)),  # Gowin DS117, C6/I5
    "GW2A-18": ((3.0, 500.0), (500.0, 1250.0), (3.90625, 625.0)),  # Gowin DS102, C8/I7
}
_GOWIN_RATIOS = (2, 4, 8, 16, 32, 48, 64, 80, 96, 112, 128)  # oscillator to output
BESIDE_MHZ = 60.0
"""Clock that a link closes on every family."""
_FILTER_RANGES = (17.0, 26.0, 44.0, 66.0, 101.0)  # iCE40, of the phase detector


@dataclass(frozen=True, kw_only=True)
class Pll:
    """A setting.

    Attributes
    ----------
    input_mhz, output_mhz : float
    cell : str
        Primitive.
    settings : mapping of str to int
        Its parameters.
    """

    input_mhz: float
    output_mhz: float
    cell: str
    settings: Mapping[str, int]

    @property
    def beside_divisor(self) -> int | None:
        """Divisor of a second output, where the oscillator is too fast for what has its clock; else None."""
        if self.input_mhz <= BESIDE_MHZ:
            return None
        if "CLKOP_DIV" not in self.settings:
            raise ValueError(f"{self.cell} makes no second clock")
        return math.ceil(self.output_mhz * self.settings["CLKOP_DIV"] / BESIDE_MHZ)

    @property
    def beside_mhz(self) -> float:
        """Clock of what is beside the accelerator: the oscillator's, or that of the second output."""
        divisor = self.beside_divisor
        return self.input_mhz if divisor is None else self.output_mhz * self.settings["CLKOP_DIV"] / divisor


def choose_pll(device: Device, input_mhz: float, most_mhz: float) -> Pll | None:
    """Fastest clock of at most `most_mhz` that a PLL of `device` makes of `input_mhz`.

    Returns
    -------
    Pll or None
        None: none is that slow.
    """
    settings = {
        Family.ICE40: _ice40_settings,
        Family.ECP5: _ecp5_settings,
        Family.GOWIN: _gowin_settings,
    }[device.family]
    found = [pll for pll in settings(device, input_mhz) if pll.output_mhz <= most_mhz]
    # of equal clocks the one with the fastest phase detector: the first
    return max(found, key=lambda pll: pll.output_mhz, default=None)


def _within(limits: tuple[float, float], *values: float) -> bool:
    return all(limits[0] <= value <= limits[1] for value in values)


def _middle(oscillator: tuple[float, float], made_mhz: float, ratios: Sequence[int]) -> int | None:
    """The ratio to the output that puts the oscillator nearest to the middle of its range."""
    within = [ratio for ratio in ratios if _within(oscillator, made_mhz * ratio)]
    return min(within, key=lambda ratio: abs(made_mhz * ratio - sum(oscillator) / 2), default=None)


def _ice40_settings(device: Device, input_mhz: float) -> Iterator[Pll]:
    detector, oscillator, output = _ICE40
    # The UltraPlus has its PLL at the pin of the clock, which it takes the place of.
    cell = "SB_PLL40_PAD" if device.name.startswith("iCE40UP") else "SB_PLL40_CORE"
    for divr in range(16):
        compared = input_mhz / (divr + 1)
        for divf in range(128):
            vco = compared * (divf + 1)
            for divq in range(1, 7):
                made = vco / (1 << divq)
                if _within(detector, compared) and _within(oscillator, vco) and _within(output, made):
                    filter_range = 1 + sum(compared >= limit for limit in _FILTER_RANGES)
                    settings = {"DIVR": divr, "DIVF": divf, "DIVQ": divq, "FILTER_RANGE": filter_range}
                    yield Pll(input_mhz=input_mhz, output_mhz=made, cell=cell, settings=settings)


def _ecp5_settings(device: Device, input_mhz: float) -> Iterator[Pll]:
    for made, divided, times, ratio in _ratios(input_mhz, _ECP5, (128, 80), range(1, 129)):
        settings = {"CLKI_DIV": divided, "CLKFB_DIV": times, "CLKOP_DIV": ratio}
        yield Pll(input_mhz=input_mhz, output_mhz=made, cell="EHXPLLL", settings=settings)


def _gowin_settings(device: Device, input_mhz: float) -> Iterator[Pll]:
    for made, divided, times, ratio in _ratios(input_mhz, _GOWIN[device.name], (64, 64), _GOWIN_RATIOS):
        # the dividers count from 0
        settings = {"IDIV_SEL": divided - 1, "FBDIV_SEL": times - 1, "ODIV_SEL": ratio}
        yield Pll(input_mhz=input_mhz, output_mhz=made, cell="rPLL", settings=settings)


def _ratios(
    input_mhz: float, limits: _Limits, most: tuple[int, int], ratios: Sequence[int]
) -> Iterator[tuple[float, int, int, int]]:
    """Output, divider of the input, multiplier and `_middle` ratio of a PLL whose feedback is its output."""
    detector, oscillator, output = limits
    for divided, times in product(range(1, most[0] + 1), range(1, most[1] + 1)):
        compared = input_mhz / divided
        made = compared * times
        if _within(detector, compared) and _within(output, made):
            ratio = _middle(oscillator, made, ratios)
            if ratio is not None:
                yield made, divided, times, ratio
