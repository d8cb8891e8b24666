"""Graphs of populations become links between cores."""

from dataclasses import replace

import numpy as np
import pytest
from spikeloom.gen.core_wiring import input_channels, link_delays, link_weights, wire_cores
from spikeloom.gen.delay_forms import DelayForm, delay_form, delay_note
from spikeloom.gen.errors import UserError
from spikeloom.gen.ir import Input, QuantisedProjection
from spikeloom.hw.conv_params import AxisParams, ConvParams
from spikeloom.hw.params import INPUT, LinkParams

from .chains import quantised_chain

CHAIN = quantised_chain([3, 4, 2])


def joined(name, source, target, shape, *, value=1, **more):
    """The chain with one projection more."""
    weight = np.full(shape, value, np.int32)
    more = QuantisedProjection(name=name, source=source, target=target, weight=weight, **more)
    return replace(CHAIN, projections=(*CHAIN.projections, more))


def test_chain():
    first, second = wire_cores(CHAIN)
    assert first.links == (LinkParams(source=INPUT, channels=3),)
    assert second.links == (LinkParams(source=0, channels=4),)
    assert first.projections == (("input->layer.1",),)
    assert np.array_equal(link_weights(CHAIN, second)[0], CHAIN.projections[1].weight)


def test_recurrent_link_comes_after_the_others():
    network = joined("loop", "layer.1", "layer.1", (4, 4), recurrent=True)
    wiring = wire_cores(network)[0]
    assert wiring.links[1] == LinkParams(source=0, channels=4, recurrent=True)
    assert wiring.projections == (("input->layer.1",), ("loop",))
    weight = np.concatenate(link_weights(network, wiring), axis=1)
    assert weight.shape == (4, 7)
    assert np.array_equal(weight[:, :3], network.projections[0].weight)
    assert (weight[:, 3:] == 1).all()


def test_skip_link_comes_first():
    network = joined("skip", "input", "layer.2", (2, 3), value=-1)
    wiring = wire_cores(network)[1]
    assert [link.source for link in wiring.links] == [INPUT, 0]
    assert (np.concatenate(link_weights(network, wiring), axis=1)[:, :3] == -1).all()


def test_inputs_follow_each_other_in_one_stream():
    network = replace(
        joined("aside", "other", "layer.2", (2, 5)), inputs=(*CHAIN.inputs, Input(name="other", shape=(5,)))
    )
    assert input_channels(network) == 8
    assert wire_cores(network)[1].links[0] == LinkParams(source=INPUT, first=3, channels=5)


def test_two_inputs_of_one_population_are_one_link():
    network = replace(
        joined("both", "other", "layer.1", (4, 5), value=2),
        inputs=(*CHAIN.inputs, Input(name="other", shape=(5,))),
    )
    wiring = wire_cores(network)[0]
    assert wiring.links == (LinkParams(source=INPUT, channels=8),)
    weight = np.concatenate(link_weights(network, wiring), axis=1)
    assert np.array_equal(weight[:, :3], CHAIN.projections[0].weight)
    assert (weight[:, 3:] == 2).all()


def test_projections_from_one_input_have_links_of_their_own():
    network = joined("again", "input", "layer.1", (4, 3), value=2)
    wiring = wire_cores(network)[0]
    assert wiring.links == (LinkParams(source=INPUT, channels=3),) * 2
    assert wiring.projections == (("input->layer.1",), ("again",))
    assert np.array_equal(link_weights(network, wiring)[0], CHAIN.projections[0].weight)
    assert (link_weights(network, wiring)[1] == 2).all()


def test_links_with_delays_come_after_those_without():
    network = joined("again", "input", "layer.1", (4, 3), delay_steps=np.array([0, 2, 0]))
    projections = (network.projections[-1], *network.projections[:-1])
    wiring = wire_cores(replace(network, projections=projections))[0]
    assert [link.delay_steps for link in wiring.links] == [(), (0, 2, 0)]
    assert wiring.projections == (("input->layer.1",), ("again",))


def test_one_bit_weights_of_inputs_have_links_of_their_own():
    """Zeros of an input in between could not be said."""
    inputs = (*CHAIN.inputs, *(Input(name=name, shape=(2,)) for name in ("between", "other")))
    network = replace(joined("far", "other", "layer.1", (4, 2)), inputs=inputs)
    network = replace(network, populations=tuple(replace(p, weight_bits=1) for p in network.populations))
    assert [(link.first, link.channels) for link in wire_cores(network)[0].links] == [(0, 3), (5, 2)]


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            replace(CHAIN, projections=CHAIN.projections[:1]),
            "Population layer.2 takes no spikes of its own time step;"
            " connect it to an input or to a population before it",
        ),
        (
            joined("loop", "input", "layer.2", (2, 3), recurrent=True),
            "Projection loop comes from an input, so it cannot be recurrent",
        ),
    ],
    ids=["nothing drives it", "recurrent input"],
)
def test_refused(network, message):
    with pytest.raises(UserError) as error:
        wire_cores(network)
    assert str(error.value) == message


def delayed(delays, *, target="layer.2", source="layer.1", weight_bits=4):
    """The chain with delays on the projection from `source`."""
    projections = tuple(
        replace(p, delay_steps=np.array(delays)) if (p.source, p.target) == (source, target) else p
        for p in CHAIN.projections
    )
    populations = tuple(replace(p, weight_bits=weight_bits) for p in CHAIN.populations)
    return replace(CHAIN, projections=projections, populations=populations)


SYNAPTIC = [[0, 3, 5, 0], [3, 3, 0, 5]]


def test_delays_of_sources_are_a_delay_line():
    for delays in ([1, 0, 255, 7], [[1, 0, 255, 7]] * 2):
        wiring = wire_cores(delayed(delays))[1]
        assert wiring.links == (LinkParams(source=0, channels=4, delay_steps=(1, 0, 255, 7)),)
        assert wiring.max_delay == 0
        assert link_delays(CHAIN, wiring) is None


def test_delays_of_synapses_are_in_the_array():
    network = delayed(SYNAPTIC)
    wiring = wire_cores(network, "array")[1]
    assert wiring.links == (LinkParams(source=0, channels=4),)
    assert wiring.max_delay == 5
    beside = link_delays(network, wiring)
    assert beside is not None
    assert np.array_equal(beside[0], SYNAPTIC)
    assert np.array_equal(link_weights(network, wiring)[0], CHAIN.projections[1].weight)


def test_delays_of_synapses_are_a_line_for_each_delay():
    network = delayed(SYNAPTIC)
    wiring = wire_cores(network, "lines")[1]
    weight, parts = CHAIN.projections[1].weight, np.array(SYNAPTIC)
    occurring = np.unique(parts[weight != 0]).tolist()
    assert [link.delay_steps[:1] for link in wiring.links] == [(d,) if d else () for d in occurring]
    matrix = np.concatenate(link_weights(network, wiring), axis=1)
    for place, delay in enumerate(occurring):
        part = matrix[:, 4 * place : 4 * place + 4]
        assert np.array_equal(part, np.where(parts == delay, weight, 0))


def test_delayed_inputs_keep_their_places():
    network = delayed([[4, 1, 0], [0, 1, 4], [0, 0, 0], [1, 1, 1]], source="input", target="layer.1")
    network = replace(
        network,
        inputs=(*network.inputs, Input(name="other", shape=(2,))),
        projections=(
            *network.projections,
            QuantisedProjection(
                name="aside",
                source="other",
                target="layer.1",
                weight=np.ones((4, 2), np.int32),
                delay_steps=np.array([0, 9]),
            ),
        ),
    )
    links = wire_cores(network, "lines")[0].links
    assert links[0].delay_steps == (0, 0, 0, 0, 9)
    assert [link.delay_steps for link in links[1:]] == [(1,) * 3, (4,) * 3]
    matrix = np.concatenate(link_weights(network, wire_cores(network, "lines")[0]), axis=1)
    split = matrix[:, :3] + matrix[:, 5:8] + matrix[:, 8:]
    assert np.array_equal(split, network.projections[0].weight)
    assert (matrix[:, 3:5] == 1).all()


def test_one_bit_weights_take_the_array():
    assert wire_cores(delayed(SYNAPTIC, weight_bits=1))[1].max_delay == 5
    with pytest.raises(UserError) as error:
        wire_cores(delayed(SYNAPTIC, weight_bits=1), "lines")
    assert str(error.value) == "Option delays of layer.2: weights of 1 bit take auto or array, not lines"


def test_the_cheaper_form_is_chosen():
    """One long delay: a line has a ring of 4 channels, the array one of 40 accumulators. Many: the array."""
    wide = quantised_chain([3, 4, 40])
    delays = np.zeros((40, 4), np.int64)
    delays[0, 0] = 255
    few = replace(wide, projections=(wide.projections[0], replace(wide.projections[1], delay_steps=delays)))
    assert delay_form(few, "layer.2") is DelayForm.LINES
    delays = np.arange(160).reshape(40, 4) % 9
    many = replace(wide, projections=(wide.projections[0], replace(wide.projections[1], delay_steps=delays)))
    assert delay_form(many, "layer.2") is DelayForm.ARRAY
    assert "lines: " in (delay_note(many, "layer.2", DelayForm.ARRAY) or "")
    assert delay_note(wide, "layer.2", DelayForm.LINES) is None


def test_a_convolution_beside_another_input_has_a_link_of_its_own():
    axis = AxisParams(size=3, outputs=2, kernel=2)
    conv = ConvParams(channels=1, filters=1, rows=AxisParams(size=1, outputs=1, kernel=1), columns=axis)
    network = quantised_chain([3, 2])
    kernel = QuantisedProjection(
        name="kernel", source="other", target="layer.1", weight=np.ones((1, 1, 1, 2), np.int32), conv=conv
    )
    inputs = (*network.inputs, Input(name="other", shape=(1, 1, 3)))
    network = replace(network, inputs=inputs, projections=(*network.projections, kernel))
    (wiring,) = wire_cores(network)
    assert wiring.links == (
        LinkParams(source=INPUT, channels=3),
        LinkParams(source=INPUT, first=3, channels=3, conv=conv),
    )
