"""Convolutions and delays in the quantiser: a scale a filter, proven accumulators, a search that helps."""

import dataclasses
import json

import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.ir import Input, Network, Projection
from spikeloom.gen.quantise import QuantiseOptions, QuantiseReport, quantise
from spikeloom.gen.quantise.calibration import calibrate
from spikeloom.gen.quantise.plain import Task
from spikeloom.gen.quantise.synapses import synapses_into
from spikeloom.gen.quantise.views import can_view, views
from spikeloom.hw.conv_params import AxisParams, ConvParams
from spikeloom.hw.params import Reset, bits_for_signed
from spikeloom.sim import golden
from spikeloom.sim.golden import run_float, run_golden
from spikeloom.sim.golden.model import accumulator_range

from .nets import SEMANTICS, population, same

FIRST = ConvParams(
    channels=2,
    filters=6,
    rows=AxisParams(size=9, outputs=5, kernel=3, stride=2, padding=1),
    columns=AxisParams(size=8, outputs=8, kernel=3, padding=1),
)
GROUPED = ConvParams(  # a pool before, and the last row of the five has no window
    channels=6,
    filters=6,
    rows=AxisParams(size=5, outputs=2, kernel=2, padding=1, pool=2),
    columns=AxisParams(size=8, outputs=3, kernel=2, dilation=1, pool=2),
    groups=3,
)


def options(**table):
    return QuantiseOptions.from_table(table)


def kernel(rng, conv, *, outliers=0.03):
    weight = rng.normal(0.2, 1.0, conv.kernel_shape) / np.sqrt(np.prod(conv.kernel_shape[1:]))
    return np.where(rng.random(weight.shape) < outliers, -6 * np.abs(weight), weight)


def joined(populations, projections, shape):
    """A network of populations and (source, target, weight, further fields)."""
    return Network(
        name="net",
        semantics=SEMANTICS,
        inputs=(Input(name="in", shape=shape),),
        populations=tuple(populations),
        projections=tuple(
            Projection(name=f"{source}->{target}", source=source, target=target, weight=weight, **fields)
            for source, target, weight, fields in projections
        ),
        outputs=(populations[-1].name,),
    )


def convolved(seed=1, *, delays=False, recurrent=False, **fields):
    """Two convolutions, the second in groups and behind a pool, and a matrix."""
    rng = np.random.default_rng(seed)
    late = [{"delay_steps": rng.integers(0, 4, c.sources)} if delays else {} for c in (FIRST, GROUPED)]
    projections = [
        ("in", "a", kernel(rng, FIRST), {"conv": FIRST, **late[0]}),
        ("a", "b", kernel(rng, GROUPED), {"conv": GROUPED, **late[1]}),
        ("b", "c", rng.normal(0.1, 0.4, (4, GROUPED.targets)), {}),
    ]
    if recurrent:
        shape = (GROUPED.targets, GROUPED.targets)
        projections.insert(2, ("b", "b", rng.normal(-0.05, 0.1, shape), {"recurrent": True}))
    populations = [
        population("a", FIRST.targets),
        population("b", GROUPED.targets, **fields),
        population("c", 4),
    ]
    return joined(populations, projections, FIRST.source_shape)


def delayed(seed=1):
    """A recurrent population with a delay a synapse, behind an input with one a channel."""
    rng = np.random.default_rng(seed)
    first = np.where(rng.random((14, 12)) < 0.05, -2.0, rng.normal(0.15, 0.4, (14, 12)))
    projections = [
        ("in", "a", first, {"delay_steps": rng.integers(0, 9, 12)}),
        (
            *("a", "a", rng.normal(-0.05, 0.3, (14, 14))),
            {"delay_steps": rng.integers(0, 6, (14, 14)), "recurrent": True},
        ),
        ("a", "b", rng.normal(0.1, 0.5, (5, 14)), {"delay_steps": rng.integers(0, 12, (5, 14))}),
    ]
    return joined([population("a", 14), population("b", 5)], projections, (12,))


def data(net, seed=3, *, samples=60, steps=20, rate=0.15):
    rng = np.random.default_rng(seed)
    x = (rng.random((2 * samples, steps, *net.inputs[0].shape)) < rate).astype(np.uint8)
    return x[:samples], x[samples:]


def distance(net, qnet, x):
    wanted, given = run_float(net, x).output, run_golden(qnet, x).output
    return np.sqrt(np.mean((wanted.sum(axis=1, dtype=float) - given.sum(axis=1, dtype=float)) ** 2))


MAKERS = {
    "convolved": convolved,
    "delayed convolutions": lambda seed: convolved(seed, delays=True),
    "beside a matrix": lambda seed: convolved(seed, recurrent=True),
    "delayed": delayed,
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_search_helps_and_what_is_proven_holds(make):
    plain = searched = 0.0
    for seed in (2, 3):
        net = make(seed)
        calibration, x = data(net)
        plain += distance(net, quantise(net, options(weight_bits=4))[0], x)
        qnet, report = quantise(
            net, options(weight_bits=4, tries=1), simulate=golden, calibration=calibration
        )
        searched += distance(net, qnet, x)
        check_result(net, qnet, report)
    assert searched < 0.97 * plain


def check_result(net, qnet, report):
    for one in qnet.populations:
        assert one.neuron.acc_bits == bits_for_signed(*accumulator_range(qnet, one.name))
        if len(qnet.populations) == 3 and one.name in ("a", "b"):
            assert (one.scale.reshape(6, -1) == one.scale.reshape(6, -1)[:, :1]).all()
    for float_one, one in zip(net.projections, qnet.projections, strict=True):
        assert (one.conv, one.recurrent) == (float_one.conv, float_one.recurrent)
        assert np.array_equal(one.delay_steps, float_one.delay_steps)
        assert np.abs(one.weight).max() <= 8
    restored = QuantiseReport.from_dict(json.loads(json.dumps(report.to_dict())))
    assert same(qnet, quantise(net, restored.as_options())[0])


def test_convolved_neurons_are_searched_but_not_beside_a_matrix():
    for recurrent, weights in ((False, "searched"), (True, "nearest")):
        net = convolved(2, recurrent=recurrent)
        _, report = quantise(net, options(weight_bits=4, tries=1), simulate=golden, calibration=data(net)[0])
        assert [p.weights for p in report.populations] == ["searched", weights, "searched"]
        assert np.size(report.populations[0].scale) == 6  # one a filter


def test_sixteen_bits_follow_the_float_network():
    for net in (convolved(delays=True, recurrent=True), delayed()):
        calibration, x = data(net)
        qnet, _ = quantise(
            net,
            options(weight_bits=16, frac_bits=8, decay_frac_bits=15, max_state_bits=40, search=False),
            simulate=golden,
            calibration=calibration,
        )
        wanted, given = run_float(net, x), run_golden(qnet, x)
        for name, spikes in wanted.spikes.items():
            assert 0.02 < spikes.mean() < 0.6
            assert np.mean(spikes != given.spikes[name]) < 2e-3


@pytest.mark.parametrize("neurons", ["alike", "different"])
def test_views_show_what_reaches_the_neurons(neurons):
    """An analog population without state is its input: what a view sees times its weights."""
    sums = {"beta": None, "threshold": None, "reset": Reset.NONE, "bias": 0.25}
    net = convolved(delays=True, **sums)
    net = dataclasses.replace(
        net, populations=net.populations[:2], projections=net.projections[:2], outputs=("b",)
    )
    if neurons == "different":
        net.populations[1].bias[0] = 1.0
    late = delayed()
    late = dataclasses.replace(late, populations=(late.populations[0], population("b", 5, **sums)))
    for one in (net, late):
        seen = calibrate(one, options(), golden, data(one)[0])
        task = Task(
            population=one.populations[1],
            synapses=synapses_into(one, "b", neurons=one.populations[1].size, most={"a": 1}),
            options=options().of("b"),
            network_options=options(),
            calibration=seen,
        )
        assert can_view(task, seen) == (one is late or neurons == "alike")
        rows = []
        for view in views(task, seen, {}) if can_view(task, seen) else ():
            rows += view.rows.tolist()
            drive = view.evidence.events @ view.weight.T
            assert drive.any()
            np.testing.assert_allclose(drive + 0.25, view.reference, atol=1e-9)
        assert rows == list(range(task.synapses.rows)) or neurons == "different"


def test_lists_are_one_a_filter():
    net = convolved()
    table = {"population": {"a": {"scale": [0.1] * 6, "threshold": [9] * 6, "bias": [1] * FIRST.targets}}}
    first = quantise(net, options(**table))[0].populations[0]
    assert (first.neuron.threshold, first.neuron.bias, set(first.scale)) == (9, 1, {0.1})
    with pytest.raises(UserError) as error:
        quantise(net, options(population={"a": {"scale": [0.1] * FIRST.targets}}))
    assert str(error.value) == "Option scale of population a must have 6 values, not 240"
    with pytest.raises(UserError) as error:
        quantise(net, options(population={"a": {"bias": [1]}}))
    assert str(error.value) == "Option bias of population a must have 6 or 240 values, not 1"
