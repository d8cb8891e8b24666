"""C text of the registers that an accelerator has on a bus: docs/blocks/registers.md in numbers."""

from __future__ import annotations

from ..hw.link import register_map
from ..hw.link.register_map import Reg
from .c_texts import HEADER

__all__ = ["register_header"]

_GUARD = "SPIKELOOM_REGISTERS_H"


def register_header() -> str:
    """Text of ``spikeloom_registers.h``: offsets in bytes, and shifts and masks of fields."""
    values: dict[str, str] = {f"REG_{reg.name}": f"0x{reg.value:02x}u" for reg in Reg}
    for at, name in enumerate(register_map.ACCELERATOR_COUNTERS):
        values[f"REG_{name.upper()}"] = f"0x{Reg.COUNTERS + 4 * at:02x}u"
    values |= {
        "REG_COUNTERS_WORDS": str(len(register_map.ACCELERATOR_COUNTERS)),
        "REG_BUILD_ID_WORDS": str(register_map.BUILD_ID_WORDS),
        "MAGIC": f"0x{register_map.MAGIC:08x}u",
        "MAP_VERSION": f"{register_map.MAP_VERSION}u",
        "CONTROL_RESET": f"0x{register_map.CONTROL_RESET:x}u",
        "OUT_VALID": f"0x{register_map.OUT_VALID:08x}u",
    }
    for name, layout in (
        ("WIDTHS", register_map.WIDTHS),
        ("STATUS", register_map.STATUS),
        ("PLACE", register_map.PLACE),
    ):
        values |= _fields(name, layout)
    lines = [f"#define SPIKELOOM_{name} {value}" for name, value in values.items()]
    head = HEADER.format(what="the register map")
    return f"{head}#ifndef {_GUARD}\n#define {_GUARD}\n\n" + "\n".join(lines) + "\n\n#endif\n"


def _fields(register: str, layout: dict[str, int]) -> dict[str, str]:
    """Shift of each field, and its mask once it is shifted."""
    values, shift = {}, 0
    for name, bits in layout.items():
        if name != "reserved":
            values[f"{register}_{name.upper()}_SHIFT"] = str(shift)
            values[f"{register}_{name.upper()}_MASK"] = f"0x{(1 << bits) - 1:x}u"
        shift += bits
    return values
