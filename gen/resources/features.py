"""What the LUTs and flip-flops of each block grow with: quantities that follow from its parameters.

A block is one of `BLOCKS`. Its LUTs and its flip-flops are sums of these quantities, each times a coefficient
that was fitted to synthesised designs (bench/resources.py). Names say what an amount counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...hw.accumulators import in_registers
from ...hw.boards.device import Device, Family
from ...hw.core import accs_late_cycles
from ...hw.drain import SHIFTED_GROUPS
from ...hw.lif import acc_stage, state_layout, update_latency
from ...hw.load_bus import loaded_shapes
from ...hw.loaded_memory import SLICE_BITS
from ...hw.parameter_store import ParameterStore
from ...hw.params import INPUT, AcceleratorParams, CoreParams, ReadoutKind, bits_for_unsigned
from ...hw.row_decode import start_layout
from ...hw.serialiser import Serialiser
from ...hw.signatures import event_layout, input_layout
from ...hw.state_store import StateStore
from .mapping import Mapping, MemoryKind, map_memory
from .memories import MemoryShape, core_memories, core_readout, entry_bits, link_memories, sent_shape
from .pipelines import PipelineCost, decode_cost, lane_cost

__all__ = ["BLOCKS", "BlockCost", "accelerator_costs", "core_costs", "links_cost"]

BLOCKS = ("array", "neurons", "output", "links")
"""Synaptic array; neuron update with state and parameters; serialiser; what is between the cores."""

MULTIPLIER_BITS = {Family.ECP5: 18, Family.GOWIN: 18, Family.ICE40: 16}
MULTIPLIER_LEAST = {Family.ECP5: 9, Family.GOWIN: 9, Family.ICE40: 11}  # below it a product is made of LUTs


@dataclass(kw_only=True)
class BlockCost:
    """A block of a design.

    Attributes
    ----------
    core : str
        Its core; empty for `links`, which are those of the whole accelerator.
    block : str
    luts, ffs : Counter
        Features and their amounts.
    memories : list of (MemoryShape, Mapping)
    dsps : int
        Multipliers.
    """

    core: str
    block: str
    luts: Counter[str] = field(default_factory=Counter)
    ffs: Counter[str] = field(default_factory=Counter)
    memories: list[tuple[MemoryShape, Mapping]] = field(default_factory=list)
    dsps: int = 0

    def add_memory(self, memory: MemoryShape, device: Device) -> None:
        """Count a memory, and what is around it."""
        if not memory.width:
            return
        mapping = map_memory(memory, device)
        self.memories.append((memory, mapping))
        bits = memory.width * memory.copies
        if mapping.kind is MemoryKind.SPRAM:
            return
        if mapping.kind is MemoryKind.LOGIC:
            if memory.written:
                self.ffs["kept bits"] += memory.bits
                self.luts["kept bits"] += memory.bits
            else:
                # a word of 16 entries is a LUT a bit; wider ones need multiplexers
                self.luts["table bits"] += bits * -(-memory.depth // 16)
            self.ffs["read bits"] += bits * memory.reads
            return
        if memory.slices:  # its address comes from two sides, and each slice is written alone
            address = bits_for_unsigned(memory.depth - 1)
            self.luts["load ports"] += address + memory.slices
            self.ffs["load ports"] += address + memory.slices + SLICE_BITS
        self.luts["memory mux bits"] += mapping.mux_bits
        if mapping.kind is MemoryKind.LUT_RAM:
            self.ffs["read bits"] += bits * memory.reads
            deep = -(-memory.depth // 16)
            self.luts["write enables"] += deep * memory.copies if deep > 1 else 0
        elif memory.old_word:
            self.ffs["old word bits"] += bits * memory.reads
            self.luts["old word bits"] += bits * memory.reads

    def add_products(self, widths: list[tuple[int, int]], lanes: int, device: Device) -> None:
        """Count products of signed factors of `widths` in each of `lanes`."""
        for first, second in widths:
            if not device.dsps or first + second < MULTIPLIER_LEAST[device.family]:
                self.luts["soft products"] += lanes * first * second
                continue
            bits = MULTIPLIER_BITS[device.family]
            self.dsps += lanes * -(-first // bits) * -(-second // bits)

    def add_pipeline(self, cost: PipelineCost, lanes: int) -> None:
        """Count the operations and registers of `lanes` pipelines."""
        self.ffs["pipeline bits"] += cost.ffs * lanes
        self.luts["chains"] += cost.chains * lanes
        for name, bits in cost.work.items():
            self.luts[name] += bits * lanes


def accelerator_costs(params: AcceleratorParams, device: Device) -> list[BlockCost]:
    """All blocks of an accelerator."""
    costs = []
    for number, core in enumerate(params.cores):
        readout = core_readout(params, number)
        costs += core_costs(
            core,
            device,
            readout=readout,
            count_bits=params.count_bits,
            channels_last=params.channels_last(number),
        )
    return [*costs, links_cost(params, device)]


def core_costs(
    core: CoreParams,
    device: Device,
    *,
    readout: ReadoutKind,
    count_bits: int,
    channels_last: tuple[bool, ...],
) -> list[BlockCost]:
    """Array, neurons and output of one core."""
    blocks = {name: BlockCost(core=core.name, block=name) for name in BLOCKS[:3]}
    places = {"state": "neurons", "parameters": "neurons", "queue": "output"}
    shape = {"readout": readout, "count_bits": count_bits}
    for memory in core_memories(core, channels_last=channels_last, **shape):
        blocks[places.get(memory.block, "array")].add_memory(memory, device)
    tallied = readout in (ReadoutKind.COUNTS, ReadoutKind.CLASS)
    array = blocks["array"]
    if core.by_rows:
        _by_rows(array, core, channels_last)
    elif core.array.max_delay:
        _delayed(array, core)
    else:
        _dense(array, core)
    _value_products(array, core, device)
    _choice(array)
    array.luts["array"] = array.ffs["array"] = 1
    _neurons(blocks["neurons"], core, device, count_bits if tallied else None)
    _output(blocks["output"], core, **shape)
    return list(blocks.values())


def _dense(cost: BlockCost, core: CoreParams) -> None:
    array = core.array
    bits, swept = array.lanes * array.acc_bits, core.update_lanes * array.acc_bits
    kind = "register" if in_registers(array) else "memory"
    cost.luts[f"{kind} sums"] = array.lanes * 2 * -(-array.acc_bits // 2)
    cost.luts["chains"] = array.lanes
    cost.ffs["row bits"] = 2 * array.row_bits
    if kind == "register":
        cost.ffs["sum bits"] = array.groups * bits
        _drain(cost, core)
    else:
        cost.luts["memory shifts"] = bits - swept
        cost.ffs["sum bits"] = 5 * bits - swept
    _address(cost, core)


def _choice(cost: BlockCost) -> None:
    """Choice among the banks of a deep weight memory (hw/memory_banks.py), each with a register."""
    for block in ("weights", "groups"):
        widths = [memory.width for memory, _ in cost.memories if memory.block == block]
        if len(widths) > 1:
            cost.luts["memory mux bits"] += sum(widths[1:])
            cost.ffs["row bits"] += sum(widths[1:])


def _drain(cost: BlockCost, core: CoreParams) -> None:
    """Copy of the accumulators on its way to the neurons (hw/drain.py): shifted, or a tree."""
    width = core.update_lanes * core.array.acc_bits
    groups = -(-core.array.targets // core.update_lanes)
    cost.ffs["drained bits"] = groups * width
    if groups <= SHIFTED_GROUPS:
        cost.luts["shifted bits"] = (groups - 1) * width
        return
    blocks, level = 0, groups
    while level > 1:
        level = -(-level // 4)
        blocks += level
    cost.luts["tree bits"] = blocks * width
    cost.ffs["tree bits"] = (blocks + 2) * width
    cost.luts["turns"] = cost.ffs["turns"] = groups


def _value_products(cost: BlockCost, core: CoreParams, device: Device) -> None:
    """Products of weights and the values of events, between two registers."""
    array = core.array
    if array.value_bits:
        weight_bits = max(2, array.weight_bits)
        cost.ffs["product bits"] = array.lanes * (weight_bits + array.addend_bits)
        cost.add_products([(weight_bits, array.value_bits + 1)], array.lanes, device)


def _address(cost: BlockCost, core: CoreParams) -> None:
    address, group = bits_for_unsigned(core.rows - 1), bits_for_unsigned(core.array.groups - 1)
    sweep = bits_for_unsigned(-(-core.array.targets // core.update_lanes) - 1)
    cost.luts["address bits"] = address + group + sweep
    cost.ffs["address bits"] = 2 * address + 6 * group + 2 * sweep


def _delayed(cost: BlockCost, core: CoreParams) -> None:
    array = core.array
    place = bits_for_unsigned(array.max_delay) + (array.groups - 1).bit_length()
    cost.luts["delayed bits"] = array.lanes * array.acc_bits
    cost.luts["chains"] = array.lanes
    cost.ffs["delayed bits"] = array.lanes * array.acc_bits
    cost.ffs["delayed places"] = array.lanes * (place + array.weight_bits + array.lane_bits)
    cost.ffs["row bits"] = array.row_bits
    if in_registers(array):
        _drain(cost, core)
    else:
        cost.ffs["sum bits"] = array.lanes * array.acc_bits
        cost.luts["memory shifts"] = (array.lanes - core.update_lanes) * array.acc_bits
    _address(cost, core)


def _by_rows(cost: BlockCost, core: CoreParams, channels_last: tuple[bool, ...]) -> None:
    array = core.array
    bits = array.lanes * array.acc_bits
    cost.luts["banked bits"] = bits
    cost.luts["chains"] = array.lanes
    cost.luts["banked shifts"] = bits - core.update_lanes * array.acc_bits
    cost.ffs["banked bits"] = bits
    cost.ffs["row bits"] = array.row_bits
    start = start_layout(core).size
    cost.luts["walk bits"] = cost.ffs["walk bits"] = start * len(core.links)
    cost.luts["expander"] = cost.ffs["expander"] = 1
    cost.add_pipeline(decode_cost(core, channels_last), 1)
    _address(cost, core)


def _neurons(cost: BlockCost, core: CoreParams, device: Device, tally_bits: int | None) -> None:
    neuron, lanes = core.neuron, core.update_lanes
    groups = -(-neuron.neurons // lanes)
    read, late = StateStore.read_cycles(groups), accs_late_cycles(core, tally_bits=tally_bits)
    lane = lane_cost(neuron, tally_bits=tally_bits, acc_stage=acc_stage(late, read))
    cost.add_pipeline(lane, lanes)
    cost.add_products(lane.products, lanes, device)
    state = state_layout(neuron, tally_bits=tally_bits).size * lanes
    words = sum(
        memory.width
        for memory, _ in cost.memories
        if memory.block == "parameters" and (memory.slices or memory.depth > ParameterStore.LUT_ROWS)
    )
    held = 1 + max(0, read - 1 - late)
    cost.ffs["staged bits"] = held * lanes * neuron.acc_bits + words + state
    zeroed = core.array.groups > 1 if core.by_rows else not in_registers(core.array)
    cost.luts["staged bits"] = lanes * neuron.acc_bits if zeroed else 0
    if groups == 1:
        cost.ffs["kept state bits"] = 2 * state
    latency = update_latency(neuron, lanes=lanes, tally_bits=tally_bits)
    cost.ffs["control bits"] = latency * (3 + bits_for_unsigned(groups - 1))
    cost.luts["neurons"] = cost.ffs["neurons"] = 1


def _output(cost: BlockCost, core: CoreParams, *, readout: ReadoutKind, count_bits: int) -> None:
    lanes, neuron = core.update_lanes, core.neuron
    groups = -(-neuron.neurons // lanes)
    entry = entry_bits(core, readout=readout, count_bits=count_bits)
    value = sent_shape(core, readout, count_bits)
    cost.ffs["entry bits"] = entry * (2 if Serialiser.deep_queue(groups) else 1)
    cost.ffs["counter bits"] = cost.luts["counter bits"] = bits_for_unsigned(2 * groups)
    cost.luts["scan lanes"] = lanes if lanes > 1 else 0
    cost.luts["scan levels"] = lanes * (lanes - 1).bit_length()
    if value is not None:
        cost.luts["value bits"] = value.width * (lanes - 1)
    elif neuron.spike_bits > 1:
        cost.luts["count bits"] = lanes * neuron.spike_bits
    if lanes & (lanes - 1):
        cost.luts["index bits"] = bits_for_unsigned(neuron.neurons)
    cost.luts["output"] = cost.ffs["output"] = 1


def links_cost(params: AcceleratorParams, device: Device) -> BlockCost:
    """Input queue, multicasts, merges, queues, delay lines and the argmax of an accelerator."""
    cost = BlockCost(core="", block="links")
    for memory in link_memories(params):
        cost.add_memory(memory, device)
        if memory.block == "queue":
            pointers = bits_for_unsigned(memory.depth)
            cost.luts["counter bits"] += pointers
            cost.ffs["counter bits"] += pointers
    for name, amount in _joints(params):
        cost.luts[name] += amount
        cost.ffs[name] += amount
    loaded = loaded_shapes(params)
    if loaded:  # the load bus reads slices of words back
        cost.luts["load bus"] = cost.ffs["load bus"] = 1
        cost.luts["loaded bits"] = sum(shape.slices * SLICE_BITS for shape in loaded)
    cost.luts["accelerator"] = cost.ffs["accelerator"] = 1
    return cost


def _joints(params: AcceleratorParams) -> Iterator[tuple[str, int]]:
    yield from _stages(params)
    for number in range(len(params.cores)):
        links = params.links(number)
        streams = len(links) - max(0, params.fanned(number) - 1)
        payload = event_layout(sum(link.channels for link in links)).size
        if streams > 1:
            yield "merged bits", payload * streams
        for link in links:
            if link.line is not None:
                yield "line lanes", link.line.lanes * link.line.count_bits
                yield "line", 1
    if len(params.output_cores) > 1:
        yield "merged bits", event_layout(params.output_neurons).size * len(params.output_cores)
    if params.readout is ReadoutKind.CLASS:
        output = params.cores[min(params.output_cores)]
        value = sent_shape(output, params.readout, params.count_bits)
        yield "argmax bits", (0 if value is None else value.width) + bits_for_unsigned(output.neuron.neurons)


def _stages(params: AcceleratorParams) -> Iterator[tuple[str, int]]:
    """Output stages: one for each consumer of a core, and of the input where it has several.

    Step queues and delay lines count as one too: what they hold first is their own.
    """
    ways = len(params.consumers(INPUT))
    if ways > 1:
        yield "token bits", ways * input_layout(params).size
    for number, core in enumerate(params.cores):
        value = sent_shape(core, core_readout(params, number), params.count_bits)
        token = event_layout(core.neuron.neurons).size + (0 if value is None else value.width)
        ways = len(params.consumers(number)) + (number in params.output_cores)
        yield "token bits", ways * token
