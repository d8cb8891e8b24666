"""Phase-locked loops: a clock other than the oscillator's, out of what each family can make."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from amaranth import ClockSignal, Const, Instance, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.cdc import ResetSynchronizer

from .device import Device, Family

__all__ = ["ClockGenerator", "Pll", "choose_pll"]

# Limits in MHz, of the phase detector, the oscillator and the output.
_ICE40 = ((10.0, 133.0), (533.0, 1066.0), (16.0, 275.0))  # Lattice FPGA-DS-02029, FPGA-TN-02052
_ECP5 = ((3.125, 400.0), (400.0, 800.0), (10.0, 400.0))  # Lattice FPGA-DS-02012
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


def choose_pll(device: Device, input_mhz: float, most_mhz: float) -> Pll | None:
    """Fastest clock of at most `most_mhz` that a PLL of `device` makes of `input_mhz`.

    Returns
    -------
    Pll or None
        None: none is that slow, or the family's PLL is not supported (Gowin).
    """
    settings = {Family.ICE40: _ice40_settings, Family.ECP5: _ecp5_settings}.get(device.family)
    if settings is None:
        return None
    found = [pll for pll in settings(device, input_mhz) if pll.output_mhz <= most_mhz]
    # of equal clocks the one with the fastest phase detector: the first
    return max(found, key=lambda pll: pll.output_mhz, default=None)


def _within(limits: tuple[float, float], *values: float) -> bool:
    return all(limits[0] <= value <= limits[1] for value in values)


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
    detector, oscillator, output = _ECP5
    for divided in range(1, 129):
        compared = input_mhz / divided
        for times in range(1, 81):
            made = compared * times
            if not (_within(detector, compared) and _within(output, made)):
                continue
            # the oscillator in the middle of its range
            ratios = [n for n in range(1, 129) if _within(oscillator, made * n)]
            ratio = min(ratios, key=lambda n: abs(made * n - sum(oscillator) / 2), default=None)
            if ratio is not None:
                settings = {"CLKI_DIV": divided, "CLKFB_DIV": times, "CLKOP_DIV": ratio}
                yield Pll(input_mhz=input_mhz, output_mhz=made, cell="EHXPLLL", settings=settings)


class ClockGenerator(wiring.Component):
    """Drives clock domain `sync` from a PLL behind the platform's clock; in reset until it is locked."""

    def __init__(self, pll: Pll):
        self.pll = pll
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        pins = platform.request(platform.default_clk, dir="-")
        m.submodules.pin = pin = io.Buffer(io.Direction.Input, pins)
        clock, locked = Signal(), Signal()
        m.d.comb += ClockSignal().eq(clock)
        make = self._ecp5 if self.pll.cell == "EHXPLLL" else self._ice40
        m.submodules.pll = make(pin.i, clock, locked)
        m.submodules.reset = ResetSynchronizer(~locked)
        platform.add_clock_constraint(clock, self.pll.output_mhz * 1e6)
        return m

    def _ice40(self, reference: Signal, clock: Signal, locked: Signal) -> Instance:
        s = self.pll.settings
        source = "i_PACKAGEPIN" if self.pll.cell == "SB_PLL40_PAD" else "i_REFERENCECLK"
        return Instance(
            self.pll.cell,
            p_FEEDBACK_PATH="SIMPLE",
            p_PLLOUT_SELECT="GENCLK",
            p_DIVR=Const(s["DIVR"], 4),
            p_DIVF=Const(s["DIVF"], 7),
            p_DIVQ=Const(s["DIVQ"], 3),
            p_FILTER_RANGE=Const(s["FILTER_RANGE"], 3),
            **{source: reference},
            i_RESETB=Const(1),
            i_BYPASS=Const(0),
            o_PLLOUTGLOBAL=clock,
            o_LOCK=locked,
        )

    def _ecp5(self, reference: Signal, clock: Signal, locked: Signal) -> Instance:
        s = self.pll.settings
        return Instance(
            self.pll.cell,
            a_FREQUENCY_PIN_CLKI=f"{self.pll.input_mhz:g}",
            a_FREQUENCY_PIN_CLKOP=f"{self.pll.output_mhz:g}",
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_PLLRST_ENA="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            p_OUTDIVIDER_MUXA="DIVA",
            p_CLKI_DIV=s["CLKI_DIV"],
            p_CLKFB_DIV=s["CLKFB_DIV"],
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_DIV=s["CLKOP_DIV"],
            p_CLKOP_CPHASE=s["CLKOP_DIV"] // 2,
            p_CLKOP_FPHASE=0,
            p_FEEDBK_PATH="CLKOP",
            i_RST=Const(0),
            i_STDBY=Const(0),
            i_CLKI=reference,
            i_CLKFB=clock,
            i_PHASESEL0=Const(0),
            i_PHASESEL1=Const(0),
            i_PHASEDIR=Const(1),
            i_PHASESTEP=Const(1),
            i_PHASELOADREG=Const(1),
            i_PLLWAKESYNC=Const(0),
            i_ENCLKOP=Const(0),
            o_CLKOP=clock,
            o_LOCK=locked,
        )
