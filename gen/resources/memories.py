"""Every memory of an accelerator by its shape, without building it.

The shapes are those that the blocks give their memories; tests/gen/resources compares the list with what is
elaborated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from amaranth import Signal
from amaranth.hdl import Shape, unsigned

from ...hw.accumulators import BLOCK_GROUPS, in_registers
from ...hw.banked_accumulators import touched_shape
from ...hw.banked_fifo import BankedFifo
from ...hw.expander import decode_fields, expander_depth
from ...hw.fifo import DeepFifo
from ...hw.kinds import WeightStore
from ...hw.lif import state_layout
from ...hw.loaded_memory import SLICE_BITS, LoadedShape
from ...hw.memory_banks import bank_words
from ...hw.neuron import tally_shape
from ...hw.parameter_store import parameter_fields, parameter_layout, parameter_rows, parameter_shape
from ...hw.params import INPUT, AcceleratorParams, CoreParams, LinkParams, ReadoutKind, bits_for_unsigned
from ...hw.router import needs_queue, queue_steps
from ...hw.row_decode import start_layout
from ...hw.serialiser import Serialiser, entry_layout
from ...hw.signatures import event_layout, input_layout, value_layout
from ...hw.staged import Pipeline
from ...hw.state_store import StateStore
from ...hw.step_queue import queue_depth, queue_kind
from ...hw.update_memory import UpdateMemory
from ...hw.weight_memory import rows_in_block_ram
from .pipelines import decode_cost

__all__ = [
    "MemoryShape",
    "accelerator_memories",
    "core_memories",
    "core_readout",
    "entry_bits",
    "link_memories",
    "sent_shape",
]

INPUT_QUEUE_DEPTH = 16


@dataclass(frozen=True, kw_only=True)
class MemoryShape:
    """A memory of a block.

    Attributes
    ----------
    block : str
        "weights", "groups", "accumulators", "touched", "ring", "state", "parameters", "queue" (of tokens, or
        of groups of neurons), "starts" (the expander's), "tables" (of its decoder) or "delays".
    depth, width : int
        Words, and their bits.
    reads : int
        Read ports.
    written : bool
        Whether it has a write port; else it is read-only.
    old_word : bool
        Whether a word that is read while it is written must be the old one.
    copies : int
        How many there are of it.
    constants : int
        Mask of a word's bits that are the same in all words: synthesis makes no memory of them, and `width`
        does not count them.
    slices : int
        Parts of a word that are written alone, over the load bus, through the port that reads; 0: it is not
        loaded.
    spram, block_ram : bool
        Whether it is to be a large single-port RAM of an iCE40 UltraPlus, or block RAM whatever it costs.
    """

    block: str
    depth: int
    width: int
    reads: int = 1
    written: bool = False
    old_word: bool = False
    copies: int = 1
    constants: int = 0
    slices: int = 0
    spram: bool = False
    block_ram: bool = False

    @property
    def word_bits(self) -> int:
        """Width with the constant bits."""
        return self.width + self.constants.bit_count()

    @property
    def bits(self) -> int:
        """Bits of all copies."""
        return self.depth * self.width * self.copies


def accelerator_memories(params: AcceleratorParams) -> list[MemoryShape]:
    """Memories of all cores, the links between them and the input."""
    cores = [
        memory
        for number, core in enumerate(params.cores)
        for memory in core_memories(
            core,
            readout=core_readout(params, number),
            count_bits=params.count_bits,
            channels_last=params.channels_last(number),
        )
    ]
    return [*cores, *link_memories(params)]


def link_memories(params: AcceleratorParams) -> list[MemoryShape]:
    """Memories between the cores, and the queue of the input."""
    found = [_fast_fifo(input_layout(params).size, INPUT_QUEUE_DEPTH)]
    for number in range(len(params.cores)):
        found += _link_memories(params, number)
    for place, output in enumerate(params.output_cores):
        if needs_queue(place):
            shape = sent_shape(params.cores[output], params.readout, params.count_bits)
            neurons = params.cores[output].neuron.neurons
            width = (event_layout(neurons) if shape is None else value_layout(neurons, shape)).size
            found.append(_step_queue(width, queue_depth(params.step_events(output), 1)))
    return found


def core_readout(params: AcceleratorParams, number: int) -> ReadoutKind:
    """What core `number` sends."""
    return params.readout if number in params.output_cores else ReadoutKind.SPIKES


def core_memories(
    core: CoreParams, *, readout: ReadoutKind, count_bits: int, channels_last: tuple[bool, ...]
) -> Iterator[MemoryShape]:
    """Memories of one core."""
    dense = not core.by_rows and not core.array.max_delay
    block = not dense and rows_in_block_ram(core.rows, core.array.row_bits)
    yield from _weights("weights", core.rows, core.array.row_bits, core.array.store, block_ram=block)
    if core.listed_rows:
        store = core.array.store
        store = WeightStore.LOADED if store is WeightStore.SPRAM else store
        yield from _weights("groups", core.listed_rows, core.group_bits, store)
    yield from _accumulators(core)
    tallied = readout in (ReadoutKind.COUNTS, ReadoutKind.CLASS)
    state = state_layout(core.neuron, tally_bits=count_bits if tallied else None).size
    groups = -(-core.neuron.neurons // core.update_lanes)
    if groups > 1 and state:
        width, deep = state * core.update_lanes, groups > StateStore.DEEP_GROUPS
        yield MemoryShape(
            block="state", depth=groups, width=width, written=True, old_word=not deep, block_ram=deep
        )
    loaded = parameter_shape(core.neuron, lanes=core.update_lanes)
    if loaded is not None:
        yield from _loaded(loaded, WeightStore.LOADED)
    elif parameter_fields(core.neuron):
        words = parameter_rows(core.neuron, lanes=core.update_lanes)
        bits = parameter_layout(core.neuron, lanes=core.update_lanes).size
        yield _table("parameters", words, bits)
    yield from _serialiser_queue(entry_bits(core, readout=readout, count_bits=count_bits), groups)
    if core.by_rows:
        depth = expander_depth(core, channels_last)
        constants = _start_constants(core, channels_last)
        width = start_layout(core).size - constants.bit_count()
        yield replace(_fast_fifo(width, depth), block="starts", constants=constants)
        for words, bits in decode_cost(core, channels_last).tables:
            yield _table("tables", words, bits)


def _weights(
    block: str, rows: int, bits: int, store: WeightStore, *, block_ram: bool = False
) -> Iterator[MemoryShape]:
    """Banks of a weight memory."""
    if store is WeightStore.INITIALISED:
        for words in bank_words(rows, bits):
            yield MemoryShape(block=block, depth=max(2, words), width=bits, block_ram=block_ram)
    else:
        yield from _loaded(LoadedShape(name=block, rows=rows, bits=bits), store)


def _loaded(shape: LoadedShape, store: WeightStore) -> Iterator[MemoryShape]:
    """Banks of a memory on the load bus, of whole slices."""
    for words in shape.banks(store):
        yield MemoryShape(
            block=shape.name,
            depth=max(2, words),
            width=shape.slices * SLICE_BITS,
            written=True,
            slices=shape.slices,
            spram=store is WeightStore.SPRAM,
        )


def _start_constants(core: CoreParams, channels_last: Sequence[bool]) -> int:
    """Mask of what an expander queues that is the same for all events."""
    layout, index = start_layout(core), Signal(event_layout(core.array.sources)["index"].width)
    fields, _ = decode_fields(Pipeline(), core, channels_last, index)
    same = (layout[name] for name, field in fields.items() if field.constant)
    return sum((1 << field.width) - 1 << field.offset for field in same)


def _accumulators(core: CoreParams) -> Iterator[MemoryShape]:
    array = core.array
    width = array.lanes * array.acc_bits
    if core.by_rows:
        shape = {"depth": max(2, array.groups), "written": True, "copies": 2}
        yield MemoryShape(block="accumulators", width=width, block_ram=array.groups >= BLOCK_GROUPS, **shape)
        columns, depth = touched_shape(array.groups)
        yield MemoryShape(
            block="touched", depth=depth, width=1, written=True, copies=2 * columns, old_word=True
        )
        return
    if array.max_delay:
        depth = array.delay_slots << (array.groups - 1).bit_length()
        yield MemoryShape(
            block="ring",
            depth=max(2, depth),
            width=array.acc_bits,
            written=True,
            block_ram=depth > UpdateMemory.LUT_RAM_DEPTH,
            copies=array.lanes,
        )
    if not in_registers(array):
        depth = 2 << bits_for_unsigned(array.groups - 1)
        reads = 1 if array.max_delay else 2
        block_ram = array.groups >= BLOCK_GROUPS
        yield MemoryShape(
            block="accumulators", depth=depth, width=width, reads=reads, written=True, block_ram=block_ram
        )


def _table(block: str, words: Sequence[int], bits: int) -> MemoryShape:
    """Read-only memory of `words`."""
    ones = zeros = words[0]
    for word in words:
        ones &= word
        zeros |= word
    varying = ones ^ zeros
    constants = (1 << bits) - 1 & ~varying
    return MemoryShape(block=block, depth=max(2, len(words)), width=varying.bit_count(), constants=constants)


def entry_bits(core: CoreParams, *, readout: ReadoutKind, count_bits: int) -> int:
    """Width of the queue of a core's serialiser."""
    entry = entry_layout(
        neurons=core.neuron.neurons,
        lanes=core.update_lanes,
        value=sent_shape(core, readout, count_bits),
        spike_bits=core.neuron.spike_bits if readout is ReadoutKind.SPIKES else 1,
    )
    return entry.size


def sent_shape(core: CoreParams, readout: ReadoutKind, count_bits: int) -> Shape | None:
    """Shape of what a core sends of each neuron, as hw/core.py has it; None: events."""
    if readout is ReadoutKind.SPIKES:
        return None
    if readout is ReadoutKind.MEMBRANE:
        return Shape(core.neuron.state_bits, signed=True)
    return tally_shape(core.neuron, count_bits)


def _fast_fifo(width: int, depth: int) -> MemoryShape:
    """The FIFO of hw/fifo.py: a power of two words, and one in a register."""
    bits = max(1, (depth - 2).bit_length())
    return MemoryShape(block="queue", depth=1 << bits, width=width, written=True, old_word=True)


def _step_queue(width: int, depth: int) -> MemoryShape:
    """FIFO of a step queue: one of several LUT RAMs has all of them side by side."""
    queue = _fast_fifo(width, depth)
    if queue_kind(depth) is not BankedFifo:
        return queue
    banks = queue.depth // BankedFifo.BANK_WORDS
    return replace(queue, depth=BankedFifo.BANK_WORDS, width=banks * width, old_word=False)


def _serialiser_queue(width: int, groups: int) -> Iterator[MemoryShape]:
    """Queue of a serialiser: a deep one has a short one behind it."""
    queue = _fast_fifo(width, Serialiser.queue_words(groups))
    if not Serialiser.deep_queue(groups):
        yield queue
        return
    yield replace(queue, old_word=False, block_ram=True)
    yield _fast_fifo(width, DeepFifo.FRONT_DEPTH)


def _link_memories(params: AcceleratorParams, number: int) -> Iterator[MemoryShape]:
    """Queues and delay lines in front of a core."""
    fanned = params.fanned(number)
    for place, link in enumerate(params.links(number)):
        if fanned > 1 and place < fanned:
            continue
        if link.delay_steps:
            yield from _line_memories(params, link)
        elif needs_queue(place):
            depth = queue_depth(params.step_events(link.source), queue_steps(number, link))
            width = event_layout(link.channels).size
            queue = _step_queue(width, depth)
            if link.recurrent:  # nothing is stored as the sample's last
                words = queue.width // width
                queue = replace(queue, width=queue.width - words, constants=(1 << words) - 1)
            yield queue


def _line_memories(params: AcceleratorParams, link: LinkParams) -> Iterator[MemoryShape]:
    shape = link.line
    assert shape is not None
    block_ram = shape.depth > UpdateMemory.LUT_RAM_DEPTH
    yield MemoryShape(
        block="ring", depth=max(2, shape.depth), width=shape.width, written=True, block_ram=block_ram
    )
    if len(set(link.delay_steps)) > 1:
        width = bits_for_unsigned(shape.slots - 1)
        yield MemoryShape(block="delays", depth=max(2, link.channels), width=width)
    yield from _serialiser_queue(_line_entry_bits(params, link), shape.words)


def _line_entry_bits(params: AcceleratorParams, link: LinkParams) -> int:
    """Width of the queue of a delay line's serialiser."""
    shape = link.line
    assert shape is not None
    values = link.source == INPUT and params.input_value_bits > 0
    entry = entry_layout(
        neurons=link.channels,
        lanes=shape.lanes,
        value=unsigned(shape.count_bits) if values else None,
        spike_bits=1 if values else shape.count_bits,
    )
    return entry.size
