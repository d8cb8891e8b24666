"""The devices on the boards. The capacities are those that nextpnr reports; a test compares them."""

from .device import Device, Family

__all__ = [
    "GW1NR_9C",
    "GW2A_18",
    "ICE40HX8K",
    "ICE40LP8K",
    "ICE40UP5K",
    "LFE5UM5G_85F",
    "LFE5U_12F",
    "LFE5U_25F",
    "LFE5U_45F",
    "LFE5U_85F",
]

_ICE40_RAM = ((256, 16), (512, 8), (1024, 4), (2048, 2))
_RAM_18K = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))


def _ice40(name: str, cells: int, block_rams: int, dsps: int = 0, sprams: int = 0) -> Device:
    return Device(
        name=name,
        family=Family.ICE40,
        luts=cells,
        ffs=cells,
        block_rams=block_rams,
        block_ram_shapes=_ICE40_RAM,
        dsps=dsps,
        sprams=sprams,
    )


def _ecp5(name: str, luts: int, block_rams: int, dsps: int) -> Device:
    return Device(
        name=name,
        family=Family.ECP5,
        luts=luts,
        ffs=luts,
        block_rams=block_rams,
        block_ram_shapes=_RAM_18K,
        lut_rams=luts // 8,
        dsps=dsps,
    )


def _gowin(name: str, luts: int, ffs: int, lut_rams: int, block_rams: int, dsps: int) -> Device:
    return Device(
        name=name,
        family=Family.GOWIN,
        luts=luts,
        ffs=ffs,
        block_rams=block_rams,
        block_ram_shapes=_RAM_18K,
        lut_rams=lut_rams,
        dsps=dsps,
    )


ICE40UP5K = _ice40("iCE40UP5K", 5280, 30, dsps=8, sprams=4)
ICE40HX8K = _ice40("iCE40HX8K", 7680, 32)
ICE40LP8K = _ice40("iCE40LP8K", 7680, 32)
LFE5U_12F = _ecp5("LFE5U-12F", 24288, 56, 28)  # sold as 12k LUTs; the die is that of the 25F
LFE5U_25F = _ecp5("LFE5U-25F", 24288, 56, 28)
LFE5U_45F = _ecp5("LFE5U-45F", 43848, 108, 72)
LFE5U_85F = _ecp5("LFE5U-85F", 83640, 208, 156)
LFE5UM5G_85F = _ecp5("LFE5UM5G-85F", 83640, 208, 156)
GW1NR_9C = _gowin("GW1NR-9C", 8640, 6480, 270, 26, 20)
GW2A_18 = _gowin("GW2A-18", 20736, 15552, 648, 46, 48)
