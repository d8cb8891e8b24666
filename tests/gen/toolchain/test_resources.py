"""Cell counts to resources, and the fit on a board."""

import re
from dataclasses import fields, replace

import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.toolchain import ecp5, gowin, ice40
from spikeloom.gen.toolchain.fit import check_fit, check_memory, predict_block_rams
from spikeloom.gen.toolchain.resources import RESOURCES, Resources, capacity, count_resources
from spikeloom.hw.boards.registry import BOARDS
from spikeloom.hw.params import AcceleratorParams, ArrayParams, CoreParams, NeuronParams

MNIST = ((784, 128), (128, 10))


def chain(sizes, *, lanes=32, weight_bits=4):
    cores = []
    for at, (sources, targets) in enumerate(sizes):
        array = ArrayParams(
            sources=sources,
            targets=targets,
            lanes=min(lanes, targets),
            weight_bits=weight_bits,
            acc_bits=14,
        )
        neuron = NeuronParams(neurons=targets, acc_bits=14, state_bits=16, threshold=100)
        cores.append(CoreParams(name=f"layer{at}", array=array, neuron=neuron, update_lanes=1))
    return AcceleratorParams(cores=tuple(cores))


def refusal(call, *args, **kwargs):
    with pytest.raises(UserError) as error:
        call(*args, **kwargs)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_names_are_the_fields():
    assert list(RESOURCES) == [field.name for field in fields(Resources)]
    assert capacity(BOARDS["icebreaker"].device) == Resources(
        luts=5280, ffs=5280, block_rams=30, dsps=8, sprams=4
    )


@pytest.mark.parametrize(
    ("flow", "cells", "expected"),
    [
        (
            ecp5.FLOW,
            {"LUT4": 100, "CCU2C": 10, "TRELLIS_DPR16X4": 3, "PFUMX": 7, "TRELLIS_FF": 50, "DP16KD": 4},
            Resources(luts=138, ffs=50, lut_rams=3, block_rams=4),
        ),
        (
            ice40.FLOW,
            {"SB_LUT4": 9, "SB_CARRY": 5, "SB_DFF": 3, "SB_DFFESR": 4, "SB_RAM40_4K": 2, "SB_MAC16": 1},
            Resources(luts=9, ffs=7, block_rams=2, dsps=1),
        ),
        (
            gowin.FLOW,
            {"LUT1": 1, "LUT4": 2, "ALU": 3, "DFF": 4, "DFFRE": 5, "SPX9": 6, "pROM": 1, "MULT9X9": 3},
            Resources(luts=6, ffs=9, block_rams=7, dsps=2),
        ),
    ],
)
def test_cells_are_counted(flow, cells, expected):
    assert count_resources({**cells, "$scopeinfo": 12}, flow.cells) == expected


def cell(kind, **connections):
    return {"type": kind, "connections": connections}


def test_a_carry_chain_takes_two_cells_more():
    """One chain of three cells and one of one: what nextpnr reports as TRELLIS_COMB."""
    cells = {"lut": cell("LUT4", Z=[9])}
    cells |= {f"sum_{k}": cell("CCU2C", CIN=["0" if not k else 20 + k], COUT=[21 + k]) for k in range(3)}
    cells["other"] = cell("CCU2C", CIN=["1"], COUT=[40])
    assert sorted(ecp5.carry_chains({"cells": cells})) == ["other", "sum_0"]
    assert ecp5.FLOW.count_luts is not None
    assert ecp5.FLOW.count_luts({"cells": cells}) == 1 + 4 * 2 + 2 * 4


def test_block_rams_of_all_memories():
    """Weights of both layers and queues; the other memories are LUTs. ECP5: 32 slices of 4 bits, 2 and 1."""
    assert predict_block_rams(chain(MNIST), BOARDS["ulx3s_85f"].device) == 35
    assert predict_block_rams(chain(MNIST), BOARDS["icebreaker"].device) == 112


def test_what_fits_is_not_refused():
    everything = capacity(BOARDS["icebreaker"].device)
    check_fit(everything, BOARDS["icebreaker"], chain(MNIST))
    check_memory(chain(MNIST), BOARDS["ulx3s_85f"])
    check_memory(chain(MNIST), BOARDS["orangecrab"])


def test_too_much_memory_is_refused_before_synthesis():
    assert refusal(check_memory, chain(MNIST), BOARDS["icebreaker"]) == (
        "Board icebreaker is too small: the design needs at least 98 block RAMs of 30 (68 too many);"
        " board tang_primer_20k, ulx3s_12f, ulx3s_25f would fit"
    )


def test_no_board_is_large_enough():
    params = chain(((10_000, 1000),), weight_bits=8)
    text = refusal(check_memory, params, BOARDS["ulx3s_85f"])
    assert "at least 4445 block RAMs of 208 (4237 too many)" in text
    assert "no board here is large enough: use a smaller network" in text


def test_too_many_luts():
    needed = Resources(luts=7036, ffs=7775, block_rams=18)
    assert refusal(check_fit, needed, BOARDS["icebreaker"], chain(((64, 64), (64, 10)))) == (
        "Board icebreaker is too small: the design needs 7036 LUTs of 5280 (1756 too many),"
        " 7775 flip-flops of 5280 (2495 too many);"
        " board tang_primer_20k, ulx3s_12f, ulx3s_25f would fit, or compile with --lanes 8"
    )


def test_the_advice_fits():
    """What is recommended passes the check that failed."""
    board = BOARDS["icebreaker"]
    sizes = ((600, 128), (128, 10))
    params = chain(sizes)
    text = refusal(check_memory, params, board)
    bits = int(re.findall(r"--weight-bits (\d+)", text)[0])
    check_memory(chain(sizes, weight_bits=bits), board)
    for name in re.findall(r"; board (.*?) would fit", text)[0].split(", "):
        check_memory(params, BOARDS[name])


def test_fewer_lanes_can_save_block_rams():
    """128 rows leave most of every block RAM empty."""
    params = chain(((128, 512),), lanes=512, weight_bits=4)
    device = BOARDS["tang_nano_9k"].device
    needed = Resources(block_rams=predict_block_rams(params, device))
    assert needed.block_rams > device.block_rams
    text = refusal(check_fit, needed, BOARDS["tang_nano_9k"], params)
    lanes = int(re.findall(r"--lanes (\d+)", text)[0])
    assert predict_block_rams(chain(((128, 512),), lanes=lanes), device) <= device.block_rams
    assert predict_block_rams(chain(((128, 512),), lanes=2 * lanes), device) > device.block_rams


def test_multipliers_are_named():
    needed = Resources(dsps=9)
    text = refusal(check_fit, needed, BOARDS["icebreaker"], chain(((64, 64),)))
    assert "9 multipliers of 8 (1 too many)" in text
    check_fit(replace(needed, dsps=8), BOARDS["icebreaker"], chain(((64, 64),)))
