"""Values that know their pipeline stage: operands of different age are aligned by registers.

A block writes its equation once; `Pipeline.register` puts a register behind an expression and
`Pipeline.align` delays whatever came early. The latency of the block is the stage of its result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from amaranth import Module, Signal, Value
from amaranth.hdl import Shape, ValueLike

__all__ = ["Pipeline", "Staged", "held"]


def held(m: Module, value: Value, cycles: int, name: str, *, init: int = 0) -> Value:
    """`value` so many cycles later, by registers without a reset that start as `init`."""
    for cycle in range(cycles):
        register = Signal(len(value), name=f"{name}_{cycle}", init=init, reset_less=True)
        m.d.sync += register.eq(value)
        value = register
    return value


@dataclass(frozen=True, eq=False)
class Staged:
    """`value`, valid `stage` cycles after the inputs of the pipeline; `constant` values are always valid.

    `ones`: bits that are always 1. Registers start so, and synthesis sees that they are none.
    """

    value: Value
    stage: int
    constant: bool = False
    ones: int = 0


class Pipeline:
    """Registers of one block, without stall and without reset; without a module it only counts stages."""

    def __init__(self, m: Module | None = None):
        self.m = m
        self._delayed: dict[tuple[int, int], Staged] = {}
        self._kept: list[Staged] = []  # keeps ids of the cache unique
        self.tables: list[tuple[Sequence[int], int]] = []
        """Words and width of every read-only memory between its stages."""

    def input(self, value: ValueLike) -> Staged:
        """Value that arrives with the inputs (stage 0)."""
        return Staged(Value.cast(value), 0)

    def constant(self, value: ValueLike) -> Staged:
        """Value that never changes: it costs no register."""
        return Staged(Value.cast(value), 0, constant=True)

    def delay(self, x: Staged, stage: int) -> Staged:
        """`x`, held back until `stage` (shared by all who ask)."""
        if x.constant or x.stage >= stage:
            return x
        key = (id(x), stage)
        if key not in self._delayed:
            before = self.delay(x, stage - 1)
            held = Signal.like(before.value, init=x.ones, reset_less=True)
            self._clock(held, before.value)
            self._delayed[key] = Staged(held, stage, ones=x.ones)
            self._kept.append(x)
        return self._delayed[key]

    def register(
        self, function: Callable[..., ValueLike], *operands: Staged, name: str, shape: Shape | None = None
    ) -> Staged:
        """Register behind ``function(*values)`` of aligned operands; one stage later than the latest."""
        stage = max((x.stage for x in operands if not x.constant), default=0)
        result = Value.cast(function(*(self.delay(x, stage).value for x in operands)))
        held = Signal(result.shape() if shape is None else shape, name=name, reset_less=True)
        self._clock(held, result)
        return Staged(held, stage + 1)

    def _clock(self, held: Signal, value: Value) -> None:
        if self.m is not None:
            self.m.d.sync += held.eq(value)
