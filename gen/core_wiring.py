"""Which spikes feed which core: projections of the network become links between cores.

Does not choose lanes or memories. All inputs share one stream: their channels follow each other in the order
of the network's inputs, so matrices from different inputs into a population are one link. Further matrices
from the same input, convolutions, and synapses whose delays are on delay lines have links of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from ..hw.params import INPUT, LinkParams
from .delay_forms import DelayedPart, DelayForm, delay_form, delayed_parts
from .errors import UserError
from .ir import QuantisedNetwork, QuantisedProjection
from .neuron_order import population_order

_Values = Callable[[QuantisedProjection, int | None], np.ndarray]

__all__ = ["CoreWiring", "input_channels", "link_delays", "link_weights", "wire_cores"]


@dataclass(frozen=True, kw_only=True)
class CoreWiring:
    """Links into one core, and the projections behind each: several only behind a link from the inputs.

    `max_delay`: longest delay beside a weight in the core's array; 0: none has one.
    """

    links: tuple[LinkParams, ...]
    projections: tuple[tuple[str, ...], ...]
    max_delay: int = 0


def input_channels(network: QuantisedNetwork) -> int:
    """Channels of the accelerator's input stream."""
    return sum(item.size for item in network.inputs)


def wire_cores(network: QuantisedNetwork, delays: DelayForm | str = DelayForm.AUTO) -> tuple[CoreWiring, ...]:
    """Give the wiring of every population, in the order of the network.

    Parameters
    ----------
    network : QuantisedNetwork
    delays : DelayForm
        Where the delays of single synapses are.

    Raises
    ------
    UserError
        A population that nothing drives in its own step, a recurrent projection from an input, or a form of
        delays that does not fit.
    """
    return tuple(_wire(network, p.name, DelayForm(delays)) for p in network.populations)


def link_weights(network: QuantisedNetwork, wiring: CoreWiring) -> list[np.ndarray]:
    """Weights of each link of a core: a kernel, or (targets, sources) with zeros for an input in between."""
    return _of_links(network, wiring, _weight)


def link_delays(network: QuantisedNetwork, wiring: CoreWiring) -> list[np.ndarray] | None:
    """Delays beside those weights, in steps; None where the core's array holds none."""
    return _of_links(network, wiring, _delays) if wiring.max_delay else None


def _of_links(network: QuantisedNetwork, wiring: CoreWiring, values: _Values) -> list[np.ndarray]:
    by_name = {projection.name: projection for projection in network.projections}
    slices = _input_slices(network)
    all_names = [name for names in wiring.projections for name in names]
    parts = []
    for link, names in zip(wiring.links, wiring.projections, strict=True):
        matrices = []
        for name in names:
            projection, delay = by_name[name], None
            if all_names.count(name) > 1:  # split: here are the synapses of the link's delay
                first = slices[projection.source].start - link.first if link.source == INPUT else 0
                delay = link.delay_steps[first] if link.delay_steps else 0
            matrices.append(values(projection, delay))
        if len(names) > 1:
            matrices = [_from_inputs(network, link, [by_name[name] for name in names], matrices)]
        parts += matrices
    return parts


def _weight(projection: QuantisedProjection, delay: int | None) -> np.ndarray:
    """Weights of a projection, or of those of its synapses that have this delay."""
    if delay is None:
        return projection.weight
    assert projection.delay_steps is not None
    return np.where(projection.delay_steps == delay, projection.weight, 0).astype(projection.weight.dtype)


def _delays(projection: QuantisedProjection, delay: int | None) -> np.ndarray:
    none = np.zeros(projection.weight.shape, np.int64)
    return none if projection.delay_steps is None else none + projection.delay_steps


def _wire(network: QuantisedNetwork, target: str, wish: DelayForm) -> CoreWiring:
    numbers = {population.name: k for k, population in enumerate(network.populations)}
    into, form = network.into(target), delay_form(network, target, wish)
    parts = [part for projection in into for part in delayed_parts(projection, form)]
    from_inputs = [part for part in parts if part.projection.source not in numbers]
    others = sorted(
        (part for part in parts if part.projection.source in numbers),
        key=lambda part: (part.projection.recurrent, numbers[part.projection.source]),
    )
    links = list(_input_links(network, target, from_inputs))
    links += [(_link(network, numbers, part), (part.projection.name,)) for part in others]
    if not links or links[0][0].recurrent:
        raise UserError(
            f"Population {target} takes no spikes of its own time step;"
            " connect it to an input or to a population before it"
        )
    delays = [p.delay_steps for p in into if p.delay_steps is not None and form is DelayForm.ARRAY]
    return CoreWiring(
        links=tuple(link for link, _ in links),
        projections=tuple(names for _, names in links),
        max_delay=max((int(delay.max()) for delay in delays), default=0),
    )


def _link(network: QuantisedNetwork, numbers: dict[str, int], part: DelayedPart) -> LinkParams:
    projection, delays = part.projection, part.delay_steps
    source = numbers[projection.source]
    order = population_order(network, projection.source)
    return LinkParams(
        source=source,
        channels=projection.sources,
        recurrent=projection.recurrent,
        conv=projection.conv,
        delay_steps=tuple(delays[k] for k in order.tolist()) if delays and order is not None else delays,
        count_bits=network.populations[source].neuron.spike_bits if delays else 1,
    )


def _input_links(
    network: QuantisedNetwork, target: str, parts: list[DelayedPart]
) -> Iterator[tuple[LinkParams, tuple[str, ...]]]:
    """Links from inputs, those without delays first."""
    slices = _input_slices(network)
    for name in (part.projection.name for part in parts if part.projection.recurrent):
        raise UserError(f"Projection {name} comes from an input, so it cannot be recurrent")
    one_bit = any(p.name == target and p.weight_bits == 1 for p in network.populations)
    links = []
    for together in _bundles(parts, apart=one_bit):
        taken = [slices[part.projection.source] for part in together]
        first, end = min(part.start for part in taken), max(part.stop for part in taken)
        conv = together[0].projection.conv
        delays = np.zeros(end - first, np.int64)
        for part, place in zip(together, taken, strict=True):
            if part.delay_steps:
                delays[place.start - first : place.stop - first] = part.delay_steps
        link = LinkParams(
            source=INPUT,
            first=first,
            channels=end - first,
            conv=conv,
            delay_steps=tuple(delays.tolist()) if delays.any() else (),
            count_bits=network.input_max.bit_length() if delays.any() else 1,
        )
        links.append((link, tuple(part.projection.name for part in together)))
    yield from sorted(links, key=lambda item: bool(item[0].delay_steps))


def _bundles(parts: list[DelayedPart], *, apart: bool) -> list[list[DelayedPart]]:
    """Parts that share a link: matrices of different inputs. Convolutions and split parts have their own.

    `apart`: all have, since weights of one bit cannot be the zeros of an input in between.
    """
    shared: list[list[DelayedPart]] = []
    alone = []
    for part in parts:
        if apart or part.projection.conv is not None or (part.split and part.delay_steps):
            alone.append([part])
            continue
        for bundle in shared:
            if all(part.projection.source != other.projection.source for other in bundle):
                bundle.append(part)
                break
        else:
            shared.append([part])
    return [*shared, *alone]


def _input_slices(network: QuantisedNetwork) -> dict[str, slice]:
    ends = list(accumulate(item.size for item in network.inputs))
    return {item.name: slice(end - item.size, end) for item, end in zip(network.inputs, ends, strict=True)}


def _from_inputs(
    network: QuantisedNetwork,
    link: LinkParams,
    projections: list[QuantisedProjection],
    matrices: list[np.ndarray],
) -> np.ndarray:
    slices = _input_slices(network)
    joined = np.zeros((matrices[0].shape[0], link.channels), matrices[0].dtype)
    for projection, matrix in zip(projections, matrices, strict=True):
        part = slices[projection.source]
        joined[:, part.start - link.first : part.stop - link.first] = matrix
    return joined
