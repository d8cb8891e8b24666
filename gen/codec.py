"""Frozen dataclasses to JSON and NumPy arrays, and back from files that nobody vouches for.

A dataclass becomes an object with one key a field, an enum its value, a tuple a list; an array becomes
``{"array": key, "dtype": str}`` and its values go beside the JSON. Decoding follows the type hints of the
class and checks everything: keys, types, enum values, the class's own validation, array types.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar

import numpy as np

from .errors import UserError

__all__ = ["Arrays", "decode", "encode"]

T = TypeVar("T")
Arrays = dict[str, np.ndarray]


def encode(value: Any, arrays: Arrays | None = None, *, key: str = "") -> Any:
    """Turn `value` into what `json.dumps` takes.

    Parameters
    ----------
    value : dataclass, enum, mapping, sequence, scalar or ndarray
    arrays : dict, optional
        Receives every array under its path, such as ``populations.0.bias``. Without it arrays become lists.
    key : str
        Path of `value` in what is encoded.

    Raises
    ------
    TypeError
        A value of another type.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(name): encode(item, arrays, key=_join(key, name)) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item, arrays, key=_join(key, at)) for at, item in enumerate(value)]
    if isinstance(value, np.ndarray):
        return _encode_array(value, arrays, key)
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"Cannot encode {type(value).__name__} at {key or 'the top'}")


def decode(cls: type[T], data: Any, arrays: Mapping[str, np.ndarray] | None = None, *, where: str) -> T:
    """Rebuild an instance of the dataclass `cls` from what `encode` gave.

    Parameters
    ----------
    cls : type
        A dataclass whose fields have types that `encode` knows.
    data : object
        From `json.loads`.
    arrays : mapping, optional
        The arrays beside it.
    where : str
        File, for messages.

    Raises
    ------
    UserError
        Anything that is not as the class declares it, named by its path.
    """
    return _decode(cls, data, arrays or {}, where)


def _join(key: str, item: object) -> str:
    return f"{key}.{item}" if key else str(item)


def _encode_array(value: np.ndarray, arrays: Arrays | None, key: str) -> Any:
    if arrays is None:
        return value.tolist()
    arrays[key] = _narrow(value)
    return {"array": key, "dtype": value.dtype.str}


def _narrow(value: np.ndarray) -> np.ndarray:
    """Same integers in the smallest signed type: weights are 16 bits at most."""
    if value.dtype.kind != "i" or not value.size:
        return value
    low, high = int(value.min()), int(value.max())
    kinds = (np.dtype(kind) for kind in (np.int8, np.int16, np.int32, np.int64))
    return value.astype(next(k for k in kinds if np.iinfo(k).min <= low and high <= np.iinfo(k).max))


def _decode(hint: Any, data: Any, arrays: Mapping[str, np.ndarray], where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin in (types.UnionType, typing.Union):
        return _decode_union(typing.get_args(hint), data, arrays, where)
    if origin is tuple:
        return _decode_tuple(typing.get_args(hint), data, arrays, where)
    if origin is not None and issubclass(origin, Mapping):
        return _decode_mapping(typing.get_args(hint)[1], data, arrays, where)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _decode_dataclass(hint, data, arrays, where)
    if hint is np.ndarray:
        return _decode_array(data, arrays, where)
    if issubclass(hint, StrEnum):
        return _decode_enum(hint, data, where)
    if hint is float and type(data) is int:
        return float(data)
    if type(data) is not hint:
        raise UserError(f"{where}: expected {hint.__name__}, found {_kind(data)}")
    return data


def _kind(data: Any) -> str:
    names = {dict: "an object", list: "a list", type(None): "null"}
    return names.get(type(data)) or repr(data)[:40]


def _decode_union(hints: tuple, data: Any, arrays: Mapping[str, np.ndarray], where: str) -> Any:
    if data is None:
        if types.NoneType in hints:
            return None
        raise UserError(f"{where}: must not be null")
    kinds = [hint for hint in hints if hint is not types.NoneType]
    if len(kinds) == 1:
        return _decode(kinds[0], data, arrays, where)
    for hint in kinds:
        plain = typing.get_origin(hint) or hint
        if type(data) is plain or (plain is tuple and type(data) is list):
            return _decode(hint, data, arrays, where)
    raise UserError(f"{where}: expected {' or '.join(_hint_name(h) for h in kinds)}, found {_kind(data)}")


def _hint_name(hint: Any) -> str:
    return "a list" if typing.get_origin(hint) is tuple else hint.__name__


def _decode_tuple(hints: tuple, data: Any, arrays: Mapping[str, np.ndarray], where: str) -> tuple:
    if type(data) is not list:
        raise UserError(f"{where}: expected a list, found {_kind(data)}")
    if hints[0] is int and all(type(item) is int for item in data):
        return tuple(data)
    return tuple(_decode(hints[0], item, arrays, f"{where}.{at}") for at, item in enumerate(data))


def _decode_mapping(hint: Any, data: Any, arrays: Mapping[str, np.ndarray], where: str) -> dict:
    if type(data) is not dict:
        raise UserError(f"{where}: expected an object, found {_kind(data)}")
    return {name: _decode(hint, item, arrays, f"{where}.{name}") for name, item in data.items()}


def _decode_array(data: Any, arrays: Mapping[str, np.ndarray], where: str) -> np.ndarray:
    key = data.get("array") if type(data) is dict else None
    if type(key) is not str or key not in arrays:
        raise UserError(f"{where}: its array is missing")
    try:
        kind = np.dtype(str(data.get("dtype")))
    except (TypeError, ValueError, SyntaxError):
        raise UserError(f"{where}: no array type: {data.get('dtype')}") from None
    array = arrays[key]
    if kind.kind not in "iufb" or not np.can_cast(array.dtype, kind, "safe"):
        raise UserError(f"{where}: array of {array.dtype} where {kind} is declared")
    array = array.astype(kind)
    array.setflags(write=False)
    return array


def _decode_enum(hint: type[StrEnum], data: Any, where: str) -> StrEnum:
    try:
        return hint(data)
    except ValueError:
        raise UserError(f"{where}: expected one of {', '.join(hint)}, found {_kind(data)}") from None


@cache
def _hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _decode_dataclass(cls: type, data: Any, arrays: Mapping[str, np.ndarray], where: str) -> Any:
    if type(data) is not dict:
        raise UserError(f"{where}: expected an object, found {_kind(data)}")
    hints = _hints(cls)
    for what, keys in (("unknown", data.keys() - hints), ("missing", hints.keys() - data.keys())):
        if keys:
            raise UserError(f"{where}: {what} {', '.join(sorted(keys))}")
    fields = {name: _decode(hint, data[name], arrays, f"{where}.{name}") for name, hint in hints.items()}
    try:
        return cls(**fields)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    except (ValueError, OverflowError) as error:
        raise UserError(f"{where}: {error}") from None
