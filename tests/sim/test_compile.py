"""The whole compile as the Python API offers it."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from spikeloom.gen.build_dir import read_build
from spikeloom.gen.errors import UserError
from spikeloom.gen.plan import PlanOptions
from spikeloom.gen.quantise import PopulationOptions, QuantiseOptions
from spikeloom.gen.resources.model import predict_resources
from spikeloom.hw.boards.registry import BOARDS
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.compile_options import read_options
from spikeloom.sim.data import load_samples
from spikeloom.sim.golden import run_golden
from spikeloom.sim.verify import simulate

from ..cli_runner import Small, small_model


def test_the_build_is_what_was_returned(small: Small, tmp_path: Path) -> None:
    steps = []
    result = compile_model(small.model, tmp_path / "out", calibration=small.data, progress=steps.append)
    read = read_build(tmp_path / "out")
    assert read.manifest == result.build.manifest
    assert read.plan == result.build.plan
    assert steps == [
        "reading the model",
        "quantising",
        "planning",
        "running the golden model",
        "writing the RTL",
    ]


def test_predictions_are_what_the_rtl_does(small: Small, tmp_path: Path) -> None:
    result = compile_model(small.model, tmp_path / "out", calibration=small.data)
    samples = load_samples(small.data, shape=(6,))
    run = simulate(result.build, samples.x, samples.y)
    assert result.measured_samples == run.samples == 20
    assert result.predicted_cycles_per_sample == run.cycles_per_sample
    assert (result.accuracy_float, result.accuracy_golden) == (run.accuracy_float, run.accuracy_golden)
    assert result.input_spikes_per_sample == run.input_spikes / 20
    predicted = result.build.manifest["predicted"]
    assert predicted["cycles"]["per_sample"] == run.cycles_per_sample
    assert predicted["accuracy"] == {"float": run.accuracy_float, "golden": run.accuracy_golden}


def test_the_vectors_are_what_the_golden_model_says(small: Small) -> None:
    build = read_build(small.build)
    vectors = build.vectors()
    assert vectors is not None
    assert np.array_equal(vectors.x, load_samples(small.data, shape=(6,), limit=4).x)
    assert np.array_equal(vectors.output, run_golden(build.qnet, vectors.x).output)
    assert vectors.output.any()


def test_without_calibration_there_is_seeded_random_input(small: Small, tmp_path: Path) -> None:
    result = compile_model(small.model, tmp_path / "one")
    compile_model(small.model, tmp_path / "two")
    assert (result.measured_samples, result.accuracy_float, result.accuracy_golden) == (0, None, None)
    assert result.predicted_cycles_per_sample > 16
    vectors = result.build.vectors()
    assert vectors is not None
    assert 0.02 < vectors.x.mean() < 0.2
    one, two = (tmp_path / name / "vectors/vectors.npz" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_a_target_chooses_lanes_and_can_be_read_back(small: Small, tmp_path: Path) -> None:
    plan = PlanOptions(board="ulx3s_85f", target="latency")
    options = CompileOptions(plan=plan)
    result = compile_model(small.model, tmp_path / "out", options=options, calibration=small.data)
    lanes = [core.array.lanes for core in result.build.plan.accelerator.cores]
    assert lanes == [8, 3]  # all of such small populations
    text = (result.build.path / "summary.md").read_text()
    assert "target latency: " in text
    assert "limited by: " in text
    read = read_options(result.build.path / "options.toml")
    assert read.plan.target == "latency"
    assert list(read.plan.population_lanes.values()) == lanes
    again = compile_model(small.model, tmp_path / "again", options=read)
    assert again.build.plan.accelerator == result.build.plan.accelerator
    rtl = [(path / "rtl" / "accelerator.v").read_text() for path in (result.build.path, again.build.path)]
    assert rtl[0] == rtl[1]


def test_the_rtl_of_a_planned_build_is_what_was_predicted(small: Small, tmp_path: Path) -> None:
    options = CompileOptions(plan=PlanOptions(target="area"))
    result = compile_model(small.model, tmp_path / "out", options=options, calibration=small.data)
    samples = load_samples(small.data, shape=(6,))
    run = simulate(result.build, samples.x, samples.y)
    assert run.mismatches == run.cycle_mismatches == 0
    assert result.predicted_cycles_per_sample == run.cycles_per_sample


def test_resources_are_predicted_for_a_board(small: Small, tmp_path: Path) -> None:
    plan = PlanOptions(board="icebreaker")
    build = compile_model(small.model, tmp_path / "out", options=CompileOptions(plan=plan)).build
    resources = build.manifest["predicted"]["resources"]
    memories = [core.array.rows * core.array.row_bits for core in build.plan.accelerator.cores]
    device = BOARDS["icebreaker"].device
    predicted = asdict(predict_resources(build.plan.accelerator, device))
    assert resources == {"weight_memory_bits": sum(memories), "board": "icebreaker", **predicted}
    assert 0 < resources["luts"] < device.luts
    assert f"weight_memory_bits {sum(memories)}" in (build.path / "summary.md").read_text()


def test_an_unknown_board_is_found_before_anything_is_written(small: Small, tmp_path: Path) -> None:
    options = CompileOptions(plan=replace(PlanOptions(), board="arty"))
    with pytest.raises(UserError, match="Unknown board arty; there are"):
        compile_model(small.model, tmp_path / "out", options=options)
    assert list(tmp_path.iterdir()) == []


def test_options_file_holds_every_choice(small: Small, tmp_path: Path) -> None:
    """Options that were written give an equal build, and are written again as they were."""
    model = small_model(tmp_path / "model.nir", v_threshold=0.7)
    options = CompileOptions(
        semantics="snntorch,reset=subtract",
        quantise=QuantiseOptions(defaults=PopulationOptions(weight_bits=4, clip="max")),
        plan=PlanOptions(lanes=3, readout="counts", count_bits=9, debug=True),
    )
    first = compile_model(model, tmp_path / "one", options=options, calibration=small.data).build
    again = read_options(first.path / "options.toml")
    second = compile_model(model, tmp_path / "two", options=again).build
    assert again.plan == options.plan
    assert (first.path / "options.toml").read_bytes() == (second.path / "options.toml").read_bytes()
    for name in ("quantised.npz", "network.npz", "rtl/accelerator.v"):
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()


def test_options_of_a_file_that_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "o.toml").write_text("")
    assert read_options(tmp_path / "o.toml") == CompileOptions()
