"""What is built around the accelerator on a board: a self-test, or a link to a host."""

from __future__ import annotations

import numpy as np
from amaranth import Elaboratable

from ...hw.boards.board import Board
from ...hw.boards.top import BoardTop, LinkTop
from ...hw.clocked_accelerator import ClockedAccelerator
from ...hw.emitted import EmittedAccelerator
from ...hw.link.params import MIN_BIT_CYCLES, HostLinkParams, bit_cycles_for
from ...hw.link.spi_link import SpiLink
from ...hw.link.uart_link import UartLink
from ...hw.load_bus import loaded_shapes
from ...hw.params import AcceleratorParams
from ...hw.selftest import SelfTest, SelfTestParams, output_signature
from ..build_dir import Build
from ..errors import UserError
from ..manifest import build_id
from .selftest_words import event_words, output_words

__all__ = ["ACCELERATOR", "DEFAULT_BAUD", "LINKS", "board_top", "link_params", "selftest_params"]

ACCELERATOR = "accelerator"
"""Module of the build's RTL."""
DEFAULT_BAUD = 1_000_000
LINKS = ("uart", "spi")
_WINDOWS = {"ice40": 4}  # frames each way: 512 bytes of one block RAM, where they are that small
_WINDOW = 8


def board_top(build: Build, board: Board, *, link: str | None, baud: int) -> Elaboratable:
    """Top level of `board`: with `link`, or with a self-test.

    With a PLL and a link the PLL clocks the accelerator alone; the link stays at the oscillator.

    Raises
    ------
    UserError
        No such link, none on this board, a rate that its clock cannot make; no samples for a self-test.
    """
    accelerator = EmittedAccelerator(build.plan.accelerator, name=ACCELERATOR)
    if link is None and loaded_shapes(build.plan.accelerator):
        raise UserError(
            "The weights of this build are loaded at run time, so a host must reach them: give --link uart"
        )
    if link is None:
        return BoardTop(board, SelfTest(accelerator, selftest_params(build)))
    if link not in LINKS:
        raise UserError(f"Link must be {' or '.join(LINKS)}, not {link}")
    if getattr(board, link) is None:
        what = {"uart": "UART", "spi": "pins chosen for SPI"}[link]
        raise UserError(f"Board {board.name} has no {what}; {_boards_with(link)} have")
    if board.pll is not None:
        accelerator = ClockedAccelerator(accelerator, memories=loaded_shapes(build.plan.accelerator))
    if link == "spi":
        return LinkTop(board, SpiLink(accelerator, link_params(build, board)))
    return LinkTop(board, UartLink(accelerator, link_params(build, board, baud=baud)))


def link_params(build: Build, board: Board, *, baud: int | None = None) -> HostLinkParams:
    """Parameters of a link of `board`; `baud` is that of a UART.

    Raises
    ------
    UserError
        The link's clock cannot make this rate.
    """
    try:
        bit_cycles = MIN_BIT_CYCLES if baud is None else bit_cycles_for(round(board.link_mhz * 1e6), baud)
    except ValueError as error:
        raise UserError(f"Board {board.name}: {error}") from None
    return HostLinkParams(
        bit_cycles=bit_cycles,
        window=_WINDOWS.get(board.family, _WINDOW),
        clock_hz=round(board.design_mhz * 1e6),
        build_id=build_id(build.path),
        memories=loaded_shapes(build.plan.accelerator),
    )


def _boards_with(link: str) -> str:
    from ...hw.boards.registry import BOARDS

    return ", ".join(name for name, board in BOARDS.items() if getattr(board, link) is not None)


def selftest_params(build: Build) -> SelfTestParams:
    """Choose a stored sample for the self-test: the shortest whose output is not silent.

    Raises
    ------
    UserError
        The build has no stored samples.
    """
    vectors = build.vectors()
    if vectors is None or not len(vectors.x):
        raise UserError(f"{build.path}: has no stored samples for the self-test; compile the network again")
    params = build.plan.accelerator
    x = vectors.x.reshape(*vectors.x.shape[:2], -1)
    events = x.sum(axis=(1, 2), dtype=np.int64)
    silent = ~vectors.output.any(axis=(1, 2))
    chosen = np.lexsort((events, silent))[0]
    tokens = tuple(event_words(x[chosen], value_bits=params.input_value_bits))
    words = list(output_words(params, vectors.output[chosen]))
    return SelfTestParams(
        tokens=tokens,
        signature=output_signature(words),
        timeout_cycles=_timeout_cycles(params, tokens, words),
    )


def _timeout_cycles(params: AcceleratorParams, tokens: tuple[int, ...], words: list[int]) -> int:
    """Far more than any sample can take, and still well under a second on every board."""
    steps = sum(core.neuron.neurons + core.array.groups for core in params.cores)
    busiest = max(core.event_cycles for core in params.cores)
    return (1 << 16) + 4 * (len(tokens) + len(words)) * (busiest + steps)
