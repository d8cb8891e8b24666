"""Spoken digits as spikes: write ``fsdd_test.npz`` and ``fsdd_calibration.npz``.

``python examples/spoken_digits/make_data.py [FSDD.npz] [-o FOLDER]``: FSDD.npz holds the Free Spoken Digit
Dataset as log-mel frames, ``x_train`` and ``x_test`` uint8 (recordings, 100 frames of 10 ms, 40 mel bands),
zero after the end, and labels ``y_train`` and ``y_test`` (by default ``../shared/data/fsdd/fsdd_logmel.npz``
beside the project). The two files appear in this folder, ``x`` uint8 (samples, 100 steps, 40) and ``y``.

A step is a frame; a band fires as often as it is loud, in evenly spaced spikes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from spikeloom.sim.archive import write_archive
from spikeloom.sim.encode import encode_rate

__all__ = ["BANDS", "DEFAULT_SOURCE", "LOUD", "QUIET", "STEPS", "read_fsdd", "spikes_of"]

HERE = Path(__file__).resolve().parent
DEFAULT_SOURCE = HERE.parents[2] / "shared" / "data" / "fsdd" / "fsdd_logmel.npz"
STEPS, BANDS = 100, 40
QUIET, LOUD = 32, 240  # of 0..255: no spikes below, one a step above
CALIBRATION_SAMPLES = 300
TEST_SEED, CALIBRATION_SEED = 0, 1  # of the spikes' phases


def read_fsdd(path: str | Path = DEFAULT_SOURCE) -> dict[str, np.ndarray]:
    """Frames uint8 and labels int64 by their usual names."""
    with np.load(path) as data:
        frames = {key: data[key] for key in ("x_train", "x_test")}
        return frames | {key: data[key].astype(np.int64) for key in ("y_train", "y_test")}


def spikes_of(frames: np.ndarray, *, seed: int) -> np.ndarray:
    """Spikes (samples, STEPS, BANDS), uint8, of frames of the same shape."""
    return encode_rate(frames, frames=True, even=True, low=QUIET, high=LOUD, seed=seed)


def main() -> None:
    parser = argparse.ArgumentParser(description="Spoken digits as spikes")
    parser.add_argument("source", nargs="?", default=DEFAULT_SOURCE, type=Path)
    parser.add_argument("-o", "--output", default=HERE, type=Path, metavar="FOLDER")
    options = parser.parse_args()
    data = read_fsdd(options.source)
    some = np.random.default_rng(CALIBRATION_SEED).permutation(len(data["y_train"]))[:CALIBRATION_SAMPLES]
    for name, frames, y, seed in (
        ("test", data["x_test"], data["y_test"], TEST_SEED),
        ("calibration", data["x_train"][some], data["y_train"][some], CALIBRATION_SEED),
    ):
        x = spikes_of(frames, seed=seed)
        path = options.output / f"fsdd_{name}.npz"
        write_archive(path, {"x": x, "y": y})
        print(f"{path}: {len(y)} recordings, {x.sum() / len(y):.0f} spikes a recording")


if __name__ == "__main__":
    main()
