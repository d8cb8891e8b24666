"""The machine's C++ compiler."""

from __future__ import annotations

import os
import shutil
from functools import lru_cache
from pathlib import Path

from ..gen.errors import MissingTool
from .process import run_command

__all__ = ["Compiler", "compiler_identity", "cxx_compiler"]

Compiler = tuple[str, ...]


def cxx_compiler(*, step: str) -> Compiler:
    """Return the command of the C++ compiler: ``CXX``, else the first of c++, g++ and clang++.

    Raises
    ------
    MissingTool
        There is none; `step` says what it is needed for.
    """
    chosen = os.environ.get("CXX", "").split()
    for name in [chosen] if chosen else [["c++"], ["g++"], ["clang++"]]:
        path = shutil.which(name[0])
        if path is not None:
            return (path, *name[1:])
    looked = chosen[0] if chosen else "c++, g++ or clang++"
    raise MissingTool(f"a C++ compiler ({looked}) is needed for {step}: install g++, or name one with CXX")


@lru_cache
def compiler_identity(compiler: Compiler) -> str:
    """Return what the compiler says it is, for the keys of caches."""
    _, version = run_command([*compiler, "--version"], cwd=Path.cwd())
    return f"{' '.join(compiler)}\n{version}"
