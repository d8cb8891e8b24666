"""What every engine takes and gives: the design, the options, the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ...gen.errors import UserError
from ...hw.params import AcceleratorParams, ReadoutKind

_DELAY_STEPS_BEHIND = 3  # steps that wait in a delay line: one in its ring, two in its serialiser

__all__ = ["Design", "EngineOptions", "EngineRun", "Probe", "Progress", "limit_cycles", "settle_cycles"]

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total); from the caller's thread only."""


@dataclass(frozen=True, kw_only=True)
class Design:
    """Emitted RTL of an accelerator.

    Attributes
    ----------
    params : AcceleratorParams
        What the RTL implements: the widths of its ports, its readout.
    rtlil : Path
        RTLIL, memories initialised.
    verilog : tuple of Path
        Verilog sources.
    memories : tuple of Path
        Files that the Verilog reads by bare name with ``$readmemh``.
    top : str
        Name of the top module.
    populations : tuple of str
        Names of the populations in the network, one a core; empty: the names of the cores.
    """

    params: AcceleratorParams
    rtlil: Path
    verilog: tuple[Path, ...] = ()
    memories: tuple[Path, ...] = ()
    top: str = "accelerator"
    populations: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """What the population of each core is called."""
        return self.populations or tuple(core.name for core in self.params.cores)


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """How to drive the streams, and what to record.

    Attributes
    ----------
    gap : float
        Probability, 0 up to but not 1, that an input token is held back for a cycle.
    stall : float
        Probability, 0 up to but not 1, that the output is not ready in a cycle.
    shuffle : bool
        Send the events of a step in random order instead of ascending.
    overlap : bool
        Send a sample right behind the one before it, instead of waiting for its last output token.
    seed : int
        Seed of everything random here.
    probes : bool
        Record states and spikes of every population (RTL: needs a build with debug ports).
    toggles : bool
        Count the bits that change in registers and memories (cxxrtl).
    threads : int or None
        Samples simulated at a time (cxxrtl), threads of the golden model. None: one a processor.
    limit_cycles : int or None
        Cycles after which a sample counts as hung. None: derived from the parameters and the input.
    """

    gap: float = 0.0
    stall: float = 0.0
    shuffle: bool = False
    overlap: bool = False
    seed: int = 0
    probes: bool = False
    toggles: bool = False
    threads: int | None = None
    limit_cycles: int | None = None

    def __post_init__(self) -> None:
        for name in ("gap", "stall"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 0 and less than 1, not {getattr(self, name)}")
        if self.threads is not None and self.threads < 1:
            raise UserError(f"threads must be 1 or more, not {self.threads}")
        if self.limit_cycles is not None and self.limit_cycles < 1:
            raise UserError(f"limit of cycles must be 1 or more, not {self.limit_cycles}")

    @property
    def order_seed(self) -> int | None:
        """Seed of the event order, or None for ascending."""
        return self.seed if self.shuffle else None


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a population did at every step.

    Attributes
    ----------
    spikes : ndarray or None
        uint8 (samples, steps, neurons); None for a population without a threshold.
    membranes : ndarray
        int64 (samples, steps, neurons), after the update.
    currents : ndarray or None
        int64 (samples, steps, neurons); None without a synaptic current.
    """

    spikes: np.ndarray | None
    membranes: np.ndarray
    currents: np.ndarray | None


@dataclass(frozen=True, kw_only=True)
class EngineRun:
    """What an engine made of the input.

    Attributes
    ----------
    engine, version : str
        Which engine, and the version of what it runs on.
    readout : ReadoutKind
        What `output` is.
    output : ndarray
        SPIKES: uint8 (samples, steps, neurons). MEMBRANE: int64 (samples, steps, neurons).
        COUNTS: int64 (samples, neurons). CLASS: int64 (samples,).
    cycles : ndarray or None
        int64 (samples,): from the first token offered through the last output token taken,
        both included. None: the engine has no clock.
    probes : dict of str to Probe
        Per population; empty unless asked for.
    toggles : dict of str to int
        Bits that changed in registers and memories of each block, over all samples; empty unless asked for.
    saturations : int or None
        States that were saturated, over all samples; None where the engine does not count them.
    wall_s : float
        Seconds of wall time, compilation included.
    """

    engine: str
    version: str
    readout: ReadoutKind
    output: np.ndarray
    cycles: np.ndarray | None
    wall_s: float
    probes: dict[str, Probe] = field(default_factory=dict)
    toggles: dict[str, int] = field(default_factory=dict)
    saturations: int | None = None


def settle_cycles(params: AcceleratorParams) -> int:
    """Return the cycles after a sample's last output token in which something may still be at work.

    Where every core leads to the output within its step, that is only what delays leave behind. Else the most
    that the steps can take which a core may be behind: what is only read a step later, or not at all, may
    end after the output has.
    """
    numbers = range(len(params.cores))
    awaited = set(params.output_cores)
    for number in reversed(numbers):
        if number in awaited:
            awaited |= {link.source for link in params.links(number) if not link.recurrent}
    rest = params.rest_cycles
    if awaited >= set(numbers):
        return rest
    lines = sum(bool(link.delay_steps) for number in numbers for link in params.links(number))
    steps = 1 + _DELAY_STEPS_BEHIND * lines
    return rest + steps * _step_cycles(params)


def limit_cycles(params: AcceleratorParams, x: np.ndarray, options: EngineOptions) -> np.ndarray:
    """Return the cycles after which each sample counts as hung, int64 (samples,).

    Four times what the sample would take if every neuron spiked in every step and nothing
    overlapped, with a constant for each step and core, and room for the back-pressure asked for.
    """
    if options.limit_cycles is not None:
        return np.full(len(x), options.limit_cycles, np.int64)
    steps = x.shape[1]
    events = x.reshape(len(x), -1).sum(1, dtype=np.int64)
    copies = max(1, *(params.fanned(number) for number in range(len(params.cores))))
    worst = events * copies * max(core.event_cycles for core in params.cores) + steps * _step_cycles(params)
    slow = 1 / (1 - options.gap) + 1 / (1 - options.stall)
    return (2 * slow * worst).astype(np.int64) + 1000


def _step_cycles(params: AcceleratorParams) -> int:
    """More cycles than a step takes in which every neuron spikes as often as it can."""
    most = max(core.neuron.spike_max for core in params.cores)
    return sum(most * (core.step_cycles + 4 * core.neuron.neurons) + 64 for core in params.cores)
