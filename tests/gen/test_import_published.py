"""Published networks under the published rules: the float reference gives the published traces."""

import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.importer import load_network
from spikeloom.sim.golden import run_float

from .nir_files import SHARED, needs_shared, published

pytestmark = needs_shared


def trace(platform):
    """Columns input, membrane, spike of `lif_norse.nir` on a platform, dt = 0.1 ms."""
    return np.loadtxt(SHARED / "nir" / "lif_traces" / f"lif_{platform}.csv", delimiter=",").T


@pytest.mark.parametrize(
    ("file", "semantics", "platform"),
    [
        ("lif_norse", "norse", "norse"),
        ("lif_norse", "spikingjelly", "norse"),
        ("lif_norse", "spyx", "spyx"),
        # sinabs was fed input times dt/tau
        ("lif_norse", "sinabs,membrane_gain=euler", "sinabs"),
        ("lif_rockpool", "rockpool", "sinabs"),
    ],
)
def test_lif_traces(file, semantics, platform):
    """Spikes at every step, membranes to float32; the input of all platforms is that of Norse, in spikes."""
    network = load_network(published(file), semantics=semantics, dt=1e-4)
    run = run_float(network, trace("norse")[0].astype(np.uint8).reshape(1, -1, 1), record=True)
    _, membrane, spikes = trace(platform)
    assert spikes.sum() == 4
    assert np.array_equal(run.output[0, :, 0], spikes)
    assert np.allclose(run.membranes[network.outputs[0]][0, :, 0], membrane, atol=1e-6)


def test_lif_trace_of_snntorch():
    """snnTorch scales threshold and membrane by tau/dt instead of the input by dt/tau."""
    network = load_network(published("lif_norse"), semantics="snntorch", dt=1e-4)
    run = run_float(network, trace("norse")[0].astype(np.uint8).reshape(1, -1, 1), record=True)
    _, membrane, spikes = trace("snntorch")
    assert np.array_equal(run.output[0, :, 0], spikes)
    assert np.allclose(run.membranes["1"][0, :, 0], membrane * 0.04, atol=1e-6)


def test_exact_integration():
    """Event-driven simulation resets within a step, so its membranes agree up to the first spike only."""
    rules = "nir,decay=exact,membrane_gain=exact,reset=subtract"
    network = load_network(published("lif_norse"), semantics=rules, dt=1e-4)
    run = run_float(network, trace("norse")[0].astype(np.uint8).reshape(1, -1, 1), record=True)
    _, membrane, spikes = trace("exact")
    assert np.array_equal(run.output[0, :, 0], spikes)
    first = int(np.argmax(spikes))
    assert np.allclose(run.membranes["1"][0, :first, 0], membrane[:first], atol=1e-9)


@pytest.mark.parametrize("name", ["", "_subgraph"])
def test_braille_hidden_spikes(name):
    """The flat file, and the nested one whose edges name a node wrongly."""
    folder = SHARED / "braille"
    sample = np.load(folder / "published_sample.npy")
    hidden = np.load(folder / "published_hidden_spikes_snntorch_subtract.npy")
    network = load_network(published(f"braille_noDelay_noBias_subtract{name}"), semantics="snntorch")
    run = run_float(network, sample[np.newaxis])
    assert hidden.sum() == 118
    assert np.array_equal(run.spikes[network.populations[0].name][0], hidden)


def test_braille_accuracy():
    data = np.load(SHARED / "braille" / "braille.npz")
    x = np.unpackbits(data["x"], axis=1)[:, :256]
    network = load_network(published("braille_noDelay_noBias_subtract"), semantics="snntorch")
    counts = run_float(network, x, keep=()).output.sum(axis=1)
    assert np.mean(counts.argmax(axis=1) == data["y"]) == pytest.approx(0.9844, abs=0.0005)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "lif_norse",
            "FILE: node '1' (LIF): its time step, decay and reset cannot be inferred from the file; ",
        ),
        (
            "two_lif_neurons",
            "FILE: node 'lif1' (LIF): its time step, decay and reset cannot be inferred from ",
        ),
    ],
)
def test_files_that_auto_cannot_take(name, message):
    with pytest.raises(UserError) as error:
        load_network(published(name))
    assert str(error.value).replace(str(published(name)), "FILE").startswith(message)


@pytest.mark.parametrize(
    "name", ["braille_noDelay_noBias_subtract", "braille_noDelay_noBias_subtract_subgraph", "lif_rockpool"]
)
def test_files_that_auto_takes(name):
    assert load_network(published(name)).outputs


def test_two_lif_neurons_with_a_leak_potential():
    """The first neuron fires by its leak potential alone: v_leak = 1.2 above a threshold of 1."""
    network = load_network(published("two_lif_neurons"), semantics="nir", dt=1e-4)
    run = run_float(network, np.zeros((1, 400, 1), dtype=np.uint8))
    steps = np.flatnonzero(run.spikes["lif1"][0, :, 0])
    first = next(t for t in range(400) if 1.2 * (1 - 0.99 ** (t + 1)) > 1)
    assert steps[0] == first
    assert set(np.diff(steps)) == {first + 1}
