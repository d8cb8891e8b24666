"""Integer weights as short text, for options files and manifests: little-endian, deflated, base64."""

from __future__ import annotations

import base64
import binascii
import math
import zlib

import numpy as np

from ..errors import UserError

__all__ = ["pack", "unpack"]

_BYTES = (1, 2, 4)


def pack(weight: np.ndarray) -> str:
    """Text ``int8:...`` (or int16, int32) of a matrix; the same matrix always gives the same text."""
    limit = max(int(np.max(weight, initial=0)), -int(np.min(weight, initial=0)) - 1)
    size = next(size for size in _BYTES if limit < 1 << (8 * size - 1))
    data = np.ascontiguousarray(weight, dtype=f"<i{size}").tobytes()
    return f"int{8 * size}:{base64.b64encode(zlib.compress(data, 9)).decode()}"


def unpack(text: str, shape: tuple[int, ...], *, where: str) -> np.ndarray:
    """Matrix of `shape`, int32, that `pack` wrote.

    Raises
    ------
    UserError
        Other text, or a matrix of another size; names `where`.
    """
    kind, _, body = text.partition(":")
    sizes = {f"int{8 * size}": size for size in _BYTES}
    if kind not in sizes:
        raise UserError(f"{where}: packed weights must start with {', '.join(f'{k}:' for k in sizes)}")
    length = math.prod(shape) * sizes[kind]
    try:
        inflate = zlib.decompressobj()
        data = inflate.decompress(base64.b64decode(body, validate=True), length + 1)
    except (binascii.Error, ValueError, zlib.error):
        raise UserError(f"{where}: packed weights are damaged") from None
    if len(data) != length:
        raise UserError(f"{where}: packed weights must be {' x '.join(map(str, shape))} of {kind}")
    return np.frombuffer(data, dtype=f"<i{sizes[kind]}").reshape(shape).astype(np.int32)
