from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from spikeloom.gen.codec import decode, encode
from spikeloom.gen.errors import UserError
from spikeloom.gen.names import identifier, unique_names
from spikeloom.gen.plan import Plan, PlanOptions, make_plan
from spikeloom.hw.params import ReadoutKind, Reset

from .chains import quantised_chain


def lanes_of(plan):
    return [(core.array.lanes, core.update_lanes) for core in plan.accelerator.cores]


@pytest.mark.parametrize(
    ("targets", "lanes", "update_lanes"),
    [(1, 1, 1), (10, 10, 1), (32, 32, 1), (33, 20, 2), (40, 20, 2), (128, 32, 4), (1000, 32, 8)],
)
def test_automatic_lanes(targets, lanes, update_lanes):
    plan = make_plan(quantised_chain([3, targets]))
    assert lanes_of(plan) == [(lanes, update_lanes)]


def test_automatic_lanes_take_as_few_cycles_an_event_as_32_lanes():
    for targets in range(1, 300):
        (core,) = make_plan(quantised_chain([1, targets])).accelerator.cores
        assert core.array.groups == -(-targets // 32)
        assert core.array.lanes * core.array.groups - targets < 4 * core.array.groups


def test_cores_follow_the_chain():
    network = quantised_chain([5, 7, 3], bits=6)
    plan = make_plan(network)
    assert [core.name for core in plan.accelerator.cores] == ["layer_1", "layer_2"]
    assert plan.populations == ("layer.1", "layer.2")
    assert plan.projections == ((("input->layer.1",),), (("layer.1->layer.2",),))
    assert [(c.array.sources, c.array.targets, c.array.weight_bits) for c in plan.accelerator.cores] == [
        (5, 7, 6),
        (7, 3, 6),
    ]
    assert [core.neuron for core in plan.accelerator.cores] == [p.neuron for p in network.populations]


def test_lanes_are_given_for_all_and_for_single_populations():
    options = PlanOptions(
        lanes=8, population_lanes={"layer.2": 6}, update_lanes=4, population_update_lanes={"layer.2": 2}
    )
    assert lanes_of(make_plan(quantised_chain([5, 16, 12, 3]), options)) == [(8, 4), (6, 2), (3, 3)]


@pytest.mark.parametrize(
    ("readout", "analog", "expected"),
    [
        ("auto", False, ReadoutKind.SPIKES),
        ("auto", True, ReadoutKind.MEMBRANE),
        ("counts", False, ReadoutKind.COUNTS),
        ("class", False, ReadoutKind.CLASS),
        ("class", True, ReadoutKind.CLASS),
    ],
)
def test_readout(readout, analog, expected):
    plan = make_plan(quantised_chain([3, 4], analog=analog), PlanOptions(readout=readout))
    assert plan.accelerator.readout is expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lanes": 0}, "Option lanes must be auto or a number from 1 up, not 0"),
        ({"lanes": "many"}, "Option lanes must be auto or a number from 1 up, not many"),
        ({"update_lanes": True}, "Option update_lanes must be auto or a number from 1 up, not True"),
        (
            {"population_lanes": {"layer.1": 9}},
            "Option population_lanes of layer.1 must be between 1 and 4, not 9",
        ),
        (
            {"population_lanes": {"layer.9": 1}},
            "Option population_lanes names no population layer.9; there are layer.1",
        ),
        (
            {"population_update_lanes": {"layer.1": 3}},
            "Option population_update_lanes of layer.1 must divide its 4 lanes, not 3",
        ),
        (
            {"readout": "votes"},
            "Option readout must be one of auto, spikes, membrane, counts, class, not votes",
        ),
        (
            {"readout": "membrane"},
            "Option readout=membrane does not fit output population layer.1, which spikes;"
            " accepted: spikes, counts, class",
        ),
        ({"count_bits": 33}, "Option count_bits must be between 1 and 32, not 33"),
        ({"clock_mhz": 0.0}, "Option clock_mhz must be above 0 and at most 10000, not 0.0"),
    ],
)
def test_option_errors(options, message):
    with pytest.raises(UserError) as error:
        make_plan(quantised_chain([3, 4]), PlanOptions(**options))
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"lane": 3}, "plan options: unknown lane"),
        ({"debug": "yes"}, "plan options.debug: expected bool, found 'yes'"),
        ({"lanes": 1.5}, "plan options.lanes: expected int or str, found 1.5"),
        ({"lanes": -1}, "plan options: Option lanes must be auto or a number from 1 up, not -1"),
    ],
)
def test_option_table_errors(table, message):
    with pytest.raises(UserError) as error:
        PlanOptions.from_table(table)
    assert str(error.value) == message


def test_option_tables_may_be_partial():
    assert PlanOptions.from_table({"lanes": 4}) == PlanOptions(lanes=4)


def no_population(network):
    return replace(network, populations=())


def mixed_outputs(network):
    first, second = network.populations
    analog = replace(second, neuron=replace(second.neuron, threshold=None, reset=Reset.NONE))
    return replace(network, populations=(first, analog), outputs=("layer.1", "layer.2"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            no_population,
            "Network chain has no population; at least one neuron or linear node is needed",
        ),
        (
            mixed_outputs,
            "Network chain: outputs layer.1, layer.2 must all spike or all be analog",
        ),
    ],
)
def test_graphs_that_are_refused(change, message):
    with pytest.raises(UserError) as error:
        make_plan(change(quantised_chain([3, 4, 2])))
    assert str(error.value) == message


@given(
    sizes=st.lists(st.integers(1, 70), min_size=2, max_size=4),
    lanes=st.one_of(st.just("auto"), st.integers(1, 80)),
    update_lanes=st.one_of(st.just("auto"), st.integers(1, 80)),
    readout=st.sampled_from(["auto", "spikes", "counts", "class"]),
    debug=st.booleans(),
    seed=st.integers(0, 9),
)
def test_plans_survive_json(sizes, lanes, update_lanes, readout, debug, seed):
    options = PlanOptions(lanes=lanes, update_lanes=update_lanes, readout=readout, debug=debug)
    plan = make_plan(quantised_chain(sizes, seed=seed), options)
    assert decode(Plan, encode(plan), where="plan") == plan


@pytest.mark.parametrize(
    ("text", "name"),
    [("fc1.lif", "fc1_lif"), ("0", "n0"), ("", "population"), ("Größe (x)", "gr_e_x"), ("a" * 99, "a" * 64)],
)
def test_identifiers(text, name):
    assert identifier(text) == name


def test_identifiers_stay_apart():
    assert unique_names(["a.b", "a_b", "A-B", "a_b_2"]) == ("a_b", "a_b_2", "a_b_3", "a_b_2_2")
