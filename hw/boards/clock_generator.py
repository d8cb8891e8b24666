"""The clock of a board's PLL as an Amaranth clock domain, of every family."""

from __future__ import annotations

from typing import Any

from amaranth import ClockDomain, Const, Instance, Module, Signal, Value
from amaranth.lib import io, wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import Out

from .pll import Pll

__all__ = ["ClockGenerator", "PinClock"]

_ICE40_RAM_US = 15  # five times what was seen; amaranth's own reset of these devices takes as long


class PinClock(wiring.Component):
    """Drives a clock domain from the platform's clock pin; for iCE40, whose flip-flops start as configured.

    Parameters
    ----------
    domain : ClockDomain
    clock_mhz : float

    Ports
    -----
    ready : out, block RAMs can be read
    """

    ready: Signal

    def __init__(self, domain: Any, *, clock_mhz: float):
        self.domain = domain
        self.clock_mhz = clock_mhz
        super().__init__({"ready": Out(1)})

    def elaborate(self, platform):
        m = Module()
        pins = platform.request(platform.default_clk, dir="-")
        m.submodules.pin = pin = io.Buffer(io.Direction.Input, pins)
        m.d.comb += self.domain.clk.eq(pin.i)
        m.d.comb += self.ready.eq(_settled(m, pin.i, Const(1), self.clock_mhz))
        return m


class ClockGenerator(wiring.Component):
    """Drives a clock domain from a PLL behind the platform's clock; in reset until it is locked.

    nextpnr derives the PLL's clocks from its settings and the constraint of the oscillator's pin; for Gowin
    `gen.toolchain.gowin` constrains both.

    Parameters
    ----------
    pll : Pll
    domain : ClockDomain
    beside : ClockDomain, optional
        Another one, of `Pll.beside_mhz`, with the same reset.

    Ports
    -----
    ready : out, the PLL is locked, and block RAMs can be read
    """

    ready: Signal

    def __init__(self, pll: Pll, domain: Any, *, beside: Any = None):
        self.pll = pll
        self.domain, self.beside = domain, beside
        super().__init__({"ready": Out(1)})

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
            make = {"EHXPLLL": self._ecp5, "rPLL": self._gowin}.get(self.pll.cell, self._core)
            m.submodules.pll = make(pin.i, clock, locked)
        if self.pll.cell.startswith("SB_"):
            locked = _settled(m, clock, locked, self.pll.output_mhz)
        m.d.comb += self.ready.eq(locked)
        for domain in (self.domain, self.beside):
            if domain is not None and domain.rst is not None:
                m.submodules[f"reset_{domain.name}"] = ResetSynchronizer(~locked, domain=domain.name)
        return m

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

    def _gowin(self, reference: Signal, clock: Signal, locked: Signal) -> Instance:
        s = self.pll.settings
        unused = {"RESET": 1, "RESET_P": 1, "CLKFB": 1, "FBDSEL": 6, "IDSEL": 6, "ODSEL": 6}
        unused |= {"PSDA": 4, "DUTYDA": 4, "FDLY": 4}
        return Instance(
            self.pll.cell,
            p_FCLKIN=f"{self.pll.input_mhz:g}",
            p_IDIV_SEL=s["IDIV_SEL"],
            p_FBDIV_SEL=s["FBDIV_SEL"],
            p_ODIV_SEL=s["ODIV_SEL"],
            p_DYN_IDIV_SEL="false",
            p_DYN_FBDIV_SEL="false",
            p_DYN_ODIV_SEL="false",
            p_CLKFB_SEL="internal",
            **{f"i_{name}": Const(0, width) for name, width in unused.items()},
            i_CLKIN=reference,
            o_CLKOUT=clock,
            o_LOCK=locked,
        )


def _settled(m: Module, clock: Value, locked: Value, clock_mhz: float) -> Signal:
    """Locked for as long as block RAMs of an iCE40 may read as zeros after configuration."""
    cycles = round(_ICE40_RAM_US * clock_mhz)
    count, ready = Signal(range(cycles + 1)), Signal()
    settling: Any = ClockDomain("settling", local=True, async_reset=True)
    m.domains += settling
    m.d.comb += [settling.clk.eq(clock), settling.rst.eq(~locked)]
    m.d.settling += [ready.eq(count == cycles), count.eq(count + (count != cycles))]
    return ready
