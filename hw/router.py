"""Spike router: joins the cores of an accelerator by multicast, queues and merges.

Built from the links alone. In a chain all that stands between two cores is an output stage.
"""

from __future__ import annotations

from typing import Any

from amaranth import Module
from amaranth.lib import wiring

from .channel_fan import ChannelFan
from .channel_slice import ChannelSlice
from .delay_line import DelayLine
from .multicast import Multicast
from .params import INPUT, AcceleratorParams, LinkParams
from .signatures import event_layout, out_layout
from .step_merge import StepMerge
from .step_queue import StepQueue

__all__ = ["OUTPUT", "connect_cores", "follows", "needs_queue", "queue_steps"]

OUTPUT = -1
"""Consumer number of the accelerator's output."""


def needs_queue(place: int) -> bool:
    """Whether a stream or output at `place` gets a step queue: all but the first, taken as it comes."""
    return place > 0


def queue_steps(number: int, link: LinkParams) -> int:
    """Time steps that the queue of a link into core `number` holds.

    Two where a source sends past its own step's consumer: the consumer takes the source's step t + 1 (or what
    follows from it) before the delayed step t.
    """
    return 2 if link.recurrent and link.source < number else 1


def follows(params: AcceleratorParams, number: int, link: LinkParams) -> bool:
    """Whether the source of a recurrent link into core `number` sends a step only behind that core's.

    Then all that the core has of the step before is taken, and the link's queue always has room: so no
    handshake goes from it through a multicast into the source.
    """
    if not link.recurrent or link.source < number:
        return False
    behind = {number}  # cores that wait, in every step, for the tick of core `number`
    for core in range(number + 1, link.source + 1):
        if any(other.source in behind and not other.recurrent for other in params.links(core)):
            behind.add(core)
    return link.source in behind


def connect_cores(m: Module, params: AcceleratorParams, source: Any, cores: list[Any]) -> Any:
    """Connect `source` (the input stream) and the `out` streams of `cores` to their consumers.

    Returns
    -------
    Any
        The stream of the output cores; several are merged.
    """
    taps = _taps(m, params, source, cores)
    for number, core in enumerate(cores):
        links, fanned = params.links(number), params.fanned(number)
        streams = [_fan(m, params, number, taps[INPUT, number, 0])] if fanned > 1 else []
        streams += [
            _link(m, params, number, place, link, taps[link.source, number, place])
            for place, link in enumerate(links)
            if fanned < 2 or place >= fanned
        ]
        wiring.connect(m, _merged(m, params, number, streams), core.events)
    return _output(
        m, params, [taps[output, OUTPUT, place] for place, output in enumerate(params.output_cores)]
    )


def _taps(
    m: Module, params: AcceleratorParams, source: Any, cores: list[Any]
) -> dict[tuple[int, int, int], Any]:
    """A stream for every (source, consumer, place)."""
    taps = {}
    for number, out in [(INPUT, source), *((k, core.out) for k, core in enumerate(cores))]:
        wanted = [(number, *consumer) for consumer in params.consumers(number)]
        wanted += [(number, OUTPUT, place) for place, k in enumerate(params.output_cores) if k == number]
        if len(wanted) == 1 and number == INPUT:  # it comes from a register already
            taps[wanted[0]] = out
        elif not wanted:
            m.d.comb += out.ready.eq(1)  # nobody listens
        else:
            direct = [k for k, place in enumerate(wanted) if number != INPUT and _stored(params, *place[1:])]
            multicast = Multicast(out.payload.shape(), ways=len(wanted), direct=direct)
            m.submodules[f"multicast_{_name(params, number)}"] = multicast
            wiring.connect(m, out, multicast.i)
            taps |= dict(zip(wanted, multicast.outputs, strict=True))
    return taps


def _stored(params: AcceleratorParams, consumer: int, place: int) -> bool:
    """Whether a consumer begins with a step queue or a delay line, which need no output stage before them."""
    return needs_queue(place) or (consumer != OUTPUT and bool(params.links(consumer)[place].delay_steps))


def _name(params: AcceleratorParams, number: int) -> str:
    return "input" if number == INPUT else params.cores[number].name


def _link(m: Module, params: AcceleratorParams, number: int, place: int, link: LinkParams, tap: Any) -> Any:
    """Stream of a link: its slice of the channels, then its delay line or queue."""
    name = f"{_name(params, number)}_{place}"
    if link.source == INPUT and (link.first or link.channels != params.channels):
        m.submodules[f"slice_{name}"] = part = ChannelSlice(
            of=params.channels, first=link.first, channels=link.channels, value_bits=params.input_value_bits
        )
        wiring.connect(m, tap, part.i)
        tap = part.o
    if link.delay_steps:
        line = DelayLine(
            link.delay_steps,
            recurrent=link.recurrent,
            count_bits=link.count_bits,
            values=link.source == INPUT and params.input_value_bits > 0,
        )
        m.submodules[f"delay_{name}"] = line
        wiring.connect(m, tap, line.i)
        tap = line.o
    elif needs_queue(place):
        m.submodules[f"queue_{name}"] = queue = StepQueue(
            event_layout(link.channels),
            events=params.step_events(link.source),
            recurrent=link.recurrent,
            steps=queue_steps(number, link),
            never_full=follows(params, number, link),
        )
        wiring.connect(m, tap, queue.i)
        tap = queue.o
    return tap


def _fan(m: Module, params: AcceleratorParams, number: int, tap: Any) -> Any:
    """Stream of all links at the head of a core that take the input."""
    links = params.links(number)[: params.fanned(number)]
    fan = ChannelFan(
        of=params.channels,
        ranges=[(link.first, link.channels) for link in links],
        value_bits=params.input_value_bits,
    )
    m.submodules[f"fan_{_name(params, number)}"] = fan
    wiring.connect(m, tap, fan.i)
    return fan.o


def _output(m: Module, params: AcceleratorParams, streams: list[Any]) -> Any:
    if len(streams) == 1:
        return streams[0]
    channels = [params.cores[output].neuron.neurons for output in params.output_cores]
    layouts = [stream.payload.shape() for stream in streams]
    m.submodules.merge_output = merge = StepMerge(layouts, out_layout(params), channels)
    for place, (stream, taken) in enumerate(zip(streams, merge.inputs, strict=True)):
        if needs_queue(place):
            queue = StepQueue(layouts[place], events=params.step_events(params.output_cores[place]))
            m.submodules[f"queue_output_{place}"] = queue
            wiring.connect(m, stream, queue.i)
            stream = queue.o
        wiring.connect(m, stream, taken)
    return merge.o


def _merged(m: Module, params: AcceleratorParams, number: int, streams: list[Any]) -> Any:
    if len(streams) == 1:
        return streams[0]
    channels = [link.channels for link in params.links(number)]
    if params.fanned(number) > 1:
        channels = [sum(channels[: params.fanned(number)]), *channels[params.fanned(number) :]]
    layouts = [stream.payload.shape() for stream in streams]
    value_bits = params.cores[number].array.value_bits
    merge = StepMerge(layouts, event_layout(sum(channels), value_bits), channels)
    m.submodules[f"merge_{_name(params, number)}"] = merge
    for stream, taken in zip(streams, merge.inputs, strict=True):
        wiring.connect(m, stream, taken)
    return merge.o
