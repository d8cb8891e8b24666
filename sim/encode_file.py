"""A file of values to a file of spikes."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

from ..gen.errors import UserError
from .archive import Archive, write_archive
from .data import Samples, read_labels
from .encode import encode_direct, encode_latency, encode_rate, encode_threshold

__all__ = ["Method", "encode_file"]


class Method(StrEnum):
    """The codes of `sim.encode`."""

    RATE = "rate"
    LATENCY = "latency"
    THRESHOLD = "threshold"
    DIRECT = "direct"


_ENCODERS = {
    Method.RATE: encode_rate,
    Method.LATENCY: encode_latency,
    Method.THRESHOLD: encode_threshold,
    Method.DIRECT: encode_direct,
}


def encode_file(
    in_path: str | Path,
    out_path: str | Path,
    method: Method | str,
    *,
    steps: int | None = None,
    key: str = "x",
    label_key: str | None = None,
    limit: int | None = None,
    **options: Any,
) -> Samples:
    """Encode the values of one ``.npz`` and write ``DATA.npz``, atomically and reproducibly.

    Parameters
    ----------
    in_path : str or Path
        Holds values `key` (samples, *shape), or (samples, steps, *shape) with ``frames=True``.
    out_path : str or Path
        Gets `x` and, where there are labels, `y`.
    method : Method or str
    steps : int or None
    key : str
        Array of the values.
    label_key : str or None
        Array of the labels; None: "y" where there is one.
    limit : int or None
        Encode only so many samples.
    **options
        Of the encoder: `seed`, `max_rate`, `even`, `threshold`, `max_value`, `frames`, `low`, `high`.

    Returns
    -------
    Samples
        What was written.

    Raises
    ------
    UserError
        Unusable files, values or options.
    """
    encode = _encoder(method, options)
    if limit is not None and limit < 1:
        raise UserError(f"Limit must be at least 1, not {limit}")
    with Archive(in_path) as archive:
        shape = archive.shape(key)
        values = archive.read(key, limit=limit)
        y = None
        if label_key is not None or "y" in archive:
            y = read_labels(archive, label_key or "y", samples=shape[0] if shape else 0, limit=limit)
    try:
        x = encode(values, steps, **options)
    except UserError as error:
        raise UserError(f"{in_path}: {key}: {error}") from None
    write_archive(out_path, {"x": x} if y is None else {"x": x, "y": y})
    return Samples(x=x, y=y)


def _encoder(method: Method | str, options: dict[str, Any]):
    """Encoder of `method`, after a check that it has these options."""
    if method not in list(Method):
        raise UserError(f"Encoding must be {', '.join(Method)}, not {method}")
    encode = _ENCODERS[Method(method)]
    for name in options:
        if name not in (encode.__kwdefaults__ or {}):
            raise UserError(
                f"Encoding {method} takes no option {name}, only {', '.join(encode.__kwdefaults__ or {})}"
            )
    return encode
