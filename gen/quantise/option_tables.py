"""Options as one table, for TOML files and manifests.

Keys of the network and keys of all populations stand at the top; ``[population.NAME]`` holds those of one
population, ``[projection.NAME]`` integer weights that are given::

    weight_bits = 6
    tries = 4
    [population.hidden]
    weight_bits = 4
    [projection."input->hidden"]
    weights = "int8:..."
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ...hw.params import Rounding
from ..errors import UserError
from ..toml_text import toml_text
from .option_values import Reader, check_keys

__all__ = ["Parts", "join", "split", "toml_text"]

POPULATION, PROJECTION, WEIGHTS = "population", "projection", "weights"


class Parts(NamedTuple):
    """Fields of `QuantiseOptions`; values are not checked yet."""

    network: dict[str, Any]
    defaults: dict[str, Any]
    populations: Mapping[str, Mapping[str, Any]]
    weights: dict[str, str]


def split(
    table: Mapping[str, Any], *, network: Mapping[str, Reader], population: Mapping[str, Reader]
) -> Parts:
    """Sort the keys of a table.

    Raises
    ------
    UserError
        An unknown key; names what is accepted.
    """
    check_keys(table, [*network, *population, POPULATION, PROJECTION])
    projections = _tables(table, PROJECTION)
    for name, fields in projections.items():
        check_keys(fields, [WEIGHTS], where=f"projection {name}")
    return Parts(
        network={key: value for key, value in table.items() if key in network},
        defaults={key: value for key, value in table.items() if key in population},
        populations=_tables(table, POPULATION),
        weights={name: fields[WEIGHTS] for name, fields in projections.items() if WEIGHTS in fields},
    )


def join(
    *,
    network: Mapping[str, Any],
    defaults: Mapping[str, Any],
    populations: Mapping[str, Mapping[str, Any]],
    weights: Mapping[str, str],
) -> dict[str, Any]:
    """The table that `split` takes apart."""
    table = _plain(network) | _plain(defaults)
    if populations:
        table[POPULATION] = {name: _plain(fields) for name, fields in populations.items()}
    if weights:
        table[PROJECTION] = {name: {WEIGHTS: text} for name, text in weights.items()}
    return table


def _tables(table: Mapping[str, Any], key: str) -> Mapping[str, Mapping[str, Any]]:
    tables = table.get(key, {})
    if not isinstance(tables, Mapping) or not all(isinstance(item, Mapping) for item in tables.values()):
        raise UserError(f"Option {key} must be tables, as in [{key}.NAME]")
    return tables


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain_value(value) for name, value in fields.items() if value is not None}


def _plain_value(value: Any) -> Any:
    if isinstance(value, tuple):
        return list(value)
    return str(value) if isinstance(value, Rounding) else value
