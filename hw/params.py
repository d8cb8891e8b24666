"""Every parameter of the hardware: frozen, validated, standard library only.

Integers only: what a real number was, the quantiser has already decided. A field that takes
``int | tuple[int, ...]`` is one value for the whole population, or one for each neuron.
The arithmetic these parameters describe is written down in ``docs/number-contract.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

from .conv_params import ConvParams
from .kinds import Compare, Fire, ReadoutKind, Reset, Rounding, WeightStore
from .link_params import INPUT, MAX_DELAY_STEPS, MAX_VALUE_BITS, ArrayParams, LinkParams
from .neuron_params import (
    LATE_RESETS,
    DecayParams,
    NeuronParams,
    PerNeuron,
    bits_for_signed,
    bits_for_unsigned,
)
from .neuron_params import check_range as _check_range

__all__ = [
    "INPUT",
    "LATE_RESETS",
    "MAX_DELAY_STEPS",
    "MAX_VALUE_BITS",
    "AcceleratorParams",
    "ArrayParams",
    "Compare",
    "CoreParams",
    "DecayParams",
    "Fire",
    "LinkParams",
    "NeuronParams",
    "PerNeuron",
    "ReadoutKind",
    "Reset",
    "Rounding",
    "WeightStore",
    "bits_for_signed",
    "bits_for_unsigned",
]


@dataclass(frozen=True, kw_only=True)
class CoreParams:
    """A population with the array that feeds it.

    Attributes
    ----------
    links : tuple of LinkParams
        What feeds the array: rows of the array in this order. The first is not recurrent. Those from the
        input without delays come before all others. Empty: the core before (or the input), all its channels.
    update_lanes : int
        Neurons updated a cycle; it divides `array.lanes`.
    """

    name: str
    array: ArrayParams
    neuron: NeuronParams
    update_lanes: int
    links: tuple[LinkParams, ...] = ()

    def __post_init__(self) -> None:
        if self.array.targets != self.neuron.neurons or self.array.acc_bits != self.neuron.acc_bits:
            raise ValueError(f"Core {self.name}: array and neurons differ in size or accumulator bits")
        if self.update_lanes < 1 or self.array.lanes % self.update_lanes:
            raise ValueError(
                f"Core {self.name}: update lanes must divide the {self.array.lanes} lanes, "
                f"not {self.update_lanes}"
            )
        if self.links and sum(link.channels for link in self.links) != self.array.sources:
            raise ValueError(f"Core {self.name}: its links must fill the {self.array.sources} array sources")
        self._check_convolutions()
        self._check_lists()

    def _check_lists(self) -> None:
        if not any(link.lists for link in self.links):
            return
        if self.array.weight_bits == 1:
            raise ValueError(f"Core {self.name}: row lists need weights of 2 bits or more, which can be 0")
        if self.array.max_delay:
            raise ValueError(f"Core {self.name}: an array with row lists cannot hold delays")
        for link in self.links:
            _check_range(
                f"Core {self.name}: words of a row list", max(link.lists, default=0), 0, self.array.groups
            )

    def _check_convolutions(self) -> None:
        for conv in self.convolutions:
            if conv.targets != self.array.targets or conv.target_shape != self.map_shape:
                raise ValueError(
                    f"Core {self.name}: its convolutions must all end in one map of"
                    f" {self.array.targets} neurons, not {conv.target_shape}"
                )
            try:
                conv.check_lanes(self.array.lanes, self.array.weight_bits)
            except ValueError as error:
                raise ValueError(f"Core {self.name}: {error}") from None

    @property
    def convolutions(self) -> tuple[ConvParams, ...]:
        """Geometries of the links that are convolutions."""
        return tuple(link.conv for link in self.links if link.conv is not None)

    @property
    def map_shape(self) -> tuple[int, int, int] | None:
        """(filters, rows, columns) where a convolution feeds the core: its neurons are channels-last.

        Neuron ``(row * columns + column) * filters + filter``. None: neurons are in their own order.
        """
        return self.convolutions[0].target_shape if self.convolutions else None

    @property
    def by_rows(self) -> bool:
        """Whether events become rows of synapses: where a convolution or row lists are among the links."""
        return any(link.conv is not None or link.lists for link in self.links)

    def link_rows(self, link: LinkParams) -> int:
        """Words of the weight memory that belong to a link."""
        if link.lists:
            return sum(link.lists)
        if link.conv is not None:
            return link.conv.weight_rows(self.array.lanes)
        return link.channels * self.array.groups

    @property
    def rows(self) -> int:
        """Words of the weight memory: in a core `by_rows` link by link, from `link_bases`."""
        if not self.by_rows:
            return self.array.rows
        return sum(self.link_rows(link) for link in self.links)

    @property
    def listed_rows(self) -> int:
        """Words of row lists; they are the first of the weight memory."""
        return sum(sum(link.lists) for link in self.links)

    @property
    def link_bases(self) -> tuple[int, ...]:
        """First word of each link in a core `by_rows`: row lists before all else."""
        listed, other, bases = 0, self.listed_rows, []
        for link in self.links:
            bases.append(listed if link.lists else other)
            if link.lists:
                listed += self.link_rows(link)
            else:
                other += self.link_rows(link)
        return tuple(bases)

    @property
    def group_bits(self) -> int:
        """Width of the number of an accumulator word."""
        return bits_for_unsigned(self.array.groups - 1)

    @property
    def weight_memory_bits(self) -> int:
        """Bits of the weight memory and, with row lists, of the group beside each of their words."""
        return self.rows * self.array.row_bits + self.listed_rows * self.group_bits

    @property
    def clear_cycles(self) -> int:
        """Cycles after a reset before the first event is added."""
        return max(self.rest_cycles, self.array.groups if self.by_rows else 0)

    @property
    def rest_cycles(self) -> int:
        """Cycles after a reset, or a sample's last tick, in which delays may be at work; 0 without any."""
        lines = [link.line.rest_cycles for link in self.links if link.line is not None]
        slots = self.array.delay_slots
        return max([0, *lines, slots * self.array.groups + 12 if slots > 1 else 0])

    @property
    def step_cycles(self) -> int:
        """Cycles, at most, in which every source sends one event."""
        if not self.by_rows:
            return self.array.rows
        cycles = 0
        for link in self.links:
            if link.conv is None:
                cycles += self.link_rows(link) + link.lists.count(0)
                continue
            axes = (link.conv.rows, link.conv.columns)
            lines, columns = (sum(max(1, len(axis.taps(k))) for k in range(axis.size)) for axis in axes)
            cycles += link.conv.channels * lines * columns * link.conv.tap_rows(self.array.lanes)
        return cycles

    @property
    def event_cycles(self) -> int:
        """Cycles of the longest event."""
        dense = [link for link in self.links if link.conv is None and not link.lists]
        longest = [self.array.groups] if dense or not self.links else []
        longest += [max(1, *link.lists) for link in self.links if link.lists]
        for conv in self.convolutions:
            most = [max(len(axis.taps(k)) for k in range(axis.size)) for axis in (conv.rows, conv.columns)]
            longest.append(max(1, most[0] * most[1] * conv.tap_rows(self.array.lanes)))
        return max(longest)


@dataclass(frozen=True, kw_only=True)
class AcceleratorParams:
    """Cores joined by links, their readout, and whether the debug port is built in.

    Attributes
    ----------
    cores : tuple of CoreParams
        In an order in which every link that is not recurrent comes from the input or an earlier core.
    readout : ReadoutKind
    outputs : tuple of int
        Cores that are read; their neurons follow each other in the index of the out stream. Empty: the last.
    input_channels : int
        Channels of the input stream; 0: those that the links take.
    count_bits : int
        Width of a spike counter of the COUNTS and CLASS readouts (saturating).
    debug : bool
    count_saturations : bool
        Whether saturated states are counted, for whoever reads the counter. It changes nothing else.
    """

    cores: tuple[CoreParams, ...]
    readout: ReadoutKind = ReadoutKind.SPIKES
    outputs: tuple[int, ...] = ()
    input_channels: int = 0
    count_bits: int = 16
    debug: bool = False
    count_saturations: bool = False

    def __post_init__(self) -> None:
        if not self.cores:
            raise ValueError("An accelerator needs at least one core")
        _check_range("Spike counter bits", self.count_bits, 1, 32)
        _check_range("Input channels", self.input_channels, 0, 1 << 24)
        for number, core in enumerate(self.cores):
            for place, link in enumerate(self.links(number)):
                self._check_link(core, number, place, link)
            self._check_values(core, any(link.source == INPUT for link in self.links(number)))
        for output in self.output_cores:
            _check_range("Output core", output, 0, len(self.cores) - 1)
            self._check_readout(self.cores[output])
        self._check_tallies()

    def links(self, number: int) -> tuple[LinkParams, ...]:
        """Links into core `number`."""
        core = self.cores[number]
        return core.links or (LinkParams(source=number - 1, channels=core.array.sources),)

    @property
    def clear_cycles(self) -> int:
        """Cycles after a reset in which cores may not be ready yet; tokens that come earlier wait."""
        return max(core.clear_cycles for core in self.cores)

    @property
    def rest_cycles(self) -> int:
        """Cycles after a sample's last token in which delays may be at work."""
        return max(core.rest_cycles for core in self.cores)

    @property
    def most_saturations(self) -> int:
        """States that are saturated in a cycle, at most."""
        return sum(core.update_lanes * (1 + (core.neuron.synapse is not None)) for core in self.cores)

    @property
    def input_value_bits(self) -> int:
        """Width of the value beside the index of an input token; 0: a count of n is n events."""
        return max((self.cores[k].array.value_bits for k, _ in self.consumers(INPUT)), default=0)

    def channels_last(self, number: int) -> tuple[bool, ...]:
        """For each link into core `number`, whether its source numbers its channels last."""
        return tuple(
            link.source != INPUT and self.cores[link.source].map_shape is not None
            for link in self.links(number)
        )

    @property
    def output_cores(self) -> tuple[int, ...]:
        """Cores that are read, in the order of the out stream's index."""
        return self.outputs or (len(self.cores) - 1,)

    @property
    def channels(self) -> int:
        """Channels of the input stream."""
        links = [link for k in range(len(self.cores)) for link in self.links(k) if link.source == INPUT]
        return max([self.input_channels, *(link.first + link.channels for link in links)])

    @property
    def output_neurons(self) -> int:
        """Range of the out stream's index."""
        return sum(self.cores[output].neuron.neurons for output in self.output_cores)

    @property
    def output_value_bits(self) -> int:
        """Width of a value in the out stream; 0 where it carries none."""
        if self.readout is ReadoutKind.MEMBRANE:
            return max(self.cores[output].neuron.state_bits for output in self.output_cores)
        return self.count_bits if self.readout is ReadoutKind.COUNTS else 0

    def step_events(self, source: int) -> int:
        """Most events that core `source` sends in a step."""
        neuron = self.cores[source].neuron
        return neuron.neurons * neuron.spike_max

    def consumers(self, source: int) -> list[tuple[int, int]]:
        """(core, place among its links) of every stream from `source`; a channel fan is one, at place 0."""
        places = [
            (k, place)
            for k in range(len(self.cores))
            for place in range(len(self.links(k)))
            if not 0 < place < self.fanned(k)
        ]
        return [(k, place) for k, place in places if self.links(k)[place].source == source]

    def fanned(self, number: int) -> int:
        """Links at the head of core `number` that share a stream of the input: those without delays."""
        links = self.links(number)
        others = (k for k, link in enumerate(links) if link.source != INPUT or link.delay_steps)
        return next(others, len(links))

    def _check_link(self, core: CoreParams, number: int, place: int, link: LinkParams) -> None:
        if link.source == INPUT:
            if not link.delay_steps and place >= self.fanned(number):
                raise ValueError(
                    f"Core {core.name}: links from the input without delays must come before all others"
                )
            return
        if link.recurrent and not place:
            raise ValueError(f"Core {core.name}: its first link must not be recurrent")
        _check_range(f"Core {core.name}: link source", link.source, 0, len(self.cores) - 1)
        source = self.cores[link.source]
        if not link.recurrent and link.source >= number:
            raise ValueError(f"Core {core.name}: a link from {source.name} must be recurrent")
        if not source.neuron.spiking:
            raise ValueError(f"Core {source.name} does not spike, so it cannot feed {core.name}")
        if link.conv is not None and source.map_shape not in (None, link.conv.source_shape):
            raise ValueError(
                f"Core {core.name}: its convolution of {source.name} takes a map of shape"
                f" {link.conv.source_shape}, not {source.map_shape}"
            )
        if link.delay_steps and link.count_bits < source.neuron.spike_bits:
            raise ValueError(
                f"Core {core.name}: a delayed link from {source.name} needs {source.neuron.spike_bits}"
                f" count bits, not {link.count_bits}"
            )
        if link.first or link.channels != source.neuron.neurons:
            raise ValueError(
                f"Core {core.name} takes {link.channels} sources, "
                f"{source.name} has {source.neuron.neurons} neurons"
            )

    def _check_values(self, core: CoreParams, takes_input: bool) -> None:
        """All that the input feeds takes its values, and nothing else does."""
        bits = self.input_value_bits if takes_input else 0
        if core.array.value_bits != bits:
            raise ValueError(
                f"Core {core.name}: value bits must be {bits}, as"
                f" {'of all cores' if takes_input else 'it is not one'} that the input feeds,"
                f" not {core.array.value_bits}"
            )
        for link in core.links:
            if bits and link.source == INPUT and link.delay_steps and link.count_bits != bits:
                raise ValueError(
                    f"Core {core.name}: a delayed link from the input needs {bits} count bits, as many as"
                    f" value bits, not {link.count_bits}"
                )

    def _check_readout(self, output: CoreParams) -> None:
        """SPIKES and COUNTS read spikes, MEMBRANE an analog population, CLASS either."""
        if self.readout in (ReadoutKind.SPIKES, ReadoutKind.COUNTS) and not output.neuron.spiking:
            raise ValueError(
                f"Core {output.name} does not spike, so its readout must be membrane or class, "
                f"not {self.readout}"
            )
        if self.readout is ReadoutKind.MEMBRANE and output.neuron.spiking:
            raise ValueError(
                f"Core {output.name} spikes, so its readout must be spikes, counts or class, not membrane"
            )

    def _check_tallies(self) -> None:
        """A tally stands where the spikes would leave, and there is one of it."""
        if self.readout in (ReadoutKind.SPIKES, ReadoutKind.MEMBRANE):
            return
        for output in self.output_cores:
            if len(self.output_cores) > 1 or self.consumers(output):
                raise ValueError(
                    f"Core {self.cores[output].name}: the readout {self.readout} needs a single output core "
                    f"that feeds nothing; spikes is accepted"
                )
