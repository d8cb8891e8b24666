"""The example networks on their RTL: whole data sets compiled, and the Verilog under random back-pressure."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from spikeloom.gen.build_dir import Build
from spikeloom.gen.plan import PlanOptions
from spikeloom.gen.quantise import PopulationOptions, QuantiseOptions
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.data import load_samples
from spikeloom.sim.engines.run import EngineOptions
from spikeloom.sim.verify import verify

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
MNIST = ROOT.parent / "shared" / "data" / "mnist" / "mnist.npz"
PRESSURE = EngineOptions(gap=0.3, stall=0.4, shuffle=True, seed=7)
SIMULATORS = [pytest.param(name, marks=getattr(pytest.mark, name)) for name in ("icarus", "verilator")]

needs_mnist = pytest.mark.skipif(not MNIST.exists(), reason="the MNIST file is not beside the project")
# All tests of a network in one worker: they share its data and its builds.
on_digits = pytest.mark.xdist_group("digits")
on_mnist = pytest.mark.xdist_group("mnist")


def weights_of(bits: int) -> CompileOptions:
    return CompileOptions(quantise=QuantiseOptions(defaults=PopulationOptions(weight_bits=bits)))


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Build:
    folder = EXAMPLES / "digits"
    calibration = folder / "digits_calibration.npz"
    return compile_model(
        folder / "digits.nir", tmp_path_factory.mktemp("digits") / "out", calibration=calibration
    ).build


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory):
    """Return a function from weight bits to a build; the folder holds the data too."""
    folder = tmp_path_factory.mktemp("mnist")
    script = EXAMPLES / "mnist" / "make_data.py"
    subprocess.run([sys.executable, script, MNIST, "-o", folder], check=True)
    builds = {}

    def build(bits: int) -> tuple[Build, Path]:
        if bits not in builds:
            model, data = EXAMPLES / "mnist/mnist_784_128_10.nir", folder / "mnist_calibration.npz"
            compiled = compile_model(model, folder / f"{bits}", options=weights_of(bits), calibration=data)
            builds[bits] = compiled.build
        return builds[bits], folder / "mnist_test.npz"

    return build


@on_digits
def test_all_digits(digits: Build) -> None:
    test = load_samples(EXAMPLES / "digits/digits_test.npz", shape=(64,))
    result = verify(digits, test.x, test.y)
    assert (result.samples, result.mismatches, result.cycle_mismatches) == (450, 0, 0)
    assert result.accuracy == result.accuracy_golden
    assert result.accuracy is not None
    assert result.accuracy_float is not None
    assert result.accuracy >= result.accuracy_float - 0.01


@on_digits
@pytest.mark.parametrize("engine", SIMULATORS)
def test_digits_as_verilog_under_back_pressure(digits: Build, engine: str) -> None:
    test = load_samples(EXAMPLES / "digits/digits_test.npz", shape=(64,), limit=4)
    result = verify(digits, test.x, test.y, engine=engine, options=PRESSURE)
    assert (result.mismatches, result.compared) == (0, 4 * 12 * 10)


@needs_mnist
@on_mnist
@pytest.mark.slow
@pytest.mark.parametrize(("bits", "most_lost"), [(8, 0.002), (6, 0.004), (4, 0.01)])
def test_mnist_images(mnist, bits: int, most_lost: float) -> None:
    """A tenth of the test set, all of which bench/mnist_rtl.py runs; an image of it weighs 0.1 points."""
    build, data = mnist(bits)
    test = load_samples(data, shape=(784,), limit=1000)
    result = verify(build, test.x, test.y)
    assert (result.mismatches, result.cycle_mismatches) == (0, 0)
    assert result.accuracy is not None
    assert result.accuracy_float is not None
    assert result.accuracy >= result.accuracy_float - most_lost - 0.002


@needs_mnist
@on_mnist
@pytest.mark.slow
@pytest.mark.parametrize("engine", SIMULATORS)
def test_mnist_as_verilog_under_back_pressure(mnist, engine: str) -> None:
    build, data = mnist(8)
    test = load_samples(data, shape=(784,), limit=2)
    result = verify(build, test.x, test.y, engine=engine, options=PRESSURE)
    assert (result.mismatches, result.compared) == (0, 2 * 10 * 10)


@needs_mnist
@pytest.mark.slow
def test_convolutions(tmp_path: Path) -> None:
    script, model = EXAMPLES / "mnist" / "make_data.py", EXAMPLES / "mnist" / "mnist_conv.nir"
    subprocess.run([sys.executable, script, MNIST, "-o", tmp_path], check=True)
    options = CompileOptions(plan=PlanOptions(lanes=48, readout="class"))
    calibration = tmp_path / "mnist_conv_calibration.npz"
    build = compile_model(model, tmp_path / "out", options=options, calibration=calibration).build
    test = load_samples(tmp_path / "mnist_conv_test.npz", shape=(1, 28, 28), limit=60)
    result = verify(build, test.x, test.y)
    assert (result.mismatches, result.cycle_mismatches, result.compared) == (0, 0, 60)
    assert result.accuracy == result.accuracy_float == 1
