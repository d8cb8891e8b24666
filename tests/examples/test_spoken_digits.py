"""The committed spoken-digit networks: what their README says, in float and on the RTL."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from spikeloom.gen.importer import load_network
from spikeloom.sim.compile import compile_model
from spikeloom.sim.data import Samples, load_samples
from spikeloom.sim.decision import accuracy, decide
from spikeloom.sim.golden.reference import run_float
from spikeloom.sim.verify import verify

ROOT = Path(__file__).resolve().parents[2]
SPOKEN = ROOT / "examples" / "spoken_digits"
FSDD = ROOT.parent / "shared" / "data" / "fsdd" / "fsdd_logmel.npz"

pytestmark = [
    pytest.mark.skipif(not FSDD.exists(), reason="the spoken digits are not beside the project"),
    pytest.mark.xdist_group("spoken_digits"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that make_data.py writes."""
    folder = tmp_path_factory.mktemp("spoken")
    subprocess.run([sys.executable, SPOKEN / "make_data.py", FSDD, "-o", folder], check=True)
    return folder


@pytest.fixture(scope="module")
def test_set(folder: Path) -> Samples:
    """All 300 test recordings."""
    return load_samples(folder / "fsdd_test.npz", shape=(40,))


@pytest.mark.parametrize(("kind", "right"), [("recurrent", 293), ("delays", 296), ("plain", 294)])
def test_float_accuracy(kind: str, right: int, test_set: Samples) -> None:
    network = load_network(SPOKEN / f"fsdd_{kind}.nir")
    found = accuracy(decide(network, run_float(network, test_set.x)), test_set.y)
    assert found == pytest.approx(right / 300, abs=0.5 / 300)


@pytest.mark.parametrize("kind", ["recurrent", "delays"])
def test_integers_lose_at_most_half_a_point_and_the_rtl_is_golden(
    kind: str, folder: Path, test_set: Samples, tmp_path: Path
) -> None:
    model, calibration = SPOKEN / f"fsdd_{kind}.nir", folder / "fsdd_calibration.npz"
    build = compile_model(model, tmp_path / "build", calibration=calibration).build
    result = verify(build, test_set.x, test_set.y)
    assert result.accuracy_float is not None
    assert result.accuracy is not None
    assert result.accuracy >= result.accuracy_float - 0.005
    assert result.mismatches == result.cycle_mismatches == 0
