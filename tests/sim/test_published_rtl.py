"""Published spikes of a real .nir file, on the RTL."""

from pathlib import Path

import numpy as np
import pytest
from spikeloom.gen.plan import PlanOptions
from spikeloom.gen.quantise import PopulationOptions, QuantiseOptions
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.engines import run_engine
from spikeloom.sim.golden import run_float
from spikeloom.sim.verify import verify

NIR = Path(__file__).resolve().parents[2].parent / "shared/data/nir"
pytestmark = pytest.mark.skipif(not NIR.is_dir(), reason="needs ../shared/data/nir")


@pytest.mark.parametrize("semantics", ["norse", "snntorch"])
def test_lif_norse_spikes_in_16_bit_state(tmp_path, semantics):
    trace = np.loadtxt(NIR / "lif_traces/lif_norse.csv", delimiter=",")
    x = trace[:, 0].astype(np.uint8).reshape(1, -1, 1)
    published = np.flatnonzero(trace[:, 2])
    options = CompileOptions(
        semantics=semantics, dt=1e-4, quantise=QuantiseOptions(defaults=PopulationOptions(state_bits=16))
    )
    build = compile_model(NIR / "lif_norse.nir", tmp_path / "build", options=options).build
    assert x.sum() == 34
    assert len(published) == 4
    assert np.flatnonzero(run_float(build.network, x).output).tolist() == published.tolist()
    assert [core.neuron.state_bits for core in build.plan.accelerator.cores] == [16]
    run = run_engine("cxxrtl", build, x)
    assert np.flatnonzero(run.output).tolist() == published.tolist()


def test_recurrent_network_equals_golden_at_every_state(tmp_path):
    data = np.load(NIR.parent / "braille/braille.npz")
    x = np.unpackbits(data["x"][:4], axis=1)[:, :256]
    build = compile_model(
        NIR / "braille_noDelay_noBias_subtract.nir",
        tmp_path / "build",
        options=CompileOptions(
            semantics="snntorch,reset=two_stage_subtract", plan=PlanOptions(lanes=8, debug=True)
        ),
    ).build
    result = verify(build, x)
    assert result.states_compared
    assert (result.mismatches, result.cycle_mismatches) == (0, 0)
    assert result.synaptic_ops > result.input_spikes * 40  # the recurrent synapses worked too
