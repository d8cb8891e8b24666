"""The C driver under sanitizers, on a simulated board behind a pseudo-terminal, on any cable."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from spikeloom.firmware.c_project import write_c_project
from spikeloom.gen.build_dir import read_build
from spikeloom.gen.manifest import build_id
from spikeloom.gen.plan import PlanOptions
from spikeloom.hw.link.params import HostLinkParams
from spikeloom.hw.params import ReadoutKind
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.data import load_samples
from spikeloom.sim.decision import decide_output
from spikeloom.sim.engines import run_engine
from spikeloom.sim.golden.model import run_golden
from spikeloom.sim.link.faulty import FAULTS, FaultyPort
from spikeloom.sim.link.pins import SimulatedBoard

from ...gen.nir_files import affine, chain, conv, lif, write
from ..host.test_load import simulated as loaded_board
from ..host.test_load import written as loaded_build
from ..terminals import terminal

HERE = Path(__file__).parent
EXAMPLE = HERE.parents[2] / "examples" / "digits"
STRICT = "-std=c99 -O1 -g -Wall -Wextra -Werror -pedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes"
SANITIZED = "-fsanitize=address,undefined -fno-sanitize-recover=all"
COUNTER = {"event_words": 1, "event_ticks": 2, "out_words": 3, "out_ticks": 4, "saturations": 5}

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler on PATH")


def compile_c(build, folder, main, *extra, classes=None, edit=None):
    """Write the C project of a build, and compile `main` with it; the program.

    `edit` changes the text of spikeloom_build.c.
    """
    project = write_c_project(build, folder / "c", classes=classes)
    if edit is not None:
        source = project / "spikeloom_build.c"
        source.write_text(edit(source.read_text()))
    names = ("spikeloom_link.c", "spikeloom.c", "spikeloom_load.c")
    names += ("spikeloom_build.c", "spikeloom_samples.c")
    sources = [main or project / "pico" / "main.c", *(project / name for name in names)]
    sources += [project / "posix" / "spikeloom_posix.c"]
    if main is None:
        sources += [project / "posix" / "pico_stub.c"]
    program = folder / "program"
    include = [f"-I{project}", f"-I{project / 'posix'}"]
    command = ["cc", *STRICT.split(), *SANITIZED.split(), *extra, *include, "-o", program, *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return program


def board_of(build):
    params = HostLinkParams(bit_cycles=4, window=4, clock_hz=25_000_000, build_id=build_id(build.path))
    return SimulatedBoard(build, params, optimise=1)


def run_c(command, *, stdin=b"", **environment):
    """Lines that a program printed, by their first word; a sanitizer's finding fails it."""
    done = subprocess.run(
        [str(word) for word in command], input=stdin, capture_output=True, timeout=300,
        env={**os.environ, **environment}, check=False,
    )  # fmt: skip
    assert done.stderr == b""
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    return done.returncode, lines


def exercise(build, x, program, cable, *, timeout_ms=1000):
    """What exercise.c says of the board behind `cable`, checked against the golden model."""
    expected = run_engine("golden", build, x).output
    readout = build.plan.accelerator.readout
    with terminal(cable) as path:
        words = (program, path, timeout_ms, len(x), x.shape[1])
        code, lines = run_c(words, stdin=np.ascontiguousarray(x).tobytes())
    assert code == 0, lines[-1]
    scores = np.zeros((len(x), build.plan.accelerator.output_neurons), np.int64)
    if readout is not ReadoutKind.CLASS:
        scores = expected if readout is ReadoutKind.COUNTS else expected.sum(1, dtype=np.int64)
    winners = decide_output(build.qnet, readout, expected)
    wanted = [
        ["run", str(n), "winner", str(winners[n]), "scores", *map(str, scores[n])]
        for n in [*range(len(x)), 0, 0]
    ]
    assert [line for line in lines if line[0] == "run"] == wanted
    assert tokens_of(lines, expected, readout) == 0
    assert ["echo", "ok"] in lines
    assert ["outside", "-9", "-9"] in lines
    assert ["too", "long", "-9"] in lines
    streamed = [int(line[3]) for line in lines if line[0] == "stream"]
    one_by_one = [sum(line[:2] == ["token", str(n)] for line in lines) for n in range(len(x))]
    assert streamed == one_by_one
    return lines


def tokens_of(lines, expected, readout):
    """How many values differ from those that the tokens said, one by one."""
    found = np.zeros_like(expected)
    for _, sample, step, index, value in (line for line in lines if line[0] == "token"):
        at = (int(sample), int(step), int(index))
        if readout is ReadoutKind.CLASS:
            found[at[0]] = at[2]
        elif readout is ReadoutKind.COUNTS:
            found[at[0], at[2]] = int(value)
        else:
            found[at] += int(value)
    return np.count_nonzero(found != expected)


def counters(lines, which):
    """Counters that were read the `which`-th time."""
    return [int(word) for word in [line for line in lines if line[0] == "counters"][which][1:]]


def digits_build(folder):
    calibration = EXAMPLE / "digits_calibration.npz"
    options = CompileOptions()
    return compile_model(EXAMPLE / "digits.nir", folder, options=options, calibration=calibration).build


def test_the_example_of_the_pico_classifies_digits(tmp_path):
    build = digits_build(tmp_path / "build")
    names = ["null", "eins", "zwei", "drei", "vier", "fünf", "sechs??/", 'sie"ben', "acht\\", "neun"]
    program = compile_c(build, tmp_path, None, classes=names)
    with terminal(board_of(build)) as path:
        code, lines = run_c([program], SPIKELOOM_PORT=path)
    vectors = build.vectors()
    assert vectors is not None
    winners = vectors.output.sum(1).argmax(1)
    said = [" ".join(line[2:]) for line in lines if line[0] == "sample"]
    assert said == [f"{names[winner]}, as expected" for winner in winners]
    assert (code, lines[0], lines[-1]) == (0, ["a", "board", "at", "25000000", "Hz"], ["all", "right"])


def test_everything_on_real_digits(tmp_path):
    build = digits_build(tmp_path / "build")
    x = load_samples(EXAMPLE / "digits_test.npz", shape=(64,), limit=6).x
    program = compile_c(build, tmp_path, HERE / "exercise.c")
    lines = exercise(build, x, program, board_of(build))
    assert lines[0] == ["clock", "25000000", "window", "4"]
    before, after = counters(lines, 0), counters(lines, 1)
    used = {name: after[at] - before[at] for name, at in COUNTER.items()}
    assert used["event_words"] == x.sum() + used["event_ticks"]
    assert used["event_ticks"] == used["out_ticks"] == 6 * x.shape[1]
    assert used["saturations"] == sum(run_golden(build.qnet, x).saturations.values())
    assert after[6:] == [0, 0, 0]
    assert lines[-1] == ["statistics", "0", "0", "0", "0"]


@pytest.fixture(scope="module")
def tiny(small, tmp_path_factory):
    build = read_build(small.build)
    folder = tmp_path_factory.mktemp("exercise")
    slots = ("-DSPIKELOOM_SEND_SLOTS=1", "-DSPIKELOOM_RECEIVE_SLOTS=1")
    program = compile_c(build, folder, HERE / "exercise.c", *slots)
    return build, program, load_samples(small.data, shape=(6,)).x


@pytest.mark.parametrize("kind", [*FAULTS, None], ids=str)
def test_faults_on_the_cable(tiny, kind):
    """A slot each way, so every command finds output in its way."""
    build, program, x = tiny
    cable = FaultyPort(board_of(build), rate=0.004, kinds=[kind] if kind else [], seed=3)
    lines = exercise(build, x[:10], program, cable, timeout_ms=20)
    assert sum(cable.injected.values()) >= 3
    assert lines[-1][0] == "statistics"


def li(n, r):
    return {"type": "LI", "tau": np.full(n, 1e-3), "r": np.full(n, r), "v_leak": np.zeros(n)}


def built(folder, nodes, shape, most, **plan):
    """A build of a chain of nodes, and data with counts up to `most`."""
    rng = np.random.default_rng(5)
    x = rng.integers(0, most + 1, (6, 5, *shape)).astype(np.uint8)
    np.savez(folder / "data.npz", x=x)
    model = write(folder / "model.nir", nodes)
    options = CompileOptions(plan=PlanOptions(**plan))
    return compile_model(model, folder / "build", options=options, calibration=folder / "data.npz").build, x


def membranes(folder):
    """Values in, membranes out."""
    weight = np.random.default_rng(6).normal(0, 0.3, (4, 6))
    graph = chain(affine(weight, [0.1, 0, -0.2, 0]), li(4, 10.0), inputs=(6,), outputs=(4,))
    return built(folder, graph, (6,), 9, input_values="values")


def map_of_spikes(folder):
    """Neurons that the hardware numbers channels-last."""
    weight = np.random.default_rng(7).normal(0.2, 0.4, (3, 2, 2, 2))
    layer = {"type": "LIF", **{k: np.broadcast_to(v, (3, 3, 3)) for k, v in lif(1).items() if k != "type"}}
    return built(folder, chain(conv(weight), layer, inputs=(2, 4, 4), outputs=(3, 3, 3)), (2, 4, 4), 1)


def reduced(readout):
    def make(folder):
        weight = np.random.default_rng(8).normal(0.3, 0.5, (5, 6))
        graph = chain(affine(weight), lif(5), inputs=(6,), outputs=(5,))
        return built(folder, graph, (6,), 1, readout=readout)

    return make


@pytest.mark.parametrize(
    "make", [membranes, map_of_spikes, reduced(ReadoutKind.COUNTS), reduced(ReadoutKind.CLASS)],
    ids=["membranes", "maps", "counts", "class"],
)  # fmt: skip
def test_every_readout(make, tmp_path):
    build, x = make(tmp_path)
    program = compile_c(build, tmp_path, HERE / "exercise.c")
    lines = exercise(build, x, program, board_of(build))
    assert lines[-1] == ["statistics", "0", "0", "0", "0"]


@pytest.mark.parametrize("rate", [0.0, 0.003])
def test_memories_are_loaded(tmp_path, rate):
    """Refused before; what is loaded runs, what was not kept does not; also on a bad cable."""
    build = loaded_build(tmp_path / "build", seed=1)
    x = (np.random.default_rng(3).random((1, 8, 9)) < 0.5).astype(np.uint8)
    slots = ("-DSPIKELOOM_SEND_SLOTS=1", "-DSPIKELOOM_RECEIVE_SLOTS=1") if rate else ()
    program = compile_c(build, tmp_path, HERE / "load.c", *slots)
    cable = FaultyPort(loaded_board(build), rate=rate, kinds=["flip", "drop", "burst"], seed=5)
    image = build.path / "load" / "memories.bin"
    with terminal(cable) as path:
        command = (program, path, 1000 if not rate else 20, x.shape[1], image)
        code, lines = run_c(command, stdin=x.tobytes())
    scores = " ".join(map(str, run_engine("golden", build, x).output[0].sum(0)))
    unloaded, right = ["held 0 nothing", "run -10"], ["held 0 it", f"run 0 {scores}"]
    wanted = ["open 0", *reversed(unloaded), "load 0", *right, "load -11", *unloaded]
    assert [" ".join(line) for line in lines] == [*wanted, "load -11", "load 0", "open 0", *right]
    assert code == 0
    assert bool(cable.injected.total()) == bool(rate)


def test_nobody_and_the_wrong_board(small, tiny, tmp_path):
    build, program, x = tiny
    data = np.ascontiguousarray(x[:1]).tobytes()

    class Nobody:
        def write(self, data):
            pass

        def read(self, timeout_s):
            return b""

    with terminal(Nobody()) as path:
        code, lines = run_c((program, path, 1, 1, x.shape[1]), stdin=data)
    assert (code, lines[-1][:3]) == (1, ["error", "-1", "open:"])
    other = compile_c(
        build, tmp_path, HERE / "exercise.c", edit=lambda text: text.replace("{0x", "{0x01 ^ 0x", 1)
    )
    with terminal(board_of(build)) as path:
        code, lines = run_c((other, path, 1000, 1, x.shape[1]), stdin=data)
    assert (code, lines[-1][:3]) == (1, ["error", "-6", "open:"])


def test_files_that_cannot_be_written(cli, small, tmp_path):
    text = cli("firmware", small.build, "--classes", "a,b").error()
    assert text == "Classes of model must have 3 names, separated by commas, not 2"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("not a driver")
    assert "mine" in cli("firmware", small.build, "-o", tmp_path / "mine").error()


def test_the_command_writes_everything(cli, small, tmp_path):
    for _ in range(2):
        assert cli("firmware", small.build, "-o", tmp_path / "out", "--baud", 115200).code == 0
    names = {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert names >= {"spikeloom.h", "spikeloom_link.c", "spikeloom_build.h", "main.c", "CMakeLists.txt"}
    assert "#define SPIKELOOM_BAUD 115200" in (tmp_path / "out" / "spikeloom_build.h").read_text()
