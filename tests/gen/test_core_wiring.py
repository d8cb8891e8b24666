"""Graphs of populations become links between cores."""

from dataclasses import replace

import numpy as np
import pytest
from spikeloom.gen.core_wiring import input_channels, link_weights, wire_cores
from spikeloom.gen.errors import UserError
from spikeloom.gen.ir import Input, QuantisedProjection
from spikeloom.hw.params import INPUT, LinkParams

from .chains import quantised_chain

CHAIN = quantised_chain([3, 4, 2])


def joined(name, source, target, shape, *, recurrent=False, value=1):
    """The chain with one projection more."""
    weight = np.full(shape, value, np.int32)
    more = QuantisedProjection(name=name, source=source, target=target, weight=weight, recurrent=recurrent)
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
        (
            joined("again", "input", "layer.1", (4, 3)),
            "Population layer.1 takes two projections from input input; add them up",
        ),
    ],
    ids=["nothing drives it", "recurrent input", "twice the same input"],
)
def test_refused(network, message):
    with pytest.raises(UserError) as error:
        wire_cores(network)
    assert str(error.value) == message
