"""Classes from runs: counts, membranes, ties, scales and offsets."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from spikeloom.gen.errors import UserError
from spikeloom.gen.ir import Population, QuantisedPopulation
from spikeloom.hw.params import NeuronParams
from spikeloom.sim.decision import accuracy, decide
from spikeloom.sim.golden import Run


def run_of(values, *, spiking):
    values = np.asarray(values)
    return Run(
        outputs=("out",),
        spikes={"out": values.astype(np.uint8)} if spiking else {},
        membranes={} if spiking else {"out": values},
        currents={},
        saturations={},
    )


def network(population) -> Any:
    return cast(Any, SimpleNamespace(populations=(population,)))


def real(neurons, **fields):
    return network(Population(name="out", kind="LI", shape=(neurons,), **fields))


def integer(neurons, *, scale: Any = 1.0, offset: Any = 0.0, threshold=None, frac_bits=2):
    return network(
        QuantisedPopulation(
            name="out",
            kind="LI",
            shape=(neurons,),
            neuron=NeuronParams(
                neurons=neurons, acc_bits=8, state_bits=16, frac_bits=frac_bits, threshold=threshold
            ),
            weight_bits=8,
            scale=np.broadcast_to(scale, neurons),
            offset=np.broadcast_to(offset, neurons),
        )
    )


def test_most_spikes_win_and_the_lowest_index_wins_a_tie():
    spikes = [[[0, 1, 1], [0, 1, 1]], [[1, 0, 1], [0, 0, 1]], [[0, 0, 0], [0, 0, 0]]]
    for one in (real(3, threshold=np.ones(3)), integer(3, threshold=1)):
        classes = decide(one, run_of(spikes, spiking=True))
        assert classes.dtype == np.int64
        assert classes.tolist() == [1, 2, 0]


def test_counts_are_not_kept_in_eight_bits():
    spikes = np.ones((1, 300, 2), dtype=np.uint8)
    spikes[0, 200:, 0] = 0
    assert decide(real(2, threshold=np.ones(2)), run_of(spikes, spiking=True)).tolist() == [1]


@pytest.mark.parametrize(("rule", "expected"), [(None, 1), ("sum", 1), ("last", 2), ("max", 0)])
def test_rules_for_membranes(rule, expected):
    v = np.asarray([[[9, 6, 0], [-9, 6, 0], [0, 1, 2]]])
    assert decide(real(3), run_of(v * 1.0, spiking=False), rule=rule).tolist() == [expected]
    assert decide(integer(3), run_of(v, spiking=False), rule=rule).tolist() == [expected]


def test_membranes_are_compared_as_real_values():
    v = np.asarray([[[8, 5], [8, 5]]])
    assert decide(integer(2), run_of(v, spiking=False)).tolist() == [0]
    assert decide(integer(2, scale=[1.0, 2.0]), run_of(v, spiking=False)).tolist() == [1]
    assert decide(integer(2, offset=[0.0, 0.9]), run_of(v, spiking=False)).tolist() == [1]
    assert decide(integer(2, offset=[0.0, 0.9], frac_bits=0), run_of(v, spiking=False)).tolist() == [0]
    assert decide(real(2, offset=np.asarray([0, 4.0])), run_of(v * 1.0, spiking=False)).tolist() == [1]


def test_a_shared_scale_keeps_integers_exact():
    v = np.full((100, 100, 2), 2**47 - 2)
    v[:, 1, 1] += 1  # sums that differ by one beyond 2**53, where not every double is whole
    v[:, 0] -= np.arange(100)[:, None]
    assert decide(integer(2, scale=0.3), run_of(v, spiking=False)).tolist() == [1] * 100


def test_rules_that_do_not_fit():
    with pytest.raises(
        UserError, match=r"^Output out is spiking: its decision rule must be count, not last$"
    ):
        decide(real(2, threshold=np.ones(2)), run_of(np.ones((1, 1, 2)), spiking=True), rule="last")
    with pytest.raises(
        UserError, match=r"^Output out is analog: its decision rule must be sum or last or max, not count$"
    ):
        decide(real(2), run_of(np.ones((1, 1, 2)), spiking=False), rule="count")
    with pytest.raises(UserError, match=r"^Output out has no steps to decide from$"):
        decide(real(2), run_of(np.ones((1, 0, 2)), spiking=False))


def test_accuracy():
    assert accuracy(np.asarray([1, 2, 3, 4]), np.asarray([1, 2, 3, 5])) == 0.75
    with pytest.raises(UserError, match=r"^Accuracy needs labels: the data has no array y$"):
        accuracy(np.asarray([1]), None)
    with pytest.raises(UserError, match=r"^Accuracy needs one label for each of 2 samples, not 1$"):
        accuracy(np.asarray([1, 2]), np.asarray([1]))
