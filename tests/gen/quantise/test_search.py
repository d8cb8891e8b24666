"""The search with a calibration set: nearer to the float network than weights alone."""

import dataclasses
import json

import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.network_check import check_quantised
from spikeloom.gen.quantise import QuantiseOptions, QuantiseReport, quantise
from spikeloom.hw.params import LATE_RESETS, Fire, Reset
from spikeloom.sim import golden
from spikeloom.sim.golden import run_float, run_golden

from .nets import chain, events, network, population, same


def options(**table):
    return QuantiseOptions.from_table(table)


def data(seed, channels, *, steps=20, samples=120):
    """Calibration samples, and others to judge by."""
    x = events(np.random.default_rng(seed), 2 * samples, steps, channels)
    return x[:samples], x[samples:]


def distance(net, qnet, x):
    """Root mean square difference of the output spike counts."""
    wanted, given = run_float(net, x).output, run_golden(qnet, x).output
    return np.sqrt(np.mean((wanted.sum(axis=1, dtype=float) - given.sum(axis=1, dtype=float)) ** 2))


@pytest.mark.parametrize(
    ("sizes", "fields"),
    [
        ([40, 30, 10], {}),
        ([40, 30, 10], {"alpha": 0.6, "beta": 0.8, "reset": Reset.SUBTRACT}),
        ([20, 24, 8], {"recurrent": True, "reset": Reset.TWO_STAGE_SUBTRACT}),
    ],
)
def test_search_beats_the_weights_alone_where_they_have_outliers(sizes, fields):
    net = chain(np.random.default_rng(1), sizes, outliers=0.03, **fields)
    calibration, x = data(2, sizes[0])
    naive = distance(net, quantise(net, options(weight_bits=4, clip="max"))[0], x)
    plain = distance(net, quantise(net, options(weight_bits=4))[0], x)
    qnet, report = quantise(net, options(weight_bits=4, tries=1), simulate=golden, calibration=calibration)
    assert distance(net, qnet, x) < 0.9 * min(naive, plain)
    assert report.method == "searched"
    assert [p.weights for p in report.populations] == ["searched", "searched"]
    check_quantised(qnet, where="test")


def test_more_bits_are_better():
    net = chain(np.random.default_rng(1), [20, 20, 6], outliers=0.02)
    calibration, x = data(2, 20, samples=60)
    found = [
        distance(net, quantise(net, options(weight_bits=b), simulate=golden, calibration=calibration)[0], x)
        for b in (2, 4, 8, 12)
    ]
    assert found[0] > found[1] > found[2] > found[3]
    assert found[3] < 0.15 * found[0]


def test_same_arguments_same_network_and_the_report_gives_it_without_data():
    net = chain(np.random.default_rng(4), [20, 12, 5], recurrent=True)
    calibration, _ = data(5, 20, samples=40)
    given = options(weight_bits=4, tries=2, population={"layer1": {"weight_bits": 3}})
    qnet, report = quantise(net, given, simulate=golden, calibration=calibration)
    again, second = quantise(net, given, simulate=golden, calibration=calibration)
    assert same(qnet, again)
    assert report == second
    restored = QuantiseReport.from_dict(json.loads(json.dumps(report.to_dict())))
    assert restored == report
    assert same(qnet, quantise(net, restored.as_options())[0])
    assert same(qnet, quantise(net, restored.as_options(), simulate=golden, calibration=calibration)[0])


def test_an_analog_readout_keeps_one_scale_and_comes_nearer():
    readout = population("out", 6, threshold=None, reset=Reset.NONE, offset=0.25)
    net = chain(np.random.default_rng(6), [30, 20, 6], outliers=0.02)
    net = network(
        [net.populations[0], readout],
        {("in", "layer0"): net.projections[0].weight, ("layer0", "out"): net.projections[1].weight},
        channels=30,
    )
    calibration, x = data(7, 30)
    wanted = run_float(net, x).output

    def error(qnet):
        last = qnet.populations[-1]
        assert len(set(last.scale)) == 1
        return np.sqrt(
            np.mean((run_golden(qnet, x).output * last.scale / 2.0**last.neuron.frac_bits - wanted) ** 2)
        )

    qnet, report = quantise(net, options(weight_bits=4), simulate=golden, calibration=calibration)
    assert error(qnet) < 0.75 * error(quantise(net, options(weight_bits=4))[0])
    assert report.populations[1].unit == "weight LSB"
    assert report.populations[1].disagreement is None
    assert report.decision_agreement is not None
    assert report.decision_agreement > 0.7


@pytest.mark.parametrize("reset", [r for r in Reset if r is not Reset.NONE])
@pytest.mark.parametrize("alpha", [None, 0.5])
def test_every_reset_is_searched(reset, alpha):
    fields = {"alpha": alpha, "reset": reset, "v_min": -2.0, "bias": 0.02, "reset_value": 0.1}
    fields["fire"] = Fire.BEFORE if reset in LATE_RESETS else Fire.AFTER
    net = chain(np.random.default_rng(8), [20, 10, 4], **fields)
    calibration, x = data(9, 20, samples=60)
    qnet, report = quantise(net, options(weight_bits=4), simulate=golden, calibration=calibration)
    assert distance(net, qnet, x) < distance(net, quantise(net, options(weight_bits=4))[0], x)
    assert all(p.saturations == 0 for p in report.populations)
    assert all(p.rate_float for p in report.populations)


def test_neurons_of_different_decays_and_no_membrane():
    rng = np.random.default_rng(10)
    cells = [
        population("a", 12, alpha=np.linspace(0.1, 0.9, 12), beta=np.linspace(0.5, 1.0, 12)),
        population("b", 5, beta=None),
    ]
    net = network(
        cells,
        {("in", "a"): rng.normal(0.1, 0.3, (12, 15)), ("a", "b"): rng.normal(0.2, 0.5, (5, 12))},
        channels=15,
    )
    calibration, x = data(11, 15, samples=60)
    qnet, _ = quantise(net, options(weight_bits=4), simulate=golden, calibration=calibration)
    assert distance(net, qnet, x) < distance(net, quantise(net, options(weight_bits=4))[0], x)
    assert qnet.populations[1].neuron.membrane is None


def test_without_a_search_only_the_ranges_are_calibrated():
    net = chain(np.random.default_rng(12), [20, 10, 4])
    calibration, _ = data(13, 20, samples=30)
    plain, _ = quantise(net, options(weight_bits=6))
    qnet, report = quantise(
        net, options(weight_bits=6, search=False), simulate=golden, calibration=calibration
    )
    for a, b in zip(plain.projections, qnet.projections, strict=True):
        assert np.array_equal(a.weight, b.weight)
    assert qnet.populations[0].neuron.state_bits < plain.populations[0].neuron.state_bits
    assert report.method == "calibrated"
    first = report.populations[0]
    assert first.ranges == "seen"
    assert first.state_used is not None
    assert 0.2 < first.state_used < 1
    assert first.membrane_seen is not None
    assert first.membrane_seen[0] < 0 < first.membrane_seen[1] <= 1


@pytest.mark.parametrize("state_bits", [7, 8, 10, 16])
def test_given_state_bits_are_kept_and_range_is_traded_for_fraction(state_bits):
    """Membranes far below zero may saturate; that costs less than a state without a fraction."""
    rng = np.random.default_rng(14)
    net = chain(rng, [30, 20, 6], outliers=0.1, beta=0.97)
    calibration, x = data(15, 30, samples=60)
    given = {"weight_bits": 4, "state_bits": state_bits}
    qnet, report = quantise(net, options(**given), simulate=golden, calibration=calibration)
    assert [p.neuron.state_bits for p in qnet.populations] == [state_bits] * 2
    plain, _ = quantise(net, options(**given, search=False), simulate=golden, calibration=calibration)
    assert distance(net, qnet, x) < distance(net, plain, x)
    assert qnet.populations[0].neuron.frac_bits >= plain.populations[0].neuron.frac_bits
    assert bool(report.populations[0].saturations) == any("saturations" in n for n in report.notes)


def test_saturating_automatic_states_get_more_bits():
    """The quantised network may go further than the float network went."""
    net = chain(np.random.default_rng(16), [20, 10, 4], beta=1.0, reset=Reset.SUBTRACT)
    calibration, _ = data(17, 20, samples=30)
    for bits in (1, 2, 8):
        qnet, report = quantise(
            net, options(weight_bits=bits, range_margin=1), simulate=golden, calibration=calibration
        )
        assert not any(run_golden(qnet, calibration).saturations.values())
        assert [p.saturations for p in report.populations] == [0, 0]


def test_counts_above_one_are_proven_for():
    net = chain(np.random.default_rng(18), [10, 6, 3])
    x = (3 * events(np.random.default_rng(19), 20, 10, 10)).astype(np.uint8)
    qnet, report = quantise(net, options(), simulate=golden, calibration=x)
    assert qnet.input_max == report.input_max == 3
    assert quantise(net, options(input_max=9), simulate=golden, calibration=x)[0].input_max == 9
    with pytest.raises(UserError) as error:
        quantise(net, options(input_max=2), simulate=golden, calibration=x)
    assert str(error.value) == (
        "The calibration set has 3 events of an input in a step; option input_max allows 2"
    )


def test_given_scale_threshold_and_bias_are_not_searched():
    net = chain(np.random.default_rng(20), [10, 6])
    calibration, _ = data(21, 10, samples=20)
    given = {"scale": 0.05, "threshold": 77, "bias": 3, "frac_bits": 2}
    qnet, _ = quantise(net, options(weight_bits=5, **given), simulate=golden, calibration=calibration)
    neuron = qnet.populations[0].neuron
    assert (neuron.threshold, neuron.bias) == (77, 3)
    assert set(qnet.populations[0].scale) == {0.05}


def test_a_network_with_an_input_grid_and_two_outputs():
    rng = np.random.default_rng(22)
    cells = [population("a", 6), population("b", 4)]
    net = network(
        cells,
        {("in", "a"): rng.normal(0.2, 0.5, (6, 12)), ("in", "b"): rng.normal(0.2, 0.5, (4, 12))},
        channels=12,
        outputs=("a", "b"),
    )
    net = dataclasses.replace(net, inputs=(dataclasses.replace(net.inputs[0], shape=(3, 4)),))
    x = events(rng, 30, 10, 12).reshape(30, 10, 3, 4)
    _, report = quantise(net, options(weight_bits=4), simulate=golden, calibration=x)
    assert [p.name for p in report.populations] == ["a", "b"]


def test_a_calibration_set_needs_a_simulator_and_a_shape():
    net = chain(np.random.default_rng(23), [4, 3])
    with pytest.raises(ValueError, match="A calibration set needs a simulator"):
        quantise(net, calibration=np.zeros((1, 2, 4), np.uint8))
    for shape in ((3, 4), (0, 2, 4)):
        with pytest.raises(UserError, match="The calibration set must have samples, steps and channels"):
            quantise(net, simulate=golden, calibration=np.zeros(shape, np.uint8))
    with pytest.raises(UserError):
        quantise(net, simulate=golden, calibration=np.zeros((1, 2, 5), np.uint8))
