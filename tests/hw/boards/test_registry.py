"""Boards: what is written about them is what amaranth-boards and the tools say."""

import re

import pytest
from spikeloom.hw.boards.device import Device, Family
from spikeloom.hw.boards.registry import BOARDS
from spikeloom.hw.boards.top import BoardTop, LinkTop
from spikeloom.hw.emitted import EmittedAccelerator
from spikeloom.hw.link.params import HostLinkParams
from spikeloom.hw.link.spi_link import SpiLink
from spikeloom.hw.link.uart_link import UartLink
from spikeloom.hw.params import AcceleratorParams, ArrayParams, CoreParams, NeuronParams
from spikeloom.hw.selftest import SelfTest, SelfTestParams

CONSTRAINTS = {Family.ECP5: "top.lpf", Family.ICE40: "top.pcf", Family.GOWIN: "top.cst"}

PARAMS = AcceleratorParams(
    cores=(
        CoreParams(
            name="only",
            array=ArrayParams(sources=4, targets=2, lanes=2, weight_bits=4, acc_bits=6),
            neuron=NeuronParams(neurons=2, acc_bits=6, state_bits=8, threshold=3),
            update_lanes=1,
        ),
    )
)


@pytest.fixture(params=BOARDS.values(), ids=list(BOARDS))
def board(request):
    return request.param


def test_names():
    assert {"ulx3s_85f", "icebreaker", "orangecrab", "tang_nano_9k"} <= BOARDS.keys()
    assert {board.name for board in BOARDS.values()} == BOARDS.keys()
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in BOARDS)


def test_agrees_with_the_platform(board):
    platform = board.make_platform()
    assert platform.default_clk_frequency == board.clock_mhz * 1e6
    if board.family is Family.GOWIN:
        assert platform.part == board.package
        assert platform.family.startswith(board.device.name)
        return
    assert platform.device == board.device.name
    packages = getattr(platform, "_nextpnr_package_options", {})
    assert packages.get(platform.package, platform.package).lower() == board.package.lower()
    assert getattr(platform, "speed", "") == board.speed


def test_top_level_reaches_the_pins(board):
    selftest = SelfTest(EmittedAccelerator(PARAMS), SelfTestParams(tokens=(3, 12), signature=1))
    platform = board.make_platform()
    files = platform.prepare(BoardTop(board, selftest), "top", emit_src=False).files
    located = [
        line
        for line in files[CONSTRAINTS[board.family]].splitlines()
        if re.match(r"LOCATE COMP|set_io|IO_LOC", line)
    ]
    assert len(located) == 1 + bool(platform.default_rst) + len(board.leds)  # clock, reset, every LED
    assert "cell \\accelerator" in files["top.il"]
    assert "/" not in re.sub(r"//.*", "", files["top.il"].split("module", 1)[1])  # no path of a machine


@pytest.mark.parametrize(
    ("rows", "row_bits", "expected"),
    [(512, 36, 1), (513, 36, 2), (1, 1, 1), (16384, 1, 1), (3136, 128, 28), (1024, 128, 8), (2048, 40, 5)],
)
def test_block_rams_for(rows, row_bits, expected):
    device = BOARDS["ulx3s_85f"].device
    assert device.block_rams_for(rows=rows, row_bits=row_bits) == expected


def test_block_ram_size():
    sizes = {board.device.name: board.device.block_ram_kbit for board in BOARDS.values()}
    assert sizes["LFE5U-85F"] == 208 * 18
    assert sizes["iCE40UP5K"] == 30 * 4
    shapes = ((256, 16), (512, 8))
    device = Device(name="x", family=Family.ICE40, luts=1, ffs=1, block_rams=1, block_ram_shapes=shapes)
    assert device.block_rams_for(rows=300, row_bits=16) == 2


def test_spi_reaches_the_pins(board):
    params = HostLinkParams(window=2, clock_hz=12_000_000, build_id=bytes(16))
    link = SpiLink(EmittedAccelerator(PARAMS), params)
    if board.spi is None:
        with pytest.raises(ValueError, match=f"Board {board.name} has no pins for SPI"):
            LinkTop(board, link)
        return
    files = board.make_platform().prepare(LinkTop(board, link), "top", emit_src=False).files
    text = files[CONSTRAINTS[board.family]]
    for name in ("sck", "mosi", "miso", "cs_n", "irq"):
        assert re.search(rf"(LOCATE COMP|set_io|IO_LOC) .*spikeloom_spi_0__{name}__io", text), name


def test_link_reaches_the_pins(board):
    params = HostLinkParams(bit_cycles=12, window=2, clock_hz=12_000_000, build_id=bytes(16))
    link = UartLink(EmittedAccelerator(PARAMS), params)
    platform = board.make_platform()
    if board.uart is None:
        assert ("uart", 0) not in platform.resources
        with pytest.raises(ValueError, match=f"Board {board.name} has no UART"):
            LinkTop(board, link)
        return
    files = platform.prepare(LinkTop(board, link), "top", emit_src=False).files
    text = files[CONSTRAINTS[board.family]]
    located = [line for line in text.splitlines() if re.match(r"LOCATE COMP|set_io|IO_LOC", line)]
    shared = board.name == "colorlight_5a75b"  # its one LED is on the UART's pin
    leds = len(board.leds) - shared
    assert len(located) == 3 + bool(platform.default_rst) + leds  # clock, rx, tx, reset, LEDs
