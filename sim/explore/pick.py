"""A point of an exploration, as what `compile` needs."""

from __future__ import annotations

from pathlib import Path

from ...gen.errors import UserError
from ..compile import CompileOptions
from ..compile_options import read_options
from .run import PICKS, read_exploration

__all__ = ["read_pick"]


def read_pick(directory: Path, name: str) -> tuple[Path, CompileOptions, Path | None]:
    """Model, options and calibration set of the pick `name`.

    Raises
    ------
    UserError
        No such pick, says which there are; or no exploration.
    """
    found = read_exploration(directory)
    names = [point["name"] for point in found.picks]
    if name not in names:
        raise UserError(f"{directory} has no pick {name}; there are {', '.join(names)}")
    calibration = found.table.get("calibration")
    options = read_options(directory / PICKS / f"{name}.toml")
    return (
        directory / found.table["model"],
        options,
        None if calibration is None else directory / calibration,
    )
