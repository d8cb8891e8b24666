"""Every verb of the command line: what it prints, what it writes, how it ends."""

from __future__ import annotations

import json
import re
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from spikeloom.gen.build_dir import read_build
from spikeloom.gen.manifest import MANIFEST, file_hash
from spikeloom.hw.boards.registry import BOARDS

from .cli_runner import Cli, Small

RUN_KEYS = {
    "samples",
    "accuracy",
    "accuracy_float",
    "accuracy_golden",
    "mismatches",
    "cycles_per_sample",
    "predicted_cycles_per_sample",
    "dense_cycles_per_sample",
    "input_spikes",
    "synaptic_ops",
    "saturations",
    "wall_s",
}
BUILD_KEYS = {
    "luts",
    "ffs",
    "block_rams",
    "dsps",
    "fmax_mhz",
    "board",
    "device",
    "bitstream",
    "tools",
    "wall_s",
}


def test_version(cli: Cli) -> None:
    outcome = cli("--version")
    assert (outcome.code, outcome.out) == (0, f"spikeloom {version('spikeloom')}\n")


@pytest.mark.parametrize("words", [("--help",), ("compile", "--help"), ("encode", "--help")])
def test_help(cli: Cli, words: tuple[str, ...]) -> None:
    outcome = cli(*words)
    assert outcome.code == 0
    assert "Usage" in outcome.out


def test_no_command_shows_the_help(cli: Cli) -> None:
    outcome = cli()
    assert outcome.code == 2
    assert "Usage" in outcome.out + outcome.err
    for verb in ("demo", "inspect", "compile", "simulate", "verify", "build", "encode", "boards"):
        assert verb in outcome.out + outcome.err


def test_inspect(cli: Cli, small: Small) -> None:
    outcome = cli("inspect", small.model, "--json", "inspect.json")
    assert outcome.code == 0, outcome.err
    for word in ("NIR nodes", "population 'n1'", "11 neurons, 72 synapses", "framework = snntorch"):
        assert word in outcome.out
    table = json.loads(Path("inspect.json").read_text())
    assert [p["neurons"] for p in table["populations"]] == [8, 3]


def test_inspect_with_other_semantics(cli: Cli, small: Small) -> None:
    outcome = cli("inspect", small.model, "--semantics", "norse,reset=subtract", "--dt", "1e-4")
    assert outcome.code == 0, outcome.err
    assert "semantics norse, 0.0001 s a step" in outcome.out
    assert "late_value" not in outcome.out


def test_compile(cli: Cli, small: Small) -> None:
    outcome = cli("compile", small.model, "-o", "out", "--calibrate", small.data, "--json", "manifest.json")
    assert outcome.code == 0, outcome.err
    assert outcome.err == ""
    for word in ("accuracy, integers", "20 calibration samples", "cycles a sample (predicted)", "out"):
        assert word in outcome.out
    assert json.loads(Path("manifest.json").read_text()) == json.loads(Path("out", MANIFEST).read_text())


def test_compile_names_the_folder_after_the_model(cli: Cli, small: Small) -> None:
    assert cli("compile", small.model).code == 0
    assert Path(f"{small.model.stem}_build/manifest.json").is_file()


def test_compile_takes_every_option(cli: Cli, small: Small) -> None:
    options = "--semantics snntorch --dt 1e-4 --weight-bits 5 --state-bits 14 --lanes 2 --update-lanes 1"
    more = "--readout class --board ulx3s_85f --debug"
    outcome = cli("compile", small.model, "-o", "out", *options.split(), *more.split())
    assert outcome.code == 0, outcome.err
    build = read_build("out")
    params = build.plan.accelerator
    assert [core.array.weight_bits for core in params.cores] == [5, 5]
    assert [core.neuron.state_bits for core in params.cores] == [14, 14]
    assert [(core.array.lanes, core.update_lanes) for core in params.cores] == [(2, 1), (2, 1)]
    assert (params.readout, params.debug, build.plan.options.board) == ("class", True, "ulx3s_85f")


def test_compile_reads_its_own_options_back(cli: Cli, small: Small) -> None:
    """Without the calibration set, the options of a build give the same integers and the same RTL."""
    outcome = cli("compile", small.model, "-o", "out", "--options", small.build / "options.toml")
    assert outcome.code == 0, outcome.err
    for name in ("quantised.npz", "rtl/accelerator.il", "rtl/accelerator.v"):
        assert Path("out", name).read_bytes() == (small.build / name).read_bytes()


def test_the_command_line_overrides_the_options_file(cli: Cli, small: Small) -> None:
    Path("o.toml").write_text('[plan]\nlanes = 4\nreadout = "counts"\n[quantise]\nweight_bits = 6\n')
    outcome = cli("compile", small.model, "-o", "out", "--options", "o.toml", "--lanes", "1")
    assert outcome.code == 0, outcome.err
    params = read_build("out").plan.accelerator
    assert [core.array.lanes for core in params.cores] == [1, 1]
    assert (params.readout, params.cores[0].array.weight_bits) == ("counts", 6)


def test_compile_twice_gives_the_same_bytes(cli: Cli, small: Small) -> None:
    for out in ("one", "two"):
        assert cli("compile", small.model, "-o", out, "--calibrate", small.data).code == 0
    files = sorted(p.relative_to("one") for p in Path("one").rglob("*") if p.is_file())
    assert len(files) > 8
    assert all((Path("one") / f).read_bytes() == (Path("two") / f).read_bytes() for f in files)


@pytest.mark.parametrize("engine", ["golden", "cxxrtl"])
def test_simulate(cli: Cli, small: Small, engine: str) -> None:
    outcome = cli("simulate", small.build, small.data, "--engine", engine, "--json", "run.json")
    assert outcome.code == 0, outcome.err
    table = json.loads(Path("run.json").read_text())
    assert table.keys() >= RUN_KEYS
    assert (table["samples"], table["steps"], table["mismatches"]) == (20, 7, 0)
    assert 0 <= table["accuracy"] <= 1
    assert table["accuracy"] == table["accuracy_golden"]
    assert (table["cycles_per_sample"] is None) == (engine == "golden")
    assert f"accuracy, {engine}" in outcome.out


def test_verify(cli: Cli, small: Small) -> None:
    outcome = cli("verify", small.build, small.data, "--limit", "8", "--json", "verify.json")
    assert outcome.code == 0, outcome.err
    table = json.loads(Path("verify.json").read_text())
    assert table.keys() >= RUN_KEYS
    assert (table["samples"], table["mismatches"], table["cycle_mismatches"]) == (8, 0, 0)
    assert table["compared"] == 8 * 7 * 3
    assert table["cycles_per_sample"] == table["predicted_cycles_per_sample"] > 7
    assert "0 of 168 values" in outcome.out


def test_activity(cli: Cli, small: Small) -> None:
    outcome = cli("activity", small.build, small.data, "--limit", "3", "--json", "activity.json")
    assert outcome.code == 0, outcome.err
    table = json.loads(Path("activity.json").read_text())
    assert (table["samples"], table["steps"], table["mismatches"]) == (3, 7, 0)
    assert table["memory_bits"] == sum(
        core[key] for core in table["traffic"] for key in ("weights", "accumulators", "states", "parameters")
    )
    assert "core_n3.lif" in outcome.out


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param("icarus", marks=pytest.mark.icarus),
        pytest.param("verilator", marks=pytest.mark.verilator),
    ],
)
def test_verify_in_a_verilog_simulator(cli: Cli, small: Small, engine: str) -> None:
    outcome = cli("verify", small.build, small.data, "--engine", engine, "--limit", "3")
    assert outcome.code == 0, outcome.err
    assert "0 of 63 values" in outcome.out


def test_verify_names_what_differs(cli: Cli, small: Small) -> None:
    """The RTL of the build has other weights: exit code 1, and where it shows."""
    shutil.copytree(small.build, "broken")
    invert_weights(Path("broken"), core="n3")
    outcome = cli("verify", "broken", small.data, "--json", "verify.json")
    assert outcome.code == 1
    table = json.loads(Path("verify.json").read_text())
    assert (table["mismatches"] > 0, table["ok"]) == (True, False)
    first = table["first_mismatches"][0]
    assert first["population"] == "n3"
    where = f"sample {first['sample']}, step {first['step']}, population n3, neuron {first['neuron']}"
    assert f"{where}: spike {first['got']}, expected {first['expected']}" in outcome.out


def invert_weights(build: Path, *, core: str) -> None:
    """Invert every bit of the weight memory of a core, and sign the result."""
    name = "rtl/accelerator.il"
    rtlil = (build / name).read_text()
    head, module, tail = rtlil.partition(f"module \\accelerator_core_{core}_array_memory_weights\n")
    body, end, rest = tail.partition("\nend\n")
    assert module, "the weight memory has another name now"
    inverted, count = re.subn(
        r"(?<=connect \\DATA )(\d+)'([01]+)",
        lambda data: f"{data[1]}'{data[2].translate(str.maketrans('01', '10'))}",
        body,
    )
    assert count == 1
    (build / name).write_text(head + module + inverted + end + rest)
    sign(build, name)


def sign(build: Path, name: str) -> None:
    """Give the manifest the hash of a file that was changed."""
    manifest = json.loads((build / MANIFEST).read_text())
    manifest["files"][name]["sha256"] = file_hash(build / name)
    manifest["files"][name]["bytes"] = (build / name).stat().st_size
    (build / MANIFEST).write_text(json.dumps(manifest, indent=2))


def test_data_without_labels(cli: Cli, small: Small) -> None:
    np.savez("x.npz", x=np.load(small.data)["x"])
    outcome = cli("verify", small.build, "x.npz", "--json", "verify.json")
    assert outcome.code == 0, outcome.err
    table = json.loads(Path("verify.json").read_text())
    assert [table[key] for key in ("accuracy", "accuracy_golden", "accuracy_float")] == [None] * 3
    assert "the data has no labels, so no accuracy is known" in outcome.out


@pytest.mark.build
def test_build_synth_only(cli: Cli, small: Small) -> None:
    shutil.copytree(small.build, "out")
    outcome = cli("build", "out", "--board", "icebreaker", "--synth-only", "--json", "build.json")
    assert outcome.code == 0, outcome.err
    table = json.loads(Path("build.json").read_text())
    assert table.keys() >= BUILD_KEYS
    assert (table["board"], table["device"], table["bitstream"]) == ("icebreaker", "iCE40UP5K", None)
    assert table["luts"] > 0


@pytest.mark.build
def test_build_makes_a_bitstream(cli: Cli, small: Small) -> None:
    shutil.copytree(small.build, "out")
    outcome = cli("build", "out", "--board", "icebreaker", "--seed", "3", "--json", "build.json")
    assert outcome.code == 0, outcome.err
    table = json.loads(Path("build.json").read_text())
    assert table.keys() >= BUILD_KEYS
    assert Path(table["bitstream"]).stat().st_size > 10_000
    assert table["fmax_mhz"] > 12
    assert f"{BOARDS['icebreaker'].programmer} {table['bitstream']}" in outcome.out


@pytest.mark.slow
@pytest.mark.build
def test_demo(cli: Cli) -> None:
    outcome = cli("demo", "--json", "demo.json")
    assert outcome.code == 0, outcome.err
    table = json.loads(Path("demo.json").read_text())
    assert table.keys() == {"verify", "build", "us_per_sample", "wall_s", "ok", "directory"}
    assert table["verify"].keys() >= RUN_KEYS
    assert table["build"].keys() >= BUILD_KEYS
    assert (table["verify"]["samples"], table["verify"]["mismatches"], table["ok"]) == (450, 0, True)
    assert table["verify"]["accuracy"] > 0.97
    assert Path(table["build"]["bitstream"]).is_file()
    for word in ("0 mismatches in 54000 values", "demo/summary.md", "Assumed, because the file does not say"):
        assert word in outcome.out


def test_encode(cli: Cli) -> None:
    np.savez("in.npz", x=np.linspace(0, 1, 12).reshape(2, 6), y=np.array([1, 0]))
    for out in ("a.npz", "b.npz"):
        outcome = cli("encode", "in.npz", "-o", out, "--rate", "--steps", "20", "--seed", "4")
        assert outcome.code == 0, outcome.err
    assert "2 samples of 20 steps, 6 channels" in outcome.out
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes()
    with np.load("a.npz") as data:
        assert data["x"].shape == (2, 20, 6)
        assert list(data["y"]) == [1, 0]
        assert list(data["x"][1, :, 5]) == [1] * 20


@pytest.mark.parametrize(
    "words",
    [
        ("--latency", "--steps", "9"),
        ("--threshold", "0.5", "--steps", "9"),
        ("--direct", "--max-value", "16", "--steps", "9"),
    ],
)
def test_other_encodings(cli: Cli, words: tuple[str, ...]) -> None:
    np.savez("in.npz", x=np.linspace(0, 1, 12).reshape(2, 6))
    assert cli("encode", "in.npz", "-o", "out.npz", *words).code == 0
    with np.load("out.npz") as data:
        assert data["x"].shape == (2, 9, 6)
        assert data["x"].any()


def test_boards(cli: Cli) -> None:
    outcome = cli("boards", "--json", "boards.json")
    assert outcome.code == 0, outcome.err
    table = json.loads(Path("boards.json").read_text())
    assert {"ulx3s_85f", "icebreaker", "orangecrab", "tang_nano_9k"} <= table.keys()
    assert all(name in outcome.out for name in table)
    assert table["icebreaker"]["device"]["luts"] == 5280


def test_output_to_a_pipe_is_plain(cli: Cli, small: Small) -> None:
    outcome = cli("verify", small.build, small.data)
    assert "\x1b" not in outcome.out + outcome.err
    assert outcome.err == ""
