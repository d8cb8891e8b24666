"""Networks that are integers already go through without any change."""

import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.quantise import QuantiseOptions, quantise
from spikeloom.hw.params import Reset, Rounding
from spikeloom.sim.golden import run_golden

from .nets import events, network, population

LOIHI = {"exact": True, "scale": 64.0, "frac_bits": 6, "decay_frac_bits": 12, "rounding": "trunc0"}


def loihi_network(seed=0, **fields):
    """CUBA neurons in Loihi's arithmetic: weights times 64, decays in 4096ths, a threshold in state LSB."""
    rng = np.random.default_rng(seed)
    cells = {
        "alpha": 1 - 1024 / 4096,
        "beta": 1 - 137 / 4096,
        "threshold": 80 * 64,
        "reset": Reset.VALUE,
    } | fields
    weight = 64.0 * rng.integers(-128, 128, (5, 7))
    return network([population("p", 5, **cells)], {("in", "p"): weight}, channels=7), weight / 64


def test_loihi_integers_stay_and_run_as_loihi_does():
    net, weight = loihi_network()
    qnet, report = quantise(net, QuantiseOptions.from_table(LOIHI))
    assert np.array_equal(qnet.projections[0].weight, weight)
    neuron = qnet.populations[0].neuron
    assert (neuron.threshold, neuron.frac_bits) == (80 * 64, 6)
    assert neuron.synapse is not None
    assert neuron.membrane is not None
    assert (neuron.synapse.factor, neuron.membrane.factor) == (3072, 3959)
    assert neuron.membrane.rounding is Rounding.TRUNC0
    assert (report.populations[0].weights, report.populations[0].weight_error) == ("exact", 0.0)

    x = events(np.random.default_rng(1), 3, 60, 7)
    u = v = np.zeros((3, 5), np.int64)
    spikes = []
    for step in range(60):
        u = np.trunc(u * (4096 - 1024) / 4096).astype(np.int64) + 64 * (x[:, step] @ weight.T).astype(
            np.int64
        )
        v = np.trunc(v * (4096 - 137) / 4096).astype(np.int64) + u
        spikes.append(v > 80 * 64)
        v = np.where(spikes[-1], 0, v)
    assert np.array_equal(run_golden(qnet, x).output, np.stack(spikes, axis=1))
    assert np.sum(spikes) > 50


def test_the_greatest_common_scale_is_found():
    net, _ = loihi_network()
    unit = 0.3
    weight = unit * np.random.default_rng(3).integers(-100, 100, (5, 7))
    net = network(list(net.populations), {("in", "p"): weight}, channels=7)
    qnet, _ = quantise(net, QuantiseOptions.from_table({"exact": True, "decay_frac_bits": 12}))
    factor = qnet.populations[0].scale[0] / unit
    assert factor == pytest.approx(round(factor))  # all weights may share a factor
    assert np.allclose(qnet.projections[0].weight * qnet.populations[0].scale[0], weight, rtol=0, atol=1e-9)


def test_calibration_does_not_touch_an_exact_population():
    from spikeloom.sim import golden

    net, weight = loihi_network()
    x = events(np.random.default_rng(1), 20, 30, 7)
    qnet, report = quantise(net, QuantiseOptions.from_table(LOIHI), simulate=golden, calibration=x)
    assert np.array_equal(qnet.projections[0].weight, weight)
    assert qnet.populations[0].neuron.threshold == 80 * 64
    assert report.populations[0].disagreement == pytest.approx(
        0, abs=0.01
    )  # trunc0 is not in the float network


@pytest.mark.parametrize(
    ("fields", "options", "message"),
    [
        (
            {},
            {"scale": 63.0},
            "Population p is not exact: weight {w} is no integer times scale 63; "
            "accepted: another scale or exact = false",
        ),
        (
            {},
            {"weight_bits": 4},
            "Population p is not exact: weights {low} .. {high} do not fit -8 .. 7; "
            "accepted: more weight_bits",
        ),
        (
            {"reset": Reset.SUBTRACT, "threshold": 5120.25},
            {},
            "Population p is not exact: threshold, bias, leak or reset value is no integer in scale / 2**6; "
            "accepted: another scale or frac_bits",
        ),
        (
            {"beta": 0.9},
            {},
            "Population p is not exact: a decay is no multiple of 2**-12; accepted: other decay_frac_bits",
        ),
    ],
)
def test_what_would_be_lost_is_an_error(fields, options, message):
    net, weight = loihi_network(**fields)
    text = message.format(w=f"{64 * weight[0, 0]:g}", low=f"{weight.min():.0f}", high=f"{weight.max():.0f}")
    with pytest.raises(UserError) as error:
        quantise(net, QuantiseOptions.from_table(LOIHI | options))
    assert str(error.value) == text


def test_weights_without_a_common_unit_are_an_error():
    net = network([population("p", 1)], {("in", "p"): [[1.0, np.pi]]}, channels=2)
    with pytest.raises(UserError, match="weights are not integers of 16 bits times one number"):
        quantise(net, QuantiseOptions.from_table({"exact": True}))
