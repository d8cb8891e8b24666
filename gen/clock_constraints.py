"""Clock constraints for a flow of one's own; the board builds bring theirs."""

from __future__ import annotations

__all__ = ["lpf_text", "sdc_text"]


def sdc_text(clock_mhz: float) -> str:
    """Synopsys design constraints: most vendor tools and OpenROAD read these."""
    return f"create_clock -name clk -period {1000 / clock_mhz:.4f} [get_ports {{clk}}]\n"


def lpf_text(clock_mhz: float) -> str:
    """Lattice preference file, for ECP5."""
    return f'FREQUENCY PORT "clk" {clock_mhz:g} MHZ;\n'
