"""Small float networks for the tests of the quantiser; nothing is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
from spikeloom.gen.ir import Input, Network, Population, Projection
from spikeloom.gen.semantics import Semantics
from spikeloom.hw.params import Reset

__all__ = ["chain", "events", "network", "population", "same"]

SEMANTICS = Semantics(name="nir", dt=1e-3)


def population(name="p", size=3, **fields: Any) -> Population:
    """A population with full arrays; numbers stand for all neurons."""
    values: dict[str, Any] = {
        "threshold": 1.0,
        "beta": 0.9,
        "reset": Reset.VALUE,
        "bias": 0.0,
        "leak": 0.0,
        "reset_value": 0.0,
    }
    values |= {"offset": 0.0} | fields
    full: dict[str, Any] = {
        key: np.broadcast_to(np.asarray(value, np.float64), size).copy()
        for key, value in values.items()
        if isinstance(value, int | float | list | np.ndarray) and not isinstance(value, bool)
    }
    rest = {key: value for key, value in values.items() if key not in full}
    return Population(name=name, kind="LIF", shape=(size,), **(rest | full))


def network(populations, weights, *, channels, outputs=None):
    """Populations joined by ``weights``: (source, target) to a matrix; backward ones are recurrent."""
    order = {p.name: k for k, p in enumerate(populations)}
    return Network(
        name="net",
        semantics=SEMANTICS,
        inputs=(Input(name="in", shape=(channels,)),),
        populations=tuple(populations),
        projections=tuple(
            Projection(
                name=f"{source}->{target}",
                source=source,
                target=target,
                weight=np.asarray(weight, np.float64),
                recurrent=order.get(source, -1) >= order[target],
            )
            for (source, target), weight in weights.items()
        ),
        outputs=outputs or (populations[-1].name,),
    )


def chain(rng, sizes, *, outliers=0.0, recurrent=False, **fields):
    """Random weights, inputs scaled so that neurons fire; `outliers`: fraction of weights 8 times larger."""
    populations, weights, source = [], {}, "in"
    for k, size in enumerate(sizes[1:]):
        name = f"layer{k}"
        populations.append(population(name, size, **fields))
        weight = rng.normal(0.1, 1.0, (size, sizes[k])) / np.sqrt(sizes[k])
        weight = np.where(rng.random(weight.shape) < outliers, -8 * np.abs(weight), weight)
        weights[source, name] = weight
        if recurrent and k == 0:
            weights[name, name] = rng.normal(-0.1, 0.5, (size, size)) / np.sqrt(size)
        source = name
    return network(populations, weights, channels=sizes[0])


def events(rng, samples, steps, channels, rate=0.2):
    """Random spikes with channels of different rates, shared within groups: neurons see correlated input."""
    base = rng.random((samples, 1, channels)) * 2 * rate
    return (rng.random((samples, steps, channels)) < base).astype(np.uint8)


def same(first, second):
    """Whether two quantised networks are equal in every integer."""
    return (
        all(
            a.neuron == b.neuron and a.weight_bits == b.weight_bits and np.array_equal(a.scale, b.scale)
            for a, b in zip(first.populations, second.populations, strict=True)
        )
        and all(
            np.array_equal(a.weight, b.weight) and a.name == b.name and a.recurrent == b.recurrent
            for a, b in zip(first.projections, second.projections, strict=True)
        )
        and first.input_max == second.input_max
    )
