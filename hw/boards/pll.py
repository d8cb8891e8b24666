"""Phase-locked loops: a clock other than the oscillator's, out of what each family can make."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from amaranth import ClockDomain, Const, Instance, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.cdc import ResetSynchronizer

from .device import Device, Family

__all__ = ["BESIDE_MHZ", "ClockGenerator", "Pll", "choose_pll"]

# Limits in MHz, of the phase detector, the oscillator and the output.
_ICE40 = ((10.0, 133.0), (533.0, 1066.0), (16.0, 275.0))  # Lattice FPGA-DS-02029, FPGA-TN-02052
_ECP5 = ((3.125, 400.0), (400.0, 800.0), (10.0, 400.0))  # Lattice FPGA-DS-02012
BESIDE_MHZ = 60.0
"""Clock that a link closes on every family."""
_ICE40_RAM_US = 15  # five times what was seen; amaranth's own reset of these devices takes as long
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
    """Drives a clock domain from a PLL behind the platform's clock; in reset until it is locked.

    nextpnr derives the PLL's clocks from its settings and the constraint of the oscillator's pin.

    Parameters
    ----------
    pll : Pll
    domain : ClockDomain
    beside : ClockDomain, optional
        Another one, of `Pll.beside_mhz`, with the same reset.
    """

    def __init__(self, pll: Pll, domain: Any, *, beside: Any = None):
        self.pll = pll
        self.domain, self.beside = domain, beside
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        pins = platform.request(platform.default_clk, dir="-")
        clock, locked = self.domain.clk, Signal()
        if self.pll.cell == "SB_PLL40_PAD":
            # the pin is the PLL's: both clocks come out of it
            m.submodules.pll = self._pad(pins.io, clock, locked)
        else:
            m.submodules.pin = pin = io.Buffer(io.Direction.Input, pins)
            if self.beside is not None and self.pll.beside_divisor is None:
                m.d.comb += self.beside.clk.eq(pin.i)
            make = self._ecp5 if self.pll.cell == "EHXPLLL" else self._core
            m.submodules.pll = make(pin.i, clock, locked)
        ready = locked if self.pll.cell == "EHXPLLL" else self._settled(m, clock, locked)
        for domain in (self.domain, self.beside):
            if domain is not None and domain.rst is not None:
                m.submodules[f"reset_{domain.name}"] = ResetSynchronizer(~ready, domain=domain.name)
        return m

    def _settled(self, m: Module, clock: Signal, locked: Signal) -> Signal:
        """Locked for as long as block RAMs of an iCE40 may read as zeros after configuration."""
        cycles = round(_ICE40_RAM_US * self.pll.output_mhz)
        count, ready = Signal(range(cycles + 1)), Signal()
        settling: Any = ClockDomain("settling", local=True, async_reset=True)
        m.domains += settling
        m.d.comb += [settling.clk.eq(clock), settling.rst.eq(~locked)]
        m.d.settling += [ready.eq(count == cycles), count.eq(count + (count != cycles))]
        return ready

    def _pad(self, pin: Any, clock: Signal, locked: Signal) -> Instance:
        common = {**self._divisors(), "i_PACKAGEPIN": pin, "o_LOCK": locked}
        if self.beside is None:
            return Instance(self.pll.cell, p_PLLOUT_SELECT="GENCLK", o_PLLOUTGLOBAL=clock, **common)
        outputs = {"o_PLLOUTGLOBALA": self.beside.clk, "o_PLLOUTGLOBALB": clock}
        return Instance("SB_PLL40_2_PAD", p_PLLOUT_SELECT_PORTB="GENCLK", **outputs, **common)

    def _core(self, reference: Signal, clock: Signal, locked: Signal) -> Instance:
        return Instance(
            "SB_PLL40_CORE",
            p_PLLOUT_SELECT="GENCLK",
            **self._divisors(),
            i_REFERENCECLK=reference,
            o_PLLOUTGLOBAL=clock,
            o_LOCK=locked,
        )

    def _divisors(self) -> dict[str, Any]:
        s = self.pll.settings
        return {
            "p_FEEDBACK_PATH": "SIMPLE",
            "p_DIVR": Const(s["DIVR"], 4),
            "p_DIVF": Const(s["DIVF"], 7),
            "p_DIVQ": Const(s["DIVQ"], 3),
            "p_FILTER_RANGE": Const(s["FILTER_RANGE"], 3),
            "i_RESETB": Const(1),
            "i_BYPASS": Const(0),
        }

    def _ecp5(self, reference: Signal, clock: Signal, locked: Signal) -> Instance:
        s, second = self.pll.settings, {}
        if self.beside is not None and self.pll.beside_divisor is not None:
            divisor = self.pll.beside_divisor
            second = {"p_CLKOS_ENABLE": "ENABLED", "p_CLKOS_DIV": divisor, "p_CLKOS_FPHASE": 0}
            second |= {"p_CLKOS_CPHASE": divisor // 2, "o_CLKOS": self.beside.clk}
            second |= {"a_FREQUENCY_PIN_CLKOS": f"{self.pll.beside_mhz:g}", "p_OUTDIVIDER_MUXB": "DIVB"}
        return Instance(
            self.pll.cell,
            **second,
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
