"""What a pipeline costs: registers and operations of a block whose equations are written once, in hw/.

The pipeline is walked without building it, so the counts follow the equations of every neuron kind and every
convolution by themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from amaranth import Const, Signal, Value
from amaranth.hdl import signed

from ...hw.expander import decode_fields
from ...hw.lif import lane_outputs, state_layout
from ...hw.parameter_store import parameter_fields
from ...hw.params import CoreParams, NeuronParams
from ...hw.signatures import event_layout
from ...hw.staged import Pipeline, Staged

__all__ = ["PipelineCost", "decode_cost", "lane_cost"]

_COMPARISONS = ("<", "<=", ">", ">=")


class PipelineCost(Pipeline):
    """Pipeline that counts.

    Attributes
    ----------
    ffs : int
        Bits of registers, without those that are always zero.
    work : Counter
        Bits of each kind of operation: "add", "compare", "mux" and "logic".
    chains : int
        Additions and comparisons, each a carry chain.
    products : list of (int, int)
        Widths of the factors of every multiplication, signed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ffs = 0
        self.work: Counter[str] = Counter()
        self.products: list[tuple[int, int]] = []
        self.chains = 0
        self._zeros: dict[int, int] = {}  # low bits of a register that are always zero
        self._seen: list[Signal] = []  # keeps ids unique

    def _clock(self, held: Signal, value: Value) -> None:
        zeros = min(self._low_zeros(value), len(held))
        self._zeros[id(held)] = zeros
        self._seen.append(held)
        self.ffs += len(held) - zeros
        self._count(value)

    def _count(self, value: Value) -> None:
        for operand in _operands(value):
            self._count(operand)
        operator = getattr(value, "operator", None)
        self.chains += operator in ("+", "-", *_COMPARISONS)
        if operator in ("+", "-"):
            through = max((self._low_zeros(operand) for operand in _operands(value)), default=0)
            self.work["add"] += 2 * -(-max(0, len(value) - through) // 2)  # a carry cell is two bits
        elif operator in _COMPARISONS:
            self.work["compare"] += max(map(len, _operands(value)))
        elif operator == "*":
            first, second = (len(x) + (not x.shape().signed) for x in _operands(value))
            self.products.append((first, second))
        elif operator in ("&", "|", "^", "==", "!=", "b", "r|", "r&"):
            self.work["logic"] += max(map(len, _operands(value)))
        elif type(value).__name__ == "SwitchValue" and not _chooses_constants(value):
            self.work["mux"] += len(value)

    def _low_zeros(self, value: Value) -> int:
        if isinstance(value, Const):
            return len(value) if not value.value else (value.value & -value.value).bit_length() - 1
        if id(value) in self._zeros:
            return self._zeros[id(value)]
        operator = getattr(value, "operator", None)
        operands = _operands(value)
        if operator in ("s", "u"):
            return self._low_zeros(operands[0])
        if operator in ("+", "-"):
            return min(map(self._low_zeros, operands))
        if type(value).__name__ == "Concat":
            zeros = 0
            for part in operands:
                low = self._low_zeros(part)
                zeros += low
                if low < len(part):
                    break
            return zeros
        return 0


def _chooses_constants(value: Value) -> bool:
    """Whether a bit chooses among constants: the result is then that bit and its inverse here and there."""
    test, *results = _operands(value)
    return len(test) == 1 and all(isinstance(result, Const) for result in results)


def _operands(value: Value) -> Sequence[Value]:
    """Parts of an expression, whatever kind it is."""
    for name in ("operands", "parts"):
        if hasattr(value, name):
            return [Value.cast(part) for part in getattr(value, name)]
    if type(value).__name__ == "SwitchValue":
        return [value.test, *(result for _, result in value.cases)]  # pyright: ignore
    inner = getattr(value, "value", None)
    return [inner] if isinstance(inner, Value) else []


@lru_cache(maxsize=256)
def lane_cost(neuron: NeuronParams, *, tally_bits: int | None, acc_stage: int = 0) -> PipelineCost:
    """Cost of one lane of the neuron update, which accumulators enter at `acc_stage`."""
    cost = PipelineCost()
    state = Signal(state_layout(neuron, tally_bits=tally_bits))
    words = {name: Staged(Signal(shape), 0) for name, (shape, _) in parameter_fields(neuron).items()}
    lane_outputs(cost, neuron, state, Staged(Signal(signed(neuron.acc_bits)), acc_stage), words)
    return cost


def decode_cost(core: CoreParams, channels_last: Sequence[bool]) -> PipelineCost:
    """Cost of the decoder of a core `by_rows`."""
    cost = PipelineCost()
    decode_fields(cost, core, channels_last, Signal(event_layout(core.array.sources)["index"].width))
    return cost
