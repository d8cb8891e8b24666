"""MNIST as spikes: write ``mnist_test.npz`` and ``mnist_calibration.npz``, and both with ``_conv``.

``python examples/mnist/make_data.py [MNIST.npz] [-o FOLDER]``: MNIST.npz is the usual file (``x_train``,
``y_train``, ``x_test``, ``y_test``; by default ``../shared/data/mnist/mnist.npz`` beside the project). The
files appear in this folder, ``x`` uint8 and ``y``, in the order of MNIST.

For the 784-128-10 network, x is (samples, 10 steps, 784). Every image is given the same number of spikes,
whatever its ink: a bold image costs the hardware no more time than a thin one, and the network need not learn
loudness.

For the convolutional one (``mnist_conv_*.npz``), x is (samples, 4 steps, 1, 28, 28): a pixel spikes once, the
sooner the brighter it is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from spikeloom.sim.archive import write_archive
from spikeloom.sim.encode import encode_latency, encode_rate

__all__ = ["CONV_STEPS", "DEFAULT_SOURCE", "INK", "STEPS", "latencies", "rates", "read_mnist"]

HERE = Path(__file__).resolve().parent
DEFAULT_SOURCE = HERE.parents[2] / "shared" / "data" / "mnist" / "mnist.npz"
STEPS = 10
SPIKES = 300  # an image
CONV_STEPS = 4
INK = 0.15  # of a pixel that spikes at all, 0..1
CALIBRATION_SAMPLES = 1000
TEST_SEED, CALIBRATION_SEED = 0, 1  # of the spikes' phases


def read_mnist(path: str | Path = DEFAULT_SOURCE) -> dict[str, np.ndarray]:
    """Images (n, 784) uint8 and labels int64 by their usual names."""
    with np.load(path) as data:
        images = {key: data[key].reshape(-1, 784) for key in ("x_train", "x_test")}
        return images | {key: data[key].astype(np.int64) for key in ("y_train", "y_test")}


def rates(images: np.ndarray) -> np.ndarray:
    """Spikes a step of each pixel, 0..1: `SPIKES` an image, fewer where a pixel would need more than 1."""
    ink = images.astype(np.float64)
    return np.minimum(ink * (SPIKES / STEPS / ink.sum(axis=1, keepdims=True)), 1)


def latencies(images: np.ndarray) -> np.ndarray:
    """Spikes (n, CONV_STEPS, 1, 28, 28) of images (n, 784), one of each pixel with ink."""
    return encode_latency(images.reshape(-1, 1, 28, 28), CONV_STEPS, threshold=INK, low=0, high=255)


def write(path: Path, spikes: np.ndarray, y: np.ndarray) -> None:
    write_archive(path, {"x": spikes, "y": y})
    a_sample = spikes.reshape(len(y), -1).sum(axis=1, dtype=np.int64)
    print(f"{path}: {len(y)} images, {a_sample.mean():.0f} spikes an image, at most {a_sample.max()}")


def main() -> None:
    parser = argparse.ArgumentParser(description="MNIST as spikes")
    parser.add_argument("source", nargs="?", default=DEFAULT_SOURCE, type=Path)
    parser.add_argument("-o", "--output", default=HERE, type=Path, metavar="FOLDER")
    options = parser.parse_args()
    data = read_mnist(options.source)
    few = slice(CALIBRATION_SAMPLES)
    for name, x, y, seed in (
        ("test", data["x_test"], data["y_test"], TEST_SEED),
        ("calibration", data["x_train"][few], data["y_train"][few], CALIBRATION_SEED),
    ):
        spikes = encode_rate(rates(x), STEPS, seed=seed, even=True)
        write(options.output / f"mnist_{name}.npz", spikes, y)
        write(options.output / f"mnist_conv_{name}.npz", latencies(x), y)


if __name__ == "__main__":
    main()
