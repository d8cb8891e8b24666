"""RTL text of a plan: the accelerator with the weights of a quantised network."""

from __future__ import annotations

from ..hw.accelerator import Accelerator
from .core_rows import core_rows
from .errors import UserError
from .ir import QuantisedNetwork
from .plan import Plan
from .rtl import Rtl, convert
from .toolchain.yosys import YosysEngine

__all__ = ["emit", "emit_rtlil", "emit_verilog", "make_accelerator"]


def make_accelerator(plan: Plan, network: QuantisedNetwork) -> Accelerator:
    """Give the component of `plan`, its memories filled from `network`.

    Raises
    ------
    UserError
        A weight does not fit the plan.
    """
    try:
        rows = core_rows(plan, network)
    except ValueError as error:
        raise UserError(f"Network {network.name}: {error}") from None
    return Accelerator(plan.accelerator, weights=rows)


def emit(plan: Plan, network: QuantisedNetwork) -> Rtl:
    """Convert the accelerator of `plan` with the weights of `network`; errors as `make_accelerator`."""
    return convert(make_accelerator(plan, network))


def emit_rtlil(plan: Plan, network: QuantisedNetwork) -> str:
    """RTLIL of the accelerator of `plan`, memories filled."""
    return emit(plan, network).rtlil()


def emit_verilog(
    plan: Plan, network: QuantisedNetwork, *, engine: YosysEngine = "auto"
) -> tuple[str, dict[str, str]]:
    """Verilog of the accelerator of `plan`, and its memory images by file name."""
    rtl = emit(plan, network)
    return rtl.verilog(engine=engine), rtl.images()
