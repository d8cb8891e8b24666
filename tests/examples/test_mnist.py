"""The committed MNIST network reaches what examples/mnist/README.md says, on data made by its own script."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from spikeloom.gen.importer import load_network
from spikeloom.sim.data import load_samples
from spikeloom.sim.decision import accuracy, decide
from spikeloom.sim.golden.reference import run_float

ROOT = Path(__file__).parents[2]
MNIST = ROOT / "examples" / "mnist"
DATA = ROOT.parent / "shared" / "data" / "mnist" / "mnist.npz"

needs_data = pytest.mark.skipif(not DATA.exists(), reason="the MNIST file is not beside the project")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that make_data.py writes."""
    folder = tmp_path_factory.mktemp("mnist")
    subprocess.run([sys.executable, MNIST / "make_data.py", DATA, "-o", folder], check=True)
    return folder


@needs_data
def test_float_accuracy_of_all_test_images(folder: Path) -> None:
    network = load_network(MNIST / "mnist_784_128_10.nir")
    test = load_samples(folder / "mnist_test.npz", shape=(784,))
    right = []
    for part in range(0, 10_000, 1000):  # keeps memory small
        x, y = test.x[part : part + 1000], test.y[part : part + 1000] if test.y is not None else None
        right.append(accuracy(decide(network, run_float(network, x)), y))
    assert np.mean(right) == pytest.approx(0.9853, abs=0.0005)


@needs_data
def test_float_accuracy_of_convolutions(folder: Path) -> None:
    network = load_network(MNIST / "mnist_conv.nir")
    test = load_samples(folder / "mnist_conv_test.npz", shape=(1, 28, 28))
    assert test.x.shape == (10_000, 4, 1, 28, 28)
    assert test.y is not None
    x, y = test.x[:3000], test.y[:3000]  # the hardest; all together 99.34 %
    assert accuracy(decide(network, run_float(network, x, keep=())), y) == pytest.approx(
        2966 / 3000, abs=0.001
    )


@needs_data
def test_an_image_is_about_300_spikes_and_never_600(folder: Path) -> None:
    for name, count in (("test", 10_000), ("calibration", 1000)):
        x = load_samples(folder / f"mnist_{name}.npz", shape=(784,)).x
        spikes = x.sum(axis=(1, 2), dtype=np.int64)
        assert x.shape == (count, 10, 784)
        assert spikes.max() < 600
        assert spikes.mean() == pytest.approx(300, abs=2)
