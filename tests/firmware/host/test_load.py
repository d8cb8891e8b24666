"""Models of one shape, loaded one after the other into the same board, through its pins."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from spikeloom.firmware.host.board import BoardLink
from spikeloom.firmware.host.faults import LinkError, NotLoaded, WrongBuild
from spikeloom.firmware.host.memories import held
from spikeloom.firmware.host.session import LinkOptions
from spikeloom.gen.build_dir import write_build
from spikeloom.gen.manifest import build_id
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.hw.link.params import HostLinkParams
from spikeloom.hw.load_bus import loaded_shapes
from spikeloom.sim.engines import run_engine
from spikeloom.sim.link.faulty import FaultyPort
from spikeloom.sim.link.pins import SimulatedBoard

from ...gen.chains import float_chain, quantised_chain

OPTIONS = LinkOptions(timeout_s=0.001, tries=200, stall_s=2.0)


def written(folder, *, weights="loaded", **chain):
    qnet = quantised_chain(**{"sizes": (9, 12, 5), **chain})
    plan = make_plan(qnet, PlanOptions(weights=weights, lanes=6))
    return write_build(folder, network=float_chain(qnet), qnet=qnet, plan=plan)


def simulated(build):
    shapes = loaded_shapes(build.plan.accelerator)
    params = HostLinkParams(
        bit_cycles=4, window=4, clock_hz=25_000_000, build_id=build_id(build.path), memories=shapes
    )
    return SimulatedBoard(build, params, optimise=1)


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    return written(tmp_path_factory.mktemp("one") / "build", seed=1)


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    return written(tmp_path_factory.mktemp("other") / "build", seed=2)


@pytest.fixture
def board(one):
    return simulated(one)


@pytest.fixture
def x():
    return (np.random.default_rng(3).random((4, 8, 9)) < 0.5).astype(np.uint8)


def record(rows, *row):
    rows.append(row)


def golden(build, x):
    return run_engine("golden", build, x).output


def test_models_are_exchanged_without_synthesis(one, other, board, x):
    assert (golden(one, x) != golden(other, x)).any()
    for build in (one, other, one):
        shown = []
        link = BoardLink(board, build, options=OPTIONS, progress=partial(record, shown))
        np.testing.assert_array_equal(link.run(x), golden(build, x))
        assert {step for step, _, _ in shown} == {"loading", "reading back"}
        assert shown[-1][1] == shown[-1][2] == len(build.load_image().data)
        assert held(link.session) == build.load_image().contents_id
    again = []
    link = BoardLink(board, one, options=OPTIONS, progress=partial(record, again))
    np.testing.assert_array_equal(link.run(x[:1]), golden(one, x[:1]))
    assert not again


def test_a_board_that_was_not_loaded_refuses_samples(one, board, x):
    link = BoardLink(board, one, options=OPTIONS, load=False)
    assert held(link.session) == bytes(8)
    with pytest.raises(NotLoaded, match="the board's memories are not loaded: spikeloom load"):
        link.run(x)
    link = BoardLink(board, one, options=OPTIONS)
    np.testing.assert_array_equal(link.run(x), golden(one, x))


def test_loading_while_a_sample_is_under_way(one, other, board, x):
    link = BoardLink(board, one, options=OPTIONS)
    for counts in x[0][:5]:
        link.send_step(counts, last=False)
    link.build = other
    assert link.load()
    np.testing.assert_array_equal(link.run(x), golden(other, x))


def test_loading_over_a_bad_cable(one, other, board, x):
    cable = FaultyPort(board, rate=0.0, kinds=["flip", "drop", "burst"], seed=5)
    link = BoardLink(cable, one, options=OPTIONS)
    cable.rate = 0.005
    link.build = other
    link.load()
    np.testing.assert_array_equal(link.run(x), golden(other, x))
    assert sum(cable.injected.values()) >= 3


def test_ram_that_does_not_keep_what_is_written(one, board, monkeypatch):
    link = BoardLink(board, one, options=OPTIONS, load=False)
    send = link.session.send_command
    monkeypatch.setattr(
        link.session, "send_command", lambda c: send(c[:9] + bytes([c[9] ^ 4]) + c[10:] if c[0] == 5 else c)
    )
    with pytest.raises(LinkError, match=r"memory 0 \(layer_1\.weights\) does not hold what was written"):
        link.load()
    assert held(link.session) == bytes(8)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sizes": (9, 11, 5)}, r"memory 1 \(layer_1\.parameters\) has 12 rows of \d+ bits, not 11 of \d+;"),
        ({"sizes": (9, 12, 4, 5)}, r"it has 4 loaded memories, not 6;"),
        ({"bits": 5}, r"memory 0 \(layer_1\.weights\) has 18 rows of 24 bits, not 18 of 30;"),
        ({"analog": True}, r"memory 3 \(layer_2.parameters\) has "),
        ({"weights": "initialised"}, r"the board holds build [0-9a-f]{12}, not "),
    ],
)
def test_another_shape_is_refused(tmp_path, board, change, text):
    build = written(tmp_path / "build", **change)
    with pytest.raises(WrongBuild, match=text):
        BoardLink(board, build, options=OPTIONS)


def test_a_board_whose_weights_are_in_the_bitstream(tmp_path, one):
    plain = written(tmp_path / "build", weights="initialised")
    with pytest.raises(WrongBuild, match="its memories cannot be loaded; load the bitstream of this build"):
        BoardLink(simulated(plain), one, options=OPTIONS)
