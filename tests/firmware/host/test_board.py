"""Host code, UART pins, RTL and back: every output is the golden model's, on good cables and on bad ones."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from spikeloom.firmware.host.board import BoardLink
from spikeloom.firmware.host.faults import LinkError, NoAnswer, WrongBuild
from spikeloom.firmware.host.session import LinkOptions
from spikeloom.gen.build_dir import read_build
from spikeloom.gen.errors import UserError
from spikeloom.gen.manifest import build_id
from spikeloom.gen.plan import PlanOptions
from spikeloom.hw.link.params import HostLinkParams
from spikeloom.hw.params import ReadoutKind
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.data import load_samples
from spikeloom.sim.engines import run_engine
from spikeloom.sim.link.faulty import FAULTS, FaultyPort
from spikeloom.sim.link.pins import SimulatedBoard

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "digits"
CLOCK_HZ = 25_000_000
OPTIONS = LinkOptions(timeout_s=0.001, tries=200, stall_s=2.0)


def params(build, **given):
    return HostLinkParams(
        **{"bit_cycles": 4, "window": 4, "clock_hz": CLOCK_HZ, "build_id": build_id(build.path), **given}
    )


def simulated(build, **given):
    """A simulated board; few designs, because each has to be compiled."""
    return SimulatedBoard(build, params(build), optimise=1, **given)


def connect(build, port=None, options=OPTIONS):
    return BoardLink(port or simulated(build), build, options=options)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits") / "build"
    calibration = EXAMPLE / "digits_calibration.npz"
    return compile_model(
        EXAMPLE / "digits.nir", folder, options=CompileOptions(), calibration=calibration
    ).build


@pytest.fixture
def tiny(small):
    return read_build(small.build), load_samples(small.data, shape=(6,)).x


def test_real_digits_through_the_pins(digits):
    """Both clocks differ by 1 %; three whole samples, bit by bit, and then step by step."""
    samples = load_samples(EXAMPLE / "digits_test.npz", shape=(64,), limit=3)
    expected = run_engine("golden", digits, samples.x).output
    port = SimulatedBoard(digits, params(digits, bit_cycles=8), clock_error=0.01, optimise=1)
    with connect(digits, port) as board:
        assert board.identity.clock_hz == CLOCK_HZ
        np.testing.assert_array_equal(board.run(samples.x), expected)
        for step, counts in enumerate(samples.x[0]):
            board.send_step(counts, last=step == len(samples.x[0]) - 1)
        np.testing.assert_array_equal(board.read(len(samples.x[0])), expected[:1])
        counters = board.counters()
        assert counters["event_words"] - counters["event_ticks"] == samples.x.sum() + samples.x[0].sum()
        assert counters["out_ticks"] == 4 * samples.x.shape[1]
        assert not counters["bad_frames"] | counters["stray_frames"] | counters["line_errors"]
        assert board.statistics.sent_again == port.framing_errors == 0


@pytest.mark.parametrize("kind", [*FAULTS, None], ids=str)
def test_faults_on_the_cable(tiny, kind):
    build, x = tiny
    x = np.concatenate([x] * 4)
    expected = run_engine("golden", build, x).output
    cable = FaultyPort(simulated(build), rate=0.0, kinds=[kind] if kind else [], seed=1)
    with connect(build, cable) as board:
        cable.rate = 0.006
        np.testing.assert_array_equal(board.run(x), expected)
        cable.rate = 0.0
        assert sum(cable.injected.values()) >= 3
        np.testing.assert_array_equal(board.run(x[:2]), expected[:2])
        seen = board.counters()
        assert kind in ("stall", "frame again") or (
            seen["bad_frames"] + seen["stray_frames"] + board.statistics.bad_frames
            + board.statistics.stray_frames + board.statistics.polls
        )  # fmt: skip


def test_noise_at_the_pin(tiny):
    build, x = tiny
    port = simulated(build, noise=1e-3)
    with connect(build, port) as board:
        np.testing.assert_array_equal(board.run(x), run_engine("golden", build, x).output)
        counters = board.counters()
        assert counters["bad_frames"] + counters["line_errors"]


def test_reset_in_the_middle_of_a_sample(tiny):
    build, x = tiny
    with connect(build) as board:
        for counts in x[1][:3]:
            board.send_step(counts + 1, last=False)
        board.reset()
        np.testing.assert_array_equal(board.run(x[:3]), run_engine("golden", build, x[:3]).output)


def test_self_test_and_a_second_session(tiny):
    build, x = tiny
    port = simulated(build)
    with connect(build, port) as board:
        assert board.self_test() == 0
        board.send_step(x[0][0], last=False)
        again = connect(build, port)
        np.testing.assert_array_equal(again.run(x[:2]), run_engine("golden", build, x[:2]).output)


def test_counts_readout_and_the_wrong_build(small, tiny, tmp_path):
    options = CompileOptions(plan=PlanOptions(readout=ReadoutKind.COUNTS))
    build = compile_model(small.model, tmp_path / "build", options=options, calibration=small.data).build
    with pytest.raises(WrongBuild, match=r"the board holds build [0-9a-f]{12}, not [0-9a-f]{12} of "):
        connect(build, simulated(tiny[0]))
    x = load_samples(small.data, shape=(6,)).x
    with connect(build) as board:
        np.testing.assert_array_equal(board.run(x), run_engine("golden", build, x).output)


class Silent:
    """A port that nobody is on; `says` answers everything."""

    name = "/dev/nowhere"

    def __init__(self, says=b""):
        self.time, self.says = 0.0, says

    def now(self):
        return self.time

    def write(self, data):
        pass

    def read(self, timeout_s):
        self.time += timeout_s
        return self.says

    def close(self):
        self.time = -1.0


@pytest.mark.parametrize("says", [b"", b"\0hello\r\n\0\x01\0", bytes(range(256))])
def test_nobody_answers(tiny, says):
    port = Silent(says)
    with pytest.raises(NoAnswer, match=r"/dev/nowhere: no answer; is the board powered"):
        connect(tiny[0], port)
    assert port.time == -1.0  # closed


def test_a_board_that_goes_away(tiny):
    build, x = tiny
    cable = FaultyPort(simulated(build), rate=0.0, kinds=["drop"])
    with connect(build, cable, LinkOptions(timeout_s=0.001, tries=5)) as board:
        cable.rate = 1e9
        with pytest.raises(NoAnswer, match="the board does not answer any more"):
            board.run(x)


def test_a_board_that_was_restarted(tiny):
    build, x = tiny
    port = simulated(build)
    with connect(build, port) as board:
        board.session.port = simulated(build)
        with pytest.raises(LinkError, match="the board was restarted; run it again"):
            board.run(x)


def test_input_that_does_not_fit(tiny):
    build, x = tiny
    with connect(build) as board:
        with pytest.raises(UserError, match="must have"):
            board.run(x[:0])
        np.testing.assert_array_equal(board.run(x[:1]), run_engine("golden", build, x[:1]).output)


def test_streaming_in_the_background(tiny):
    """A slow consumer finds everything done; an error comes where it belongs; a stream can be left early."""
    build, x = tiny
    expected = run_engine("golden", build, x).output
    taken = []

    def source():
        for sample in x:
            taken.append(sample)
            yield sample

    with connect(build) as board:
        outputs = board.stream(source(), ahead=8)
        first = next(outputs)
        while len(taken) < len(x):  # without anybody asking for more
            time.sleep(0.01)
        np.testing.assert_array_equal(np.concatenate([first, *outputs]), expected)

        def broken():
            yield x[0]
            raise KeyError("no more")

        outputs = board.stream(broken(), ahead=2)
        with pytest.raises(KeyError, match="no more"):
            list(outputs)
        board.reset()
        outputs = board.stream(iter(x), ahead=1)
        np.testing.assert_array_equal(next(outputs), expected[:1])
        outputs.close()
        board.reset()
        np.testing.assert_array_equal(board.run(x[:2]), expected[:2])
