"""Options of a compile from a TOML file, the one that a build directory holds or one's own."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from ..gen.errors import UserError
from ..gen.plan import PlanOptions
from ..gen.quantise import QuantiseOptions
from .compile import CompileOptions

__all__ = ["read_options"]

_MAX_BYTES = 1 << 28


def read_options(path: str | os.PathLike[str]) -> CompileOptions:
    """Read options.

    The file may hold `semantics`, `dt` and the tables `quantise` (see docs/quantisation.md) and `plan` (see
    docs/build-directory.md).

    Raises
    ------
    UserError
        Not TOML, an unknown key, or a value that does not fit.
    """
    table = _read_toml(Path(path))
    for key in table:
        if key not in ("semantics", "dt", "quantise", "plan"):
            raise UserError(f"{path}: unknown key {key}; accepted are semantics, dt, quantise, plan")
    semantics, dt = table.get("semantics", "auto"), table.get("dt")
    if not isinstance(semantics, str):
        raise UserError(f'{path}: semantics must be text such as "snntorch,reset=zero", not {semantics!r}')
    if dt is not None and (isinstance(dt, bool) or not isinstance(dt, int | float)):
        raise UserError(f"{path}: dt must be a number of seconds, not {dt!r}")
    try:
        return CompileOptions(
            semantics=semantics,
            dt=None if dt is None else float(dt),
            quantise=QuantiseOptions.from_table(_table(table, "quantise")),
            plan=PlanOptions.from_table(_table(table, "plan")),
        )
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise UserError(f"{path}: larger than {_MAX_BYTES >> 20} MiB, which no options file is")
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not TOML: {error}") from None


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise UserError(f"{key} must be a table")
    return value
