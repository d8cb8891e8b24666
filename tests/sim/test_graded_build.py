"""Graded spikes and the lower clamp of sinabs' IF neurons, from a `.nir` file through compile and verify."""

import numpy as np
import pytest
from spikeloom.gen.plan import PlanOptions
from spikeloom.gen.quantise import QuantiseOptions
from spikeloom.sim.compile import CompileOptions, compile_model
from spikeloom.sim.engines import EngineOptions
from spikeloom.sim.golden import run_float, run_golden
from spikeloom.sim.verify import verify

from ..gen.nir_files import affine, chain, write


@pytest.fixture(autouse=True)
def own_cache(request, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(request.config.cache.mkdir("spikeloom")))


def integrate_and_fire(size):
    return {"type": "IF", "r": np.ones(size), "v_threshold": np.ones(size), "v_reset": np.zeros(size)}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    rng = np.random.default_rng(5)
    first = np.abs(rng.normal(0.9, 0.5, (12, 8)))
    second = rng.normal(0.1, 0.4, (5, 12))
    graph = chain(
        affine(first),
        integrate_and_fire(12),
        affine(second),
        integrate_and_fire(5),
        inputs=(8,),
        outputs=(5,),
    )
    return write(tmp_path_factory.mktemp("model") / "if.nir", graph)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    rng = np.random.default_rng(6)
    x = rng.poisson(rng.random((20, 1, 8)), (20, 15, 8)).clip(0, 3).astype(np.uint8)
    path = tmp_path_factory.mktemp("data") / "data.npz"
    np.savez(path, x=x, y=rng.integers(0, 5, 20))
    return path


@pytest.mark.parametrize("readout", ["spikes", "counts", "class"])
def test_sinabs_network_runs_in_counts(model, data, tmp_path, readout):
    plan = PlanOptions(debug=readout == "spikes", readout=readout, lanes=3)
    options = CompileOptions(semantics="sinabs", plan=plan)
    compiled = compile_model(model, tmp_path / "build", options=options, calibration=data)
    build, x = compiled.build, np.load(data)["x"]
    hidden = build.qnet.populations[0].neuron
    assert hidden.spike_bits > 2
    assert hidden.v_min is not None
    golden = run_golden(build.qnet, x)
    counts = golden.spikes[build.qnet.populations[0].name]
    assert counts.max() > 3
    assert (
        np.corrcoef(golden.output.sum(1).ravel(), run_float(build.network, x).output.sum(1).ravel())[0, 1]
        > 0.98
    )
    result = verify(build, x)
    assert result.ok
    assert result.cycles_per_sample == compiled.predicted_cycles_per_sample
    result = verify(build, x, options=EngineOptions(gap=0.3, stall=0.5, shuffle=True, overlap=True))
    assert result.mismatches == 0


def test_the_build_tells_of_counts(model, data, tmp_path):
    options = CompileOptions(
        semantics="sinabs", quantise=QuantiseOptions.from_table({"spike_bits": 2, "search": False})
    )
    compiled = compile_model(model, tmp_path / "build", options=options, calibration=data)
    manifest = compiled.build.manifest
    assert [entry["spike_bits"] for entry in manifest["formats"]] == [2, 2]
    report = manifest["quantiser"]["populations"][0]
    assert report["spike_bits"] == 2
    assert report["count_seen"] > 3
    assert report["counts_clipped"] > 0
    assert any("their rest fires later" in note for note in manifest["quantiser"]["notes"])
    assert verify(compiled.build, np.load(data)["x"]).ok
