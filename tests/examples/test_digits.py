"""The committed digits network and data are what examples/digits/README.md says they are."""

from pathlib import Path

import numpy as np
import pytest
from spikeloom.gen.importer import load_network
from spikeloom.sim.data import load_samples
from spikeloom.sim.decision import accuracy, decide
from spikeloom.sim.encode import encode_rate
from spikeloom.sim.golden.reference import run_float

DIGITS = Path(__file__).parents[2] / "examples" / "digits"


def test_float_accuracy_of_all_held_out_digits() -> None:
    network = load_network(DIGITS / "digits.nir")
    test = load_samples(DIGITS / "digits_test.npz", shape=(64,))
    assert test.x.shape == (450, 12, 64)
    run = run_float(network, test.x)
    assert accuracy(decide(network, run), test.y) == pytest.approx(0.982, abs=0.003)
    hidden, _ = run.spikes.values()
    assert hidden.sum() / len(hidden) == pytest.approx(103, abs=2)


def test_the_spikes_are_those_of_the_projects_own_encoder() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn holds the digits' pixels")
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    split = train_test_split(np.divide(pixels, 16), labels, test_size=0.25, stratify=labels, random_state=3)
    train_x, test_x, _, test_y = (np.asarray(part) for part in split)
    test = load_samples(DIGITS / "digits_test.npz", shape=(64,))
    np.testing.assert_array_equal(test.y, test_y)
    np.testing.assert_array_equal(test.x, encode_rate(test_x, 12, seed=0, even=True))
    calibration = load_samples(DIGITS / "digits_calibration.npz", shape=(64,))
    np.testing.assert_array_equal(calibration.x, encode_rate(train_x[:256], 12, seed=1, even=True))


def test_files_are_small_enough_to_ship() -> None:
    assert sum(path.stat().st_size for path in DIGITS.iterdir() if path.is_file()) < 300_000
