"""Networks as .npz files: their arrays, and the rest as JSON in an array of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypeVar

import numpy as np

from .codec import Arrays, decode, encode
from .codec_npz import read_npz, write_npz
from .errors import UserError
from .ir import Network, QuantisedNetwork

__all__ = ["read_network", "write_network"]

STRUCTURE = "structure"

N = TypeVar("N", Network, QuantisedNetwork)


def write_network(path: Path, network: Network | QuantisedNetwork) -> None:
    """Write `network`; array ``structure`` is UTF-8 JSON of everything that is not an array."""
    arrays: Arrays = {}
    structure = json.dumps(encode(network, arrays), allow_nan=False)
    write_npz(path, {STRUCTURE: np.frombuffer(structure.encode(), np.uint8), **arrays})


def read_network(path: Path, cls: type[N]) -> N:
    """Read a network of the class `cls`; what holds between its parts is checked elsewhere.

    Raises
    ------
    UserError
        The file is not one that `write_network` writes.
    """
    arrays = read_npz(path)
    structure = arrays.pop(STRUCTURE, np.zeros(0))
    if structure.dtype != np.uint8:
        raise UserError(f"{path}: no network in it")
    try:
        data = json.loads(structure.tobytes().decode())
    except (ValueError, RecursionError):
        raise UserError(f"{path}: its structure is not JSON") from None
    return decode(cls, data, arrays, where=str(path))
