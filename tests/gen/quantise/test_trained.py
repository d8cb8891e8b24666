"""Trained networks on real data: what few weight bits cost."""

from pathlib import Path

import numpy as np
import pytest
from spikeloom.gen.importer import load_network
from spikeloom.gen.quantise import QuantiseOptions, quantise
from spikeloom.sim import golden
from spikeloom.sim.decision import decide

ROOT = Path(__file__).resolve().parents[3]
DIGITS = ROOT / "examples" / "digits"
SHARED = ROOT.parent / "shared" / "data"


def losses(net, x, y, table, calibration=None):
    """Points of accuracy that are lost, and the report."""
    qnet, report = quantise(net, QuantiseOptions.from_table(table), simulate=golden, calibration=calibration)
    wanted = np.mean(decide(net, golden.run_float(net, x)) == y)
    given = np.mean(decide(qnet, golden.run_golden(qnet, x)) == y)
    return 100 * (wanted - given), report


@pytest.mark.parametrize(("bits", "limit"), [(8, 0.5), (6, 0.7), (4, 1.2), (3, 1.5), (2, 2.5)])
def test_digits(bits, limit):
    """450 held-out digits; one is 0.22 points."""
    net = load_network(DIGITS / "digits.nir", semantics="snntorch")
    test = np.load(DIGITS / "digits_test.npz")
    calibration = np.load(DIGITS / "digits_calibration.npz")["x"]
    lost, report = losses(net, test["x"], test["y"], {"weight_bits": bits}, calibration)
    assert lost <= limit
    assert report.decision_agreement is not None
    assert report.decision_agreement > 0.97


@pytest.mark.skipif(not (SHARED / "braille").is_dir(), reason="needs ../shared/data/braille")
def test_braille_at_four_bits():
    """Recurrent, with outliers: the nearest integers of one scale a neuron lose tens of recordings."""
    net = load_network(
        SHARED / "nir" / "braille_noDelay_noBias_subtract.nir", semantics="snntorch,reset=two_stage_subtract"
    )
    data = np.load(SHARED / "braille" / "braille.npz")
    order = np.random.default_rng(0).permutation(len(data["y"]))[:260]
    x, y = np.unpackbits(data["x"][order], axis=1)[:, :256], data["y"][order]
    calibration, x, y = x[:100], x[100:], y[100:]
    naive, _ = losses(net, x, y, {"weight_bits": 4, "clip": "max"})
    lost, report = losses(net, x, y, {"weight_bits": 4, "tries": 1}, calibration)
    assert lost <= 4
    assert naive > lost + 4
    hidden = report.populations[0]
    assert hidden.membrane_seen is not None
    assert hidden.membrane_seen[0] < -300  # thresholds
    assert hidden.saturations == 0
