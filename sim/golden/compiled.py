"""Turns a plain Python function over arrays into machine code, kept on disk for the next process.

Importing this module imports numba, which takes a while: whoever runs something imports it then. What is
kept is compiled again when the file of the function changes, so all that a function calls is in its file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit
from numba.extending import register_jitable

__all__ = ["compiled", "inner"]

inner = register_jitable
"""Decorator of a function that compiled ones call. Called from Python it stays plain Python."""


def compiled(function: Callable[..., Any]) -> Any:
    """Decorator of a function that is compiled when it is first called with arrays of some types.

    It does not hold Python's lock while it runs, so threads may run it side by side.
    Its attribute `py_func` is the function itself, which takes any Python numbers, however large.
    """
    # NumPy's rule for a division by zero: no check, so that loops become vector instructions
    try:
        return njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:  # no folder to keep it in is writable
        return njit(nogil=True, error_model="numpy")(function)
