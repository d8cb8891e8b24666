"""Names that are legal and readable in Verilog, RTLIL and file systems.

NIR node names are free text; what is generated from them must be an identifier everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ["identifier", "unique_names"]

MAX_LENGTH = 64


def identifier(text: str) -> str:
    """Turn free text into ``[a-z_][a-z0-9_]*`` of at most 64 characters; "fc1.lif" becomes "fc1_lif".

    Lower case only, because file systems may not tell cases apart.
    """
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:MAX_LENGTH] or "population"
    return name if name[0].isalpha() else f"n{name}"


def unique_names(texts: Iterable[str]) -> tuple[str, ...]:
    """Give each text an `identifier` of its own; later ones get _2, _3, ... where they would be equal."""
    taken: list[str] = []
    for text in texts:
        base = name = identifier(text)
        number = 2
        while name in taken:
            name = f"{base}_{number}"
            number += 1
        taken.append(name)
    return tuple(taken)
