"""Count the bits that change in registers and memories of a design, block by block, in its CXXRTL."""

from __future__ import annotations

import re

__all__ = ["ToggleCode", "toggle_code"]

_COMMIT = re.compile(r"\b(?:memory_)?([pi]_\w+)\.commit\(observer\)")
_PLAIN = re.compile(r"observer observer;\n\s*return commit<>\(observer\);")
_ESCAPE = re.compile(r"_([0-9a-f]+)_|__")
_PARTS = 2  # a block is the first two parts of a name: a core and what it is made of
TOP = "accelerator"


class ToggleCode:
    """C++ of a design that tells each change to an observer of its block.

    Attributes
    ----------
    code : str
    blocks : tuple of str
        Names, such as "core_lif1.array"; their number is what ``observer.at`` is given.
    """

    def __init__(self, code: str, blocks: tuple[str, ...]) -> None:
        self.code, self.blocks = code, blocks


def toggle_code(code: str) -> ToggleCode:
    """Give the observer of every register and memory the number of its block.

    CXXRTL tells an observer what a register or a word of memory is about to become; the driver's counts the
    bits that differ.
    """
    blocks: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        number = blocks.setdefault(_block(found[1]), len(blocks))
        return found[0].replace("(observer)", f"(observer.at({number}))")

    code = _COMMIT.sub(numbered, code)
    return ToggleCode(_PLAIN.sub("return false;  // the driver commits", code), tuple(blocks))


def _block(mangled: str) -> str:
    """Block of a register by its name in C++."""
    name = _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else "_", mangled[2:])
    *path, _ = name.removeprefix("$flatten\\").replace("\\", "").split(".")
    return ".".join(path[:_PARTS]) or TOP
