"""Whether a design fits on a board; if not, by how much, and what would fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace

from ...hw.boards.board import Board
from ...hw.boards.device import Device
from ...hw.boards.registry import BOARDS
from ...hw.conv_params import common_lanes
from ...hw.params import AcceleratorParams, ArrayParams, CoreParams, LinkParams, WeightStore
from ..errors import UserError
from ..resources.mapping import map_memory
from ..resources.memories import accelerator_memories
from .resources import RESOURCES, Resources, capacity

__all__ = ["check_fit", "check_memory", "out_of_room", "predict_block_rams"]

SMALL_MEMORY_BITS = 1 << 14  # below this, synthesis may choose LUTs instead of block RAM
MAX_FILL = 0.9  # beyond this share of the LUTs, placement is likely to fail
MAX_BOARDS = 3


def predict_block_rams(params: AcceleratorParams, device: Device) -> int:
    """Block RAMs of all memories, as synthesis maps them (gen/resources/mapping.py)."""
    return sum(map_memory(memory, device).block_rams for memory in accelerator_memories(params))


def check_memory(params: AcceleratorParams, board: Board) -> None:
    """Refuse a network whose weights alone cannot fit, before synthesis.

    Raises
    ------
    UserError
        By how much, and what would fit.
    """
    found = [_bits(core, board.device) for core in params.cores]
    bits = sum(bits for bits in found if bits > SMALL_MEMORY_BITS)
    least = -(-bits // board.device.block_ram_bits)
    check_fit(Resources(block_rams=least), board, params, at_least=True)


def check_fit(needed: Resources, board: Board, params: AcceleratorParams, *, at_least: bool = False) -> None:
    """Refuse a design that needs more of anything than `board` has.

    Parameters
    ----------
    needed : Resources
        Of the whole design.
    at_least : bool
        `needed` is a lower bound, and says so.

    Raises
    ------
    UserError
        By how much, for which resource, and which boards or options would fit.
    """
    available = asdict(capacity(board.device))
    over = {name: count for name, count in asdict(needed).items() if count > available[name]}
    if not over:
        return
    bound = "at least " if at_least else ""
    shortfall = ", ".join(
        f"{bound}{count} {RESOURCES[name]} of {available[name]} ({count - available[name]} too many)"
        for name, count in over.items()
    )
    raise UserError(
        f"Board {board.name} is too small: the design needs {shortfall}; {_advice(needed, board, params)}"
    )


def out_of_room(needed: Resources, board: Board, params: AcceleratorParams, *, said: str) -> UserError:
    """Say that place and route found no room for what synthesis counted; `said` is the tool's own error."""
    filled = f"{needed.luts} LUTs of {board.device.luts} before packing"
    return UserError(f"Board {board.name} is too small: {filled}; {_advice(needed, board, params)} ({said})")


def _advice(needed: Resources, board: Board, params: AcceleratorParams) -> str:
    boards = [other.name for other in _larger_boards(needed, board, params)]
    options = list(_options(needed, board, params))
    advice = []
    if boards:
        advice.append(f"board {', '.join(boards[:MAX_BOARDS])} would fit")
    if options:
        advice.append(
            f"or compile with {' or '.join(options)}" if boards else f"compile with {' or '.join(options)}"
        )
    return ", ".join(advice) or "no board here is large enough: use a smaller network"


def _larger_boards(needed: Resources, board: Board, params: AcceleratorParams) -> list[Board]:
    """Boards that hold the design, smallest first; weight memories are counted anew for each device."""
    other_rams = max(0, needed.block_rams - predict_block_rams(params, board.device))

    def fits(other: Board) -> bool:
        rams = other_rams + predict_block_rams(params, other.device)
        return _fits(replace(needed, block_rams=rams), other.device)

    found = [other for other in BOARDS.values() if other.device != board.device and fits(other)]
    return sorted(found, key=lambda other: (other.device.luts, other.device.block_ram_kbit))


def _options(needed: Resources, board: Board, params: AcceleratorParams) -> Iterator[str]:
    """Compile options under which the design would, by the estimate, fit on `board`."""
    lanes = max(core.array.lanes for core in params.cores)
    fewer = [
        count for count in _halvings(lanes) if _fits(_with_lanes(needed, board, params, count), board.device)
    ]
    if fewer:
        yield f"--lanes {fewer[0]}"
    bits = max(core.array.weight_bits for core in params.cores)
    for count in range(bits - 1, 0, -1):
        if _fits(_with_weight_bits(needed, board, params, count), board.device):
            yield f"--weight-bits {count}"
            return


def _halvings(lanes: int) -> Iterator[int]:
    power = 1 << ((lanes - 1).bit_length() - 1) if lanes > 1 else 0
    while power:
        yield power
        power >>= 1


def _with_lanes(needed: Resources, board: Board, params: AcceleratorParams, lanes: int) -> Resources:
    """Logic shrinks with the lanes; the rest of the design is taken to be a fifth of it."""
    now = sum(core.array.lanes for core in params.cores)
    then = sum(min(core.array.lanes, lanes) for core in params.cores)
    share = 0.2 + 0.8 * then / now
    changed = _changed(params, lanes=lanes)
    return replace(
        needed,
        luts=round(needed.luts * share),
        ffs=round(needed.ffs * share),
        lut_rams=round(needed.lut_rams * share),
        dsps=round(needed.dsps * share),
        block_rams=_scaled_rams(needed, board, params, changed),
    )


def _with_weight_bits(needed: Resources, board: Board, params: AcceleratorParams, bits: int) -> Resources:
    return replace(needed, block_rams=_scaled_rams(needed, board, params, _changed(params, weight_bits=bits)))


def _scaled_rams(
    needed: Resources, board: Board, params: AcceleratorParams, changed: AcceleratorParams
) -> int:
    other = max(0, needed.block_rams - predict_block_rams(params, board.device))
    return other + predict_block_rams(changed, board.device)


def _changed(
    params: AcceleratorParams, *, lanes: int | None = None, weight_bits: int | None = None
) -> AcceleratorParams:
    """`params` with at most so many lanes and weight bits, for estimates only."""

    def change(core: CoreParams) -> ArrayParams:
        array = core.array
        bits = min(array.weight_bits, weight_bits or array.weight_bits)
        most = min(array.lanes, lanes or array.lanes)
        if core.convolutions:
            most = common_lanes(core.convolutions, most=most, weight_bits=bits)
        return replace(array, lanes=most, weight_bits=bits)

    def lists(core: CoreParams, array: ArrayParams) -> tuple[LinkParams, ...]:
        """Row lists at their longest; weights of one bit have none."""
        factor = -(-core.array.lanes // array.lanes)
        return tuple(
            replace(
                link,
                lists=tuple(min(array.groups, factor * count) for count in link.lists)
                if array.weight_bits > 1
                else (),
            )
            for link in core.links
        )

    arrays = [change(core) for core in params.cores]
    cores = tuple(
        replace(core, array=array, links=lists(core, array), update_lanes=1)
        for core, array in zip(params.cores, arrays, strict=True)
    )
    return replace(params, cores=cores)


def _fits(needed: Resources, device: Device) -> bool:
    available = asdict(capacity(device))
    room = {name: MAX_FILL * count if name == "luts" else count for name, count in available.items()}
    return all(count <= room[name] for name, count in asdict(needed).items())


def _bits(core: CoreParams, device: Device) -> int:
    """Bits of a core's weights in block RAM."""
    in_spram = core.array.store is WeightStore.SPRAM and device.sprams
    return 0 if in_spram else core.weight_memory_bits
