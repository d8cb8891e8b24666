"""The walk over a recurrent network against spikes that the network's authors published."""

from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest
from spikeloom.gen.ir import Input, Network, Population, Projection
from spikeloom.gen.semantics import Semantics
from spikeloom.hw.params import Reset
from spikeloom.sim.golden import run_float

DATA = Path(__file__).resolve().parents[4] / "shared" / "data"
DT = 1e-4
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the data sets beside the project are absent")


def cuba_lif(node, name):
    """CubaLIF as snnTorch runs it: two-stage subtraction, membrane > threshold, gains folded away."""
    size = node.v_threshold.size
    gain = node.w_in * DT / node.tau_syn * node.r * DT / node.tau_mem
    population = Population(
        name=name,
        kind="CubaLIF",
        shape=(size,),
        alpha=1 - DT / node.tau_syn,
        beta=1 - DT / node.tau_mem,
        threshold=node.v_threshold,
        reset=Reset.TWO_STAGE_SUBTRACT,
    )
    return population, gain


@pytest.fixture(scope="module")
def braille():
    nodes: Any = nir.read(DATA / "nir" / "braille_noDelay_noBias_subtract.nir").nodes
    hidden, hidden_gain = cuba_lif(nodes["lif1.lif"], "hidden")
    output, output_gain = cuba_lif(nodes["lif2"], "output")
    projections = [
        ("input", "hidden", nodes["fc1"].weight * hidden_gain[:, None], False),
        ("hidden", "hidden", nodes["lif1.w_rec"].weight * hidden_gain[:, None], True),
        ("hidden", "output", nodes["fc2"].weight * output_gain[:, None], False),
    ]
    return Network(
        name="braille",
        semantics=Semantics(name="snntorch", dt=DT),
        inputs=(Input(name="input", shape=(12,)),),
        populations=(hidden, output),
        projections=tuple(
            Projection(
                name=f"{s}->{t}", source=s, target=t, weight=np.asarray(w, dtype=np.float64), recurrent=r
            )
            for s, t, w, r in projections
        ),
        outputs=("output",),
    )


def test_published_hidden_spikes_are_reproduced(braille):
    x = np.load(DATA / "braille" / "published_sample.npy").astype(np.uint8)
    expected = np.load(DATA / "braille" / "published_hidden_spikes_snntorch_subtract.npy")
    run = run_float(braille, x[None])
    assert expected.sum() > 100
    assert np.count_nonzero(run.spikes["hidden"][0] != expected) == 0


def test_accuracy_on_the_recordings(braille):
    file = np.load(DATA / "braille" / "braille.npz")
    x = np.unpackbits(file["x"], axis=1)[:, :256]
    counts = run_float(braille, x, keep=()).output.sum(axis=1, dtype=np.int64)
    assert np.mean(counts.argmax(axis=1) == file["y"]) == pytest.approx(0.9844, abs=2e-3)
