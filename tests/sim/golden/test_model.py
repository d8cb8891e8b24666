"""The golden model on whole networks against the scalar oracle, and its refusals."""

import itertools
import weakref
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeloom.gen.errors import UserError
from spikeloom.gen.ir import Input, QuantisedNetwork, QuantisedPopulation, QuantisedProjection
from spikeloom.hw.conv_params import AxisParams, ConvParams
from spikeloom.hw.params import DecayParams, NeuronParams, Reset, bits_for_signed
from spikeloom.sim.golden import model, run_golden, traverse
from spikeloom.sim.golden.model import accumulator_range

from .oracle import run_network
from .strategies import axes, convolutions, neurons


def population(name, neuron):
    size = neuron.neurons
    return QuantisedPopulation(
        name=name,
        kind="LIF",
        shape=(size,),
        neuron=neuron,
        weight_bits=16,
        scale=np.ones(size),
        offset=np.zeros(size),
    )


def projection(source, target, weight, **fields):
    name = f"{source}->{target}"
    weight = np.asarray(weight, dtype=np.int32)
    return QuantisedProjection(name=name, source=source, target=target, weight=weight, **fields)


def proven(network):
    """The network with the accumulator widths that its weights need."""
    populations = []
    for one in network.populations:
        bits = bits_for_signed(*accumulator_range(network, one.name))
        populations.append(replace(one, neuron=replace(one.neuron, acc_bits=bits)))
    return replace(network, populations=tuple(populations))


@st.composite
def delays(draw, targets, sources):
    """None, a delay a source or one a synapse; mostly few different ones."""
    shape = draw(st.sampled_from([None, (sources,), (targets, sources)]))
    if shape is None:
        return None
    count = int(np.prod(shape))
    values = st.sampled_from([0, 1, 2, 5, 9]) if draw(st.booleans()) else st.integers(0, 255)
    return np.array(draw(st.lists(values, min_size=count, max_size=count)), np.int64).reshape(shape)


@st.composite
def convolved(draw):
    """A convolution of the input, another behind it, delays, and sometimes a recurrent matrix beside them."""
    seen = draw(convolutions())
    second = ConvParams(
        channels=seen.filters,
        filters=draw(st.integers(1, 3)),
        rows=draw(axes(seen.rows.outputs)),
        columns=draw(axes(seen.columns.outputs)),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    populations, projections = [], []
    for name, source, conv in (("a", "in", seen), ("b", "a", second)):
        neuron = draw(neurons(1, max_bits=24).filter(lambda n: n.spiking))
        populations.append(population(name, alike(neuron, conv.targets)))
        weight = rng.integers(-40, 41, conv.kernel_shape)
        delay = draw(st.sampled_from([None, 2, 9, 255]))
        delay = None if delay is None else rng.integers(0, delay + 1, conv.sources)
        projections.append(projection(source, name, weight, conv=conv, delay_steps=delay))
    if draw(st.booleans()):
        size = second.targets
        weight = rng.integers(-9, 10, (size, size))
        projections.append(projection("b", "b", weight, recurrent=True))
    return proven(
        QuantisedNetwork(
            name="convolved",
            inputs=(Input(name="in", shape=projections[0].conv.source_shape),),
            populations=tuple(populations),
            projections=tuple(projections),
            outputs=("b",),
            input_max=draw(st.sampled_from([1, 3, 255])),
        )
    )


def alike(neuron, count):
    """`count` neurons like the only one of `neuron`."""
    decays = {
        name: replace(decay, factor=first(decay.factor))
        for name in ("synapse", "membrane")
        if (decay := getattr(neuron, name)) is not None
    }
    words = {
        name: first(getattr(neuron, name)) for name in ("threshold", "reset_value", "bias", "leak", "v_min")
    }
    return replace(neuron, neurons=count, **decays, **words)


def first(value):
    return value[0] if isinstance(value, tuple) else value


@st.composite
def networks(draw):
    """Inputs and populations with random projections: forward, skipping, late, to oneself and backward."""
    inputs = tuple(
        Input(name=f"in{k}", shape=(draw(st.integers(1, 3)),)) for k in range(draw(st.integers(1, 2)))
    )
    count = draw(st.integers(1, 4))
    populations, projections, sources = [], [], [(node.name, node.size) for node in inputs]
    for k in range(count):
        size = draw(st.integers(1, 3))
        neuron = draw(neurons(size, max_bits=24).filter(lambda n, k=k: n.spiking or k == count - 1))
        populations.append(population(f"p{k}", neuron))
    weights = st.integers(-40, 40)
    for k, one in enumerate(populations):
        later = [(p.name, p.size) for p in populations[k:] if p.spiking]
        forward = draw(st.lists(st.sampled_from(sources), min_size=1, max_size=3, unique=True))
        back = draw(st.lists(st.sampled_from(later), max_size=2, unique=True)) if later else []
        for name, size in forward + back:
            row = st.lists(weights, min_size=size, max_size=size)
            weight = draw(st.lists(row, min_size=one.size, max_size=one.size))
            recurrent = (name, size) in back or draw(st.sampled_from([False, False, True]))
            delay = draw(delays(one.size, size))
            projections.append(projection(name, one.name, weight, recurrent=recurrent, delay_steps=delay))
        if one.spiking:
            sources.append((one.name, one.size))
    return proven(
        QuantisedNetwork(
            name="drawn",
            inputs=inputs,
            populations=tuple(populations),
            projections=tuple(projections),
            outputs=(populations[-1].name,),
            input_max=draw(st.sampled_from([1, 3, 255])),
        )
    )


@settings(max_examples=100, deadline=None)
@given(networks() | convolved(), st.data())
def test_networks_equal_the_scalar_oracle(network, data):
    channels = sum(node.size for node in network.inputs)
    steps, samples = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    x = rng.integers(0, network.input_max + 1, (samples, steps, channels)).astype(np.uint8)
    chunk, window = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(traverse, "_extent", lambda *_: (chunk, window))
        patch.setattr(traverse, "_THREAD_VALUES", 1)
        run = run_golden(network, x, record=True, threads=data.draw(st.integers(1, 3)))
    saturations = dict.fromkeys(run.saturations, 0)
    for sample in range(samples):
        trace, counts = run_network(network, x[sample])
        for one in network.populations:
            low, high = accumulator_range(network, one.name)
            for step, (acc, spikes, v, i) in enumerate(trace[one.name]):
                at = f"sample {sample}, population {one.name}, step {step}"
                assert low <= min(acc) <= max(acc) <= high, at
                assert run.membranes[one.name][sample, step].tolist() == v, at
                if one.spiking:
                    assert run.spikes[one.name][sample, step].tolist() == spikes, at
                if one.neuron.synapse is not None:
                    assert run.currents[one.name][sample, step].tolist() == i, at
            saturations[one.name] += counts[one.name]
    assert run.saturations == saturations


IDENTITY = DecayParams(factor=2, frac_bits=1)


def summing(weight, *, acc_bits=48, input_max=255, **fields):
    """A network of one population that adds up its input."""
    weight = np.asarray(weight)
    neuron = NeuronParams(neurons=len(weight), acc_bits=acc_bits, state_bits=48, membrane=IDENTITY, **fields)
    return QuantisedNetwork(
        name="net",
        inputs=(Input(name="in", shape=(weight.shape[1],)),),
        populations=(population("sum", neuron),),
        projections=(projection("in", "sum", weight),),
        outputs=("sum",),
        input_max=input_max,
    )


@pytest.mark.parametrize("sources", [2, 3, 400])
def test_accumulators_are_exact_on_both_sides_of_what_a_float_holds(sources):
    """Sums of odd numbers around and beyond 2**24, where float32 would lose the last bit."""
    rng = np.random.default_rng(sources)
    weight = rng.integers(-(1 << 15), 1 << 15, (5, sources)) | 1
    weight[0] = (1 << 15) - 1
    x = rng.integers(0, 256, (7, 3, sources)).astype(np.uint8)
    x[0] = 255
    run = run_golden(summing(weight), x)
    np.testing.assert_array_equal(run.membranes["sum"], (x.astype(np.int64) @ weight.T).cumsum(axis=1))


@pytest.mark.parametrize(
    ("bits", "dtype"),
    [(9, np.int16), (16, np.int16), (17, np.int32), (32, np.int32), (33, np.int64), (48, np.int64)],
)
def test_accumulators_are_as_wide_as_they_are_declared(bits, dtype):
    from spikeloom.sim.golden.model import _IntegerRule

    network = summing([[1]], acc_bits=bits)
    assert _IntegerRule(network, network.populations[0]).acc_dtype == dtype


@pytest.mark.parametrize("bits", [16, 32])
@pytest.mark.parametrize("beyond", [0, 1])
def test_sums_at_both_ends_of_what_an_accumulator_type_holds(bits, beyond):
    """The highest and the lowest sum of so many bits, and the ones beyond, which need the next type."""
    ends = np.asarray([(1 << (bits - 1)) - 1 + beyond, -(1 << (bits - 1)) - beyond])
    weight = np.zeros((2, abs(ends[1]) // 32767 + 2), np.int64)
    for row, end in zip(weight, ends, strict=True):
        row[: abs(end) // 32767] = np.sign(end) * 32767
        row[-1] = end - row.sum()
    network = proven(summing(weight, input_max=1))
    assert network.populations[0].neuron.acc_bits == bits + beyond
    run = run_golden(network, np.ones((1, 2, weight.shape[1]), np.uint8))
    np.testing.assert_array_equal(run.membranes["sum"], [[ends, 2 * ends]])


def test_accumulator_width_is_checked_against_the_weights():
    network = summing([[100, 27, -5], [1, 1, -128]], acc_bits=8, input_max=1)
    run_golden(network, np.ones((1, 1, 3), dtype=np.uint8))
    with pytest.raises(UserError) as error:
        run_golden(replace(network, input_max=2), np.ones((1, 1, 3), dtype=np.uint8))
    assert str(error.value) == (
        "Population sum: accumulators reach -256 .. 254, which needs 9 accumulator bits, not 8"
    )


def test_counts_above_input_max_are_refused_with_their_place():
    x = np.ones((2, 3, 4), dtype=np.uint8)
    x[1, 2, 3], x[1, 2, 1] = 9, 4
    with pytest.raises(UserError) as error:
        run_golden(summing(np.ones((1, 4)), input_max=3), x)
    assert str(error.value) == (
        "Input of net: 4 events at sample 1, step 2, channel 1, but its accumulators hold 3; compile again"
        " with input_max = 9 or with calibration data that has such counts"
    )


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.ones((2, 3, 4), np.int64), "Input of net must be uint8 event counts, not int64"),
        (np.ones((2, 3, 5), np.uint8), "Input of net must have the shape (samples, steps, 4), not (2, 3, 5)"),
        (np.ones((3, 4), np.uint8), "Input of net must have the shape (samples, steps, 4), not (3, 4)"),
    ],
)
def test_input_of_a_wrong_kind_is_refused(x, message):
    with pytest.raises(UserError) as error:
        run_golden(summing(np.ones((1, 4))), x)
    assert str(error.value) == message


def test_input_shape_is_taken_as_it_is_or_flattened():
    network = replace(summing([[1, 2, 3, 4]]), inputs=(Input(name="in", shape=(2, 2)),))
    x = np.arange(8, dtype=np.uint8).reshape(1, 2, 2, 2)
    expected = [[[20], [80]]]
    assert run_golden(network, x).output.tolist() == expected
    assert run_golden(network, x.reshape(1, 2, 4)).output.tolist() == expected
    with pytest.raises(
        UserError, match=r"\(samples, steps, 4\) or \(samples, steps, 2, 2\), not \(1, 2, 1, 4\)"
    ):
        run_golden(network, x.reshape(1, 2, 1, 4))


def spiking(names, projections):
    neuron = NeuronParams(
        neurons=1, acc_bits=8, state_bits=8, membrane=IDENTITY, threshold=0, reset=Reset.VALUE
    )
    return QuantisedNetwork(
        name="net",
        inputs=(Input(name="in", shape=(1,)),),
        populations=tuple(population(name, neuron) for name in names),
        projections=tuple(projections),
        outputs=(names[-1],),
    )


def test_feed_forward_networks_run_layer_by_layer():
    chain = [projection("in", "a", [[1]]), projection("a", "b", [[1]]), projection("b", "c", [[1]])]
    blocks = traverse.make_blocks(spiking("abc", chain))
    assert [block.names for block in blocks] == [("a",), ("b",), ("c",)]
    assert not any(block.inner for block in blocks)


def test_only_populations_inside_a_loop_run_step_by_step():
    links = [("in", "a"), ("a", "b"), ("b", "c"), ("c", "d"), ("d", "e")]
    loop = [projection(s, t, [[1]]) for s, t in links] + [projection("c", "b", [[1]], recurrent=True)]
    assert [b.names for b in traverse.make_blocks(spiking("abcde", loop))] == [
        ("a",),
        ("b", "c"),
        ("d",),
        ("e",),
    ]


def test_a_late_projection_forward_keeps_layers_apart_and_delays_one_step():
    late = spiking("ab", [projection("in", "a", [[1]]), projection("a", "b", [[1]], recurrent=True)])
    assert [b.names for b in traverse.make_blocks(late)] == [("a",), ("b",)]
    run = run_golden(late, np.asarray([[[1], [0], [0], [1]]], dtype=np.uint8))
    assert run.spikes["a"].ravel().tolist() == [1, 0, 0, 1]
    assert run.spikes["b"].ravel().tolist() == [0, 1, 0, 0]


def test_backward_projections_must_be_recurrent():
    network = spiking("ab", [projection("in", "a", [[1]]), projection("b", "a", [[1]])])
    with pytest.raises(UserError, match=r"^Projection b->a goes backward, so it must be recurrent$"):
        run_golden(network, np.ones((1, 1, 1), dtype=np.uint8))


def test_populations_without_spikes_cannot_be_a_source():
    network = summing([[1]])
    network = replace(
        network,
        populations=(*network.populations, replace(network.populations[0], name="next")),
        projections=(*network.projections, projection("sum", "next", [[1]])),
    )
    with pytest.raises(UserError, match=r"^Population sum has no spikes to send to next$"):
        run_golden(network, np.ones((1, 1, 1), dtype=np.uint8))


def test_what_is_kept():
    chain = spiking("abc", [projection(s, t, [[1]]) for s, t in ("ia", "ab", "bc")])
    chain = replace(chain, inputs=(Input(name="i", shape=(1,)),))
    x = np.ones((2, 3, 1), dtype=np.uint8)
    run = run_golden(chain, x)
    assert set(run.spikes) == {"a", "b", "c"}
    assert not run.membranes
    assert not run.currents
    assert run.spikes["a"].dtype == np.uint8
    assert run.output is run.spikes["c"]
    run = run_golden(chain, x, keep=("b",), record=True)
    assert set(run.spikes) == set(run.membranes) == {"b", "c"}
    assert run.membranes["b"].dtype == np.int64
    assert set(run.saturations) == {"a", "b", "c"}


def test_no_samples_give_empty_arrays():
    run = run_golden(summing([[1, 2]]), np.zeros((0, 4, 2), dtype=np.uint8))
    assert run.output.shape == (0, 4, 1)


def test_samples_do_not_depend_on_each_other_or_on_their_number():
    rng = np.random.default_rng(5)
    network = proven(summing(rng.integers(-50, 50, (6, 9)), threshold=300, reset=Reset.SUBTRACT))
    x = rng.integers(0, 9, (600, 4, 9)).astype(np.uint8)
    together = run_golden(network, x, record=True)
    for k in (0, 255, 256, 599):
        alone = run_golden(network, x[k : k + 1], record=True)
        np.testing.assert_array_equal(alone.membranes["sum"][0], together.membranes["sum"][k])
        np.testing.assert_array_equal(alone.spikes["sum"][0], together.spikes["sum"][k])


@pytest.mark.parametrize("weight", [np.asarray([[3, 5]], np.int32), np.asarray([[[[3]], [[5]]]], np.int32)])
def test_what_is_kept_of_a_network_cannot_become_stale(weight):
    """A network has copies of arrays that someone else may write to, and nobody writes to them."""
    conv = None
    if weight.ndim == 4:
        axis = AxisParams(size=1, outputs=1, kernel=1)
        conv = ConvParams(channels=2, filters=1, rows=axis, columns=axis)
    delay = np.asarray([0, 1])
    network = summing([[0, 0]])
    network = replace(network, projections=(projection("in", "sum", weight, conv=conv, delay_steps=delay),))
    x = np.ones((1, 2, 2), dtype=np.uint8)
    assert run_golden(network, x).output.tolist() == [[[3], [11]]]
    weight[:] = 20
    delay[:] = 0
    assert run_golden(network, x).output.tolist() == [[[3], [11]]]
    (synapses,) = network.projections
    for array in (synapses.weight, synapses.delay_steps):
        assert array is not None
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 1
    other = replace(network, projections=(replace(synapses, weight=synapses.weight + 1),))
    assert run_golden(other, x).output.tolist() == [[[4], [14]]]
    assert run_golden(network, x).output.tolist() == [[[3], [11]]]


def test_nothing_is_kept_of_a_network_that_is_gone():
    network = summing([[1, 2]])
    run_golden(network, np.ones((1, 1, 2), np.uint8))
    plan = weakref.ref(model._plans[network].rules["sum"])
    assert plan() is not None
    del network
    assert plan() is None


@pytest.mark.parametrize("recurrent", [False, True])
def test_threads_share_samples_only_where_that_pays(monkeypatch, recurrent):
    network = proven(summing(np.ones((1 << 10, 1 << 10)), threshold=9))
    if recurrent:
        back = projection("sum", "sum", np.zeros((1 << 10, 1 << 10)), recurrent=True)
        network = proven(replace(network, projections=(*network.projections, back)))
    shared = []
    monkeypatch.setattr(traverse, "share", lambda work, pieces, threads: shared.append((pieces, threads)))
    for samples, steps, threads in ((1, 1000, 8), (64, 1, 8), (512, 4, 1), (512, 4, 8)):
        run_golden(network, np.zeros((samples, steps, 1 << 10), np.uint8), threads=threads)
    if recurrent:  # the kernels of a step are short, and what calls them is not shared
        assert [threads for _, threads in shared] == [1, 1, 1, 2]
    else:
        assert [threads for _, threads in shared] == [1, 1, 1, 8]
    assert sum(piece.stop - piece.start for piece in shared[-1][0]) == 512
    assert len(shared[-1][0]) >= shared[-1][1]


def test_working_memory_grows_neither_with_samples_nor_with_steps():
    for size, history in itertools.product((10, 100_000), ({}, {"in": 255})):
        inputs = (Input(name="in", shape=(size,)),)
        plan = traverse.Plan(inputs, {"in": size}, {}, (), {}, history)
        for window_bytes in (1 << 25, 1 << 28):
            chunk, window = traverse._extent(plan, window_bytes)
            assert chunk * window * 8 * size <= window_bytes
            assert chunk * history.get("in", 0) * size <= window_bytes
            assert 1 <= chunk <= 256
