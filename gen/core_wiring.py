"""Which spikes feed which core: projections of the network become links between cores.

Does not choose lanes or memories. All inputs share one stream: their channels follow each other in the order
of the network's inputs, so all projections from inputs into a population are one link.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from ..hw.params import INPUT, LinkParams
from .errors import UserError
from .ir import QuantisedNetwork, QuantisedProjection

__all__ = ["CoreWiring", "input_channels", "link_weights", "wire_cores"]


@dataclass(frozen=True, kw_only=True)
class CoreWiring:
    """Links into one core, and the projections behind each: several only behind a link from the inputs."""

    links: tuple[LinkParams, ...]
    projections: tuple[tuple[str, ...], ...]


def input_channels(network: QuantisedNetwork) -> int:
    """Channels of the accelerator's input stream."""
    return sum(item.size for item in network.inputs)


def wire_cores(network: QuantisedNetwork) -> tuple[CoreWiring, ...]:
    """Give the wiring of every population, in the order of the network.

    Raises
    ------
    UserError
        A population that nothing drives in its own step, or two projections from one input into it.
    """
    return tuple(_wire(network, population.name) for population in network.populations)


def link_weights(network: QuantisedNetwork, wiring: CoreWiring) -> list[np.ndarray]:
    """Weights of each link of a core: a kernel, or (targets, sources) with zeros for an input in between."""
    by_name = {projection.name: projection for projection in network.projections}
    parts = []
    for link, names in zip(wiring.links, wiring.projections, strict=True):
        projections = [by_name[name] for name in names]
        parts.append(
            _from_inputs(network, link, projections) if link.source == INPUT else projections[0].weight
        )
    return parts


def _wire(network: QuantisedNetwork, target: str) -> CoreWiring:
    numbers = {population.name: k for k, population in enumerate(network.populations)}
    into = network.into(target)
    from_inputs = [p for p in into if p.source not in numbers]
    others = sorted((p for p in into if p.source in numbers), key=lambda p: (p.recurrent, numbers[p.source]))
    links = [_input_link(network, target, from_inputs)] if from_inputs else []
    links += [
        LinkParams(source=numbers[p.source], channels=p.sources, recurrent=p.recurrent, conv=p.conv)
        for p in others
    ]
    if not links or links[0].recurrent:
        raise UserError(
            f"Population {target} takes no spikes of its own time step;"
            " connect it to an input or to a population before it"
        )
    names = [tuple(p.name for p in from_inputs)] if from_inputs else []
    return CoreWiring(links=tuple(links), projections=(*names, *((p.name,) for p in others)))


def _input_link(network: QuantisedNetwork, target: str, projections: list[QuantisedProjection]) -> LinkParams:
    slices = _input_slices(network)
    for projection in projections:
        if projection.recurrent:
            raise UserError(f"Projection {projection.name} comes from an input, so it cannot be recurrent")
        if [p.source for p in projections].count(projection.source) > 1:
            raise UserError(
                f"Population {target} takes two projections from input {projection.source}; add them up"
            )
    convolutions = [projection for projection in projections if projection.conv is not None]
    if convolutions and len(projections) > 1:
        raise UserError(
            f"Projection {convolutions[0].name} is a convolution of an input, and population {target} takes"
            " further inputs; one input, or matrices, would be accepted"
        )
    taken = [slices[projection.source] for projection in projections]
    first = min(part.start for part in taken)
    channels = max(part.stop for part in taken) - first
    return LinkParams(source=INPUT, first=first, channels=channels, conv=projections[0].conv)


def _input_slices(network: QuantisedNetwork) -> dict[str, slice]:
    ends = list(accumulate(item.size for item in network.inputs))
    return {item.name: slice(end - item.size, end) for item, end in zip(network.inputs, ends, strict=True)}


def _from_inputs(
    network: QuantisedNetwork, link: LinkParams, projections: list[QuantisedProjection]
) -> np.ndarray:
    if len(projections) == 1:
        return projections[0].weight
    slices = _input_slices(network)
    weight = np.zeros((projections[0].weight.shape[0], link.channels), projections[0].weight.dtype)
    for projection in projections:
        part = slices[projection.source]
        weight[:, part.start - link.first : part.stop - link.first] = projection.weight
    return weight
