"""What a step would take if everything fired, against the exact prediction of such samples."""

import numpy as np
import pytest
from spikeloom.gen.cycles import predict_cycles
from spikeloom.gen.dense_cycles import dense_step_cycles
from spikeloom.gen.plan import PlanOptions, make_plan

from .chains import quantised_chain


@pytest.mark.parametrize("sparse", ["never", "always"])
@pytest.mark.parametrize(
    ("sizes", "lanes"), [((9, 40), 8), ((9, 40), 40), ((3, 50, 4), 4), ((30, 50, 40), 16), ((1, 200), 200)]
)
def test_a_dense_sample_takes_a_step_after_the_other(sizes, lanes, sparse):
    """From one step more to the next, once the pipeline is full, the prediction grows by as much."""
    options = PlanOptions(lanes=lanes, update_lanes=2, sparse=sparse)
    params = make_plan(quantised_chain(list(sizes), bits=4), options).accelerator

    def cycles(steps):
        spikes = [np.ones((1, steps, core.neuron.neurons), np.uint8) for core in params.cores]
        return predict_cycles(params, np.ones((1, steps, sizes[0]), np.uint8), spikes)[0]

    grown = cycles(9) - cycles(8)
    assert dense_step_cycles(params) <= grown <= dense_step_cycles(params) + 2
