"""Analog pixels straight into the first layer: data, `.nir`, compile, verify, self-test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from spikeloom.gen.build_dir import Build, read_build
from spikeloom.gen.errors import UserError
from spikeloom.gen.plan import PlanOptions, make_plan
from spikeloom.gen.quantise import QuantiseOptions, quantise
from spikeloom.gen.toolchain.tops import selftest_params
from spikeloom.hw.signatures import input_layout
from spikeloom.sim.compile import CompileOptions, CompileResult, compile_model
from spikeloom.sim.data import Samples
from spikeloom.sim.encode_file import encode_file
from spikeloom.sim.engines.run import EngineOptions
from spikeloom.sim.engines.select import run_engine
from spikeloom.sim.verify import verify

from ..gen.nir_files import affine, chain, lif, write

STEPS = 6


@dataclass(frozen=True)
class Digits:
    model: Path
    samples: Samples
    result: CompileResult

    @property
    def build(self) -> Build:
        return self.result.build


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Digits:
    """Pixels 0 .. 16, scaled to 0 .. 1 inside the model, through a linear classifier into LIF neurons."""
    datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn holds the digits' pixels")
    pixels, labels = datasets.load_digits(return_X_y=True)
    folder = tmp_path_factory.mktemp("digits")
    np.savez(folder / "pixels.npz", x=pixels.astype(np.uint8), y=labels)
    weight, bias = least_squares(pixels[:1000] / 16, labels[:1000])
    scale = {"type": "Scale", "scale": np.full(64, 1 / 16)}
    model = write(
        folder / "model.nir", chain(scale, affine(weight, bias), lif(10), inputs=(64,), outputs=(10,))
    )
    samples = encode_file(folder / "pixels.npz", folder / "data.npz", "direct", steps=STEPS)
    options = CompileOptions(plan=PlanOptions(debug=True))
    result = compile_model(model, folder / "build", options=options, calibration=folder / "data.npz")
    return Digits(model, samples, result)


def least_squares(x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias whose output is near 0.5 for the right class, and 0 for others."""
    design = np.hstack([x, np.ones((len(x), 1))])
    target = 0.5 * (labels[:, None] == np.arange(10))
    solution = np.linalg.solve(design.T @ design + 3 * np.eye(65), design.T @ target)
    return solution[:64].T, solution[64]


def test_rtl_of_analog_pixels_equals_golden(digits: Digits, monkeypatch, request) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(request.config.cache.mkdir("spikeloom")))
    build = read_build(digits.build.path)
    assert build.qnet.input_max == 16
    assert build.plan.accelerator.input_value_bits == 5
    assert any("a value of 5 bits" in note for note in build.plan.notes)
    assert digits.samples.y is not None
    x, y = digits.samples.x[1000:1100], digits.samples.y[1000:1100]
    result = verify(build, x, y)
    assert result.ok, result.first_mismatches
    assert result.states_compared
    assert result.accuracy is not None
    assert result.accuracy_float is not None
    assert result.accuracy > max(0.85, result.accuracy_float - 0.03)
    rest = EngineOptions(gap=0.3, stall=0.3, shuffle=True, seed=2)
    assert verify(build, x[:20], y[:20], options=rest).ok


def test_another_simulator(digits: Digits, tmp_path: Path) -> None:
    """The emitted Verilog under cocotb."""
    pytest.importorskip("cocotb")
    build = digits.build
    run = run_engine("icarus", build, digits.samples.x[:2], options=EngineOptions())
    golden = run_engine("golden", build, digits.samples.x[:2])
    np.testing.assert_array_equal(run.output, golden.output)


def test_a_token_a_pixel(digits: Digits) -> None:
    """Cycles are those of the pixels that are not 0, not of their sum."""
    sample = digits.samples.x[:256].astype(int)
    tokens, events = (x.sum() / len(sample) for x in ((sample > 0), sample))
    assert digits.result.input_spikes_per_sample == events
    assert tokens < digits.result.predicted_cycles_per_sample < tokens + 100 < events


def test_selftest_words(digits: Digits) -> None:
    """The words of the board's self-test are the tokens that the engines send."""
    params = digits.build.plan.accelerator
    layout = input_layout(params)
    assert list(layout.members) == ["index", "value", "tick", "last"]
    words = selftest_params(digits.build).tokens
    assert all(0 <= word < 1 << layout.size for word in words)
    samples = np.zeros((STEPS, 64), int)
    step = 0
    for word in words:
        token = layout.from_bits(word)
        if token.tick:
            step += 1
        else:
            samples[step, token.index] = token.value
    vectors = digits.build.vectors()
    assert vectors is not None
    assert any(np.array_equal(samples, x) for x in vectors.x)


def test_the_planner_chooses(digits: Digits) -> None:
    network, x = digits.build.network, digits.samples.x[:50]
    qnet, _ = quantise(network, QuantiseOptions(input_max=255))
    rare = (np.arange(1000) % 100 == 0) * 200 + 1

    def bits(form: str, sample: np.ndarray | None = None) -> int:
        return make_plan(qnet, PlanOptions(input_values=form), sample=sample).accelerator.input_value_bits

    assert (bits("auto"), bits("values"), bits("events")) == (8, 8, 0)
    assert (bits("auto", x), bits("auto", np.ones(5, int)), bits("auto", rare)) == (8, 0, 8)
    few, _ = quantise(network, QuantiseOptions(input_max=3))
    assert make_plan(few).accelerator.input_value_bits == 0
    with pytest.raises(UserError, match=r"^Option input_values must be one of auto, events, values, not x$"):
        PlanOptions(input_values="x")
