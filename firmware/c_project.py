"""A folder of C for one build: the driver, what is generated for the build, an example for a Pico."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from ..gen.atomic_dir import replace_directory
from ..gen.build_dir import Build
from ..gen.toolchain.tops import DEFAULT_BAUD
from .c_registers import register_header
from .c_texts import build_header, build_source, protocol_header, sample_header, sample_source

__all__ = ["FOLDER", "write_c_project"]

FOLDER = "firmware"
"""Folder of the build directory that it is written to by default."""
_DRIVER = Path(__file__).with_name("c")
_MARK = "spikeloom_build.h"


def write_c_project(
    build: Build,
    out: Path | None = None,
    *,
    classes: Sequence[str] | None = None,
    baud: int = DEFAULT_BAUD,
) -> Path:
    """Write driver, generated files and examples; everything or nothing.

    Parameters
    ----------
    build : Build
    out : Path, optional
        New, empty, or an earlier one, which is replaced. Default: ``firmware`` in the build directory.
    classes : sequence of str, optional
        Names of the classes; default: their numbers.
    baud : int
        Of the bitstream's UART; examples use it.

    Returns
    -------
    Path
        What was written.

    Raises
    ------
    UserError
        It cannot be written there; not a name for each class.
    """
    path = build.path / FOLDER if out is None else Path(out)
    texts = {
        "spikeloom_protocol.h": protocol_header(),
        "spikeloom_registers.h": register_header(),
        _MARK: build_header(build, baud=baud),
        "spikeloom_build.c": build_source(build, names=classes),
        "spikeloom_samples.h": sample_header(build),
        "spikeloom_samples.c": sample_source(build),
    }
    with replace_directory(path, ours=_is_ours, what="the C files") as folder:
        shutil.copytree(_DRIVER, folder, dirs_exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="ascii", newline="\n")
    return path


def _is_ours(path: Path) -> bool:
    return (path / _MARK).is_file()
