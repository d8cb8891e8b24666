"""The network between the steps of the compiler: float `Network`, integer `QuantisedNetwork`.

Populations (neurons and their state) are joined by projections (synapses). Both networks are plain
frozen data; arrays are read-only NumPy arrays. In both, populations stand in an order in which every
projection that is not recurrent goes forward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from ..hw.conv_params import ConvParams
from ..hw.params import Compare, Fire, NeuronParams, Reset
from .semantics import Semantics, Spikes

__all__ = [
    "Input",
    "Network",
    "Population",
    "Projection",
    "QuantisedNetwork",
    "QuantisedPopulation",
    "QuantisedProjection",
]

FloatArray = np.ndarray
IntArray = np.ndarray


@dataclass(frozen=True, kw_only=True)
class Input:
    """Where samples enter: a node name and the shape of one step."""

    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of input channels; event index = C-order index into `shape`."""
        return math.prod(self.shape)


@dataclass(frozen=True, kw_only=True, eq=False)
class Population:
    """Neurons of one kind in discrete time, gains already folded into the projections.

    One step, all arrays of shape (size,), float64 (source: docs/semantics.md)::

        x = sum of projections + bias;  if alpha: i = alpha * i + x;  x = i
        v1 = beta * v + x + leak                 (beta None: v1 = x)
        then threshold, reset as in docs/number-contract.md, without rounding or saturation

    Attributes
    ----------
    kind : str
        NIR node type it came from ("LIF", "CubaLIF", "LI", ...), "Sum" for a bare linear output.
    nodes : tuple of str
        The NIR nodes that were folded into it, for messages and reports.
    offset : ndarray
        Real membrane = v + offset (a leak potential that was shifted away).
    threshold : ndarray or None
        None: an analog readout.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    nodes: tuple[str, ...] = ()
    alpha: FloatArray | None = None
    beta: FloatArray | None = None
    bias: FloatArray = field(default_factory=lambda: np.zeros(0))
    leak: FloatArray = field(default_factory=lambda: np.zeros(0))
    threshold: FloatArray | None = None
    reset: Reset = Reset.NONE
    reset_value: FloatArray = field(default_factory=lambda: np.zeros(0))
    compare: Compare = Compare.GT
    fire: Fire = Fire.AFTER
    spikes: Spikes = Spikes.BINARY
    v_min: FloatArray | None = None
    offset: FloatArray = field(default_factory=lambda: np.zeros(0))

    @property
    def size(self) -> int:
        """Number of neurons; neuron index = C-order index into `shape`."""
        return math.prod(self.shape)

    @property
    def spiking(self) -> bool:
        """Whether the population emits spikes."""
        return self.threshold is not None


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection:
    """Synapses from `source` (an input or a population) to `target`.

    Attributes
    ----------
    weight : ndarray
        (target size, source size), float64, with every gain folded in; of a convolution its kernel,
        ``conv.kernel_shape``.
    recurrent : bool
        The target sees the source's spikes of the step before.
    conv : ConvParams or None
        Geometry of a convolution; None: a matrix.
    delay_steps : ndarray or None
        Time steps, 0 .. 255, that a spike waits beyond `recurrent`: (source size,), a delay a source, or
        (target size, source size), a delay a synapse (a matrix only). int64; None: none.
    nodes : tuple of str
        The NIR nodes that were folded into it, for messages and reports.
    """

    name: str
    source: str
    target: str
    weight: FloatArray
    recurrent: bool = False
    conv: ConvParams | None = None
    delay_steps: IntArray | None = None
    nodes: tuple[str, ...] = ()

    @property
    def sources(self) -> int:
        """Size of the source."""
        return self.weight.shape[1] if self.conv is None else self.conv.sources

    @property
    def targets(self) -> int:
        """Size of the target."""
        return self.weight.shape[0] if self.conv is None else self.conv.targets


def _input_shape(inputs: tuple[Input, ...]) -> tuple[int, ...]:
    return inputs[0].shape if len(inputs) == 1 else (sum(node.size for node in inputs),)


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A network in discrete time, in floating point.

    Attributes
    ----------
    outputs : tuple of str
        Names of the populations that are read.
    assumptions : tuple of str
        One line for everything that the file did not say.
    """

    name: str
    semantics: Semantics
    inputs: tuple[Input, ...]
    populations: tuple[Population, ...]
    projections: tuple[Projection, ...]
    outputs: tuple[str, ...]
    assumptions: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of a step of the input; of several inputs, that of all their channels in a row."""
        return _input_shape(self.inputs)

    def into(self, target: str) -> tuple[Projection, ...]:
        """Projections that end in `target`, in their order."""
        return tuple(p for p in self.projections if p.target == target)


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantisedPopulation:
    """A population in integers.

    Attributes
    ----------
    neuron : NeuronParams
        Everything the hardware needs to know.
    scale : ndarray
        (size,), the real value of one weight LSB of each neuron; one state LSB is ``scale / 2**frac_bits``.
    offset : ndarray
        (size,), real membrane = v * scale / 2**frac_bits + offset.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    neuron: NeuronParams
    weight_bits: int
    scale: FloatArray
    offset: FloatArray

    @property
    def size(self) -> int:
        """Number of neurons."""
        return self.neuron.neurons

    @property
    def spiking(self) -> bool:
        """Whether the population emits spikes."""
        return self.neuron.spiking


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantisedProjection:
    """Synapses in integers: as `Projection`, but `weight` is int32, in the target's `weight_bits`.

    Arrays that can be written to are copied: what is made ready of a network holds for all its runs.
    """

    name: str
    source: str
    target: str
    weight: IntArray
    recurrent: bool = False
    conv: ConvParams | None = None
    delay_steps: IntArray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "weight", _read_only(self.weight))
        if self.delay_steps is not None:
            object.__setattr__(self, "delay_steps", _read_only(self.delay_steps))

    @property
    def sources(self) -> int:
        """Size of the source."""
        return self.weight.shape[1] if self.conv is None else self.conv.sources

    @property
    def targets(self) -> int:
        """Size of the target."""
        return self.weight.shape[0] if self.conv is None else self.conv.targets


def _read_only(array: np.ndarray) -> np.ndarray:
    if array.flags.writeable:
        array = array.copy()
        array.flags.writeable = False
    return array


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantisedNetwork:
    """A network in integers: what the golden model runs and the hardware is generated from.

    `input_max` is the largest event count of one input channel in one step that the accumulator
    widths were proven for.
    """

    name: str
    inputs: tuple[Input, ...]
    populations: tuple[QuantisedPopulation, ...]
    projections: tuple[QuantisedProjection, ...]
    outputs: tuple[str, ...]
    input_max: int = 1

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of a step of the input; of several inputs, that of all their channels in a row."""
        return _input_shape(self.inputs)

    def into(self, target: str) -> tuple[QuantisedProjection, ...]:
        """Projections that end in `target`, in their order."""
        return tuple(p for p in self.projections if p.target == target)
