"""Random feed-forward networks, float and quantised, that need no importer and no quantiser."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from spikeloom.gen.ir import (
    Input,
    Network,
    Population,
    Projection,
    QuantisedNetwork,
    QuantisedPopulation,
    QuantisedProjection,
)
from spikeloom.gen.semantics import Semantics
from spikeloom.hw.params import DecayParams, NeuronParams, Reset, bits_for_signed

__all__ = ["float_chain", "quantised_chain"]


def quantised_chain(sizes, *, bits=4, seed=0, analog=False, state_bits=16):
    """Chain of LIF populations of `sizes[1:]`; with `analog` the last one does not spike."""
    rng = np.random.default_rng(seed)
    names = ["input", *(f"layer.{k}" for k in range(1, len(sizes)))]
    populations, projections = [], []
    for k, (source, target) in enumerate(pairwise(names), start=1):
        weight = random_weight(rng, sizes[k], sizes[k - 1], bits)
        spiking = not (analog and k == len(sizes) - 1)
        populations.append(
            QuantisedPopulation(
                name=target,
                kind="LIF" if spiking else "LI",
                shape=(sizes[k],),
                neuron=lif(rng, weight, spiking, state_bits),
                weight_bits=bits,
                scale=rng.uniform(0.1, 1, sizes[k]),
                offset=np.zeros(sizes[k]),
            )
        )
        projections.append(
            QuantisedProjection(name=f"{source}->{target}", source=source, target=target, weight=weight)
        )
    return QuantisedNetwork(
        name="chain",
        inputs=(Input(name="input", shape=(sizes[0],)),),
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=(names[-1],),
    )


def random_weight(rng, targets, sources, bits):
    if bits == 1:
        return rng.choice(np.array([-1, 1], np.int32), (targets, sources))
    return rng.integers(-(1 << (bits - 1)), 1 << (bits - 1), (targets, sources), dtype=np.int32)


def lif(rng, weight, spiking, state_bits):
    targets = len(weight)
    low = int(np.minimum(weight, 0).sum(axis=1, dtype=np.int64).min())
    high = int(np.maximum(weight, 0).sum(axis=1, dtype=np.int64).max())
    return NeuronParams(
        neurons=targets,
        acc_bits=bits_for_signed(low, high),
        state_bits=state_bits,
        frac_bits=2,
        membrane=DecayParams(factor=tuple(rng.integers(3000, 4000, targets).tolist())),
        threshold=tuple(rng.integers(20, 60, targets).tolist()) if spiking else None,
        reset=Reset.SUBTRACT if spiking else Reset.NONE,
    )


def float_chain(qnet):
    """The float network that `qnet` could have come from."""
    populations = [
        Population(
            name=p.name,
            kind=p.kind,
            shape=p.shape,
            nodes=(p.name, "w"),
            beta=np.full(p.size, 0.9),
            bias=np.zeros(p.size),
            threshold=np.ones(p.size) if p.spiking else None,
            reset=p.neuron.reset,
        )
        for p in qnet.populations
    ]
    scales = {p.name: p.scale for p in qnet.populations}
    projections = [
        Projection(name=p.name, source=p.source, target=p.target, weight=p.weight * scales[p.target][:, None])
        for p in qnet.projections
    ]
    return Network(
        name=qnet.name,
        semantics=Semantics(name="norse", dt=1e-3),
        inputs=qnet.inputs,
        populations=tuple(populations),
        projections=tuple(projections),
        outputs=qnet.outputs,
        assumptions=("Spikes are compared with >, as the norse preset says",),
    )
