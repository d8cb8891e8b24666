"""Networks that are integers already: find their unit and refuse to lose anything.

A network trained in integer arithmetic (Loihi, Lava) arrives with weights that are integers times one
number, factors that are fractions of a power of two, and so on. Quantising it again would change it.
"""

from __future__ import annotations

import numpy as np

from ..errors import UserError
from ..ir import Population
from .integers import SUBTRACTING, decay_factors, is_near
from .option_values import AUTO
from .options import PopulationOptions
from .weight_grid import nearest, weight_limits

__all__ = ["common_scale", "exact_decay_frac_bits", "exact_frac_bits", "exact_weights"]

_SAME_DECAY = 2.0**-22  # files hold float32
_NOISE = 2.0**-18  # of the largest weight: rests of float32 weights are smaller, no unit of 16 bits is
_MAX_FRAC_BITS = 16


def common_scale(population: Population, weight: np.ndarray, options: PopulationOptions) -> np.ndarray:
    """Greatest number that every weight is an integer times of, for each neuron the same.

    Raises
    ------
    UserError
        There is none for which the weights fit `weight_bits`.
    """
    values = np.unique(np.abs(weight))
    values = values[values > 0][::-1]  # largest first: the remainders shrink fast
    unit = values[0] if values.size else 1.0
    floor = _NOISE * unit
    for value in values[1:]:
        unit = _common_divisor(unit, value, floor)
        if values[0] / unit > 1 << 16:
            raise _inexact(
                population, "weights are not integers of 16 bits times one number", "exact = false"
            )
    multiples = np.rint(values / unit)
    if values.size and multiples.all():
        unit = (values @ multiples) / (multiples @ multiples)
    return np.full(population.size, float(unit))


def _common_divisor(a: float, b: float, floor: float) -> float:
    while b > floor:
        rest = a - b * np.rint(a / b)
        a, b = b, abs(rest)
    return a


def exact_weights(
    population: Population, weight: np.ndarray, scale: np.ndarray, options: PopulationOptions
) -> np.ndarray:
    """``weight / scale``, int32.

    Raises
    ------
    UserError
        A quotient is no integer or does not fit.
    """
    quotient = weight / scale[:, None]
    whole = np.rint(quotient)
    if not is_near(quotient, whole).all():
        row, column = np.argwhere(~is_near(quotient, whole))[0]
        text = f"weight {weight[row, column]:g} is no integer times scale {scale[row]:g}"
        raise _inexact(population, text, "another scale or exact = false")
    if (nearest(whole, options.weight_bits) != whole).any():
        low, high = weight_limits(options.weight_bits)
        text = f"weights {whole.min():.0f} .. {whole.max():.0f} do not fit {low} .. {high}"
        raise _inexact(population, text, "more weight_bits")
    return whole.astype(np.int32)


def exact_frac_bits(population: Population, scale: np.ndarray, options: PopulationOptions) -> int:
    """Fewest fraction bits, or those given, that hold every word of the population.

    Raises
    ------
    UserError
        No number of them does.
    """
    given = options.frac_bits
    tried = range(_MAX_FRAC_BITS + 1) if given == AUTO else [int(given)]
    for bits in tried:
        quotients = [words / scale * 2.0**bits for words in _words(population)]
        if all(is_near(quotient, np.rint(quotient)).all() for quotient in quotients):
            return bits
    text = f"threshold, bias, leak or reset value is no integer in scale / 2**{tried[-1]}"
    raise _inexact(population, text, "another scale or frac_bits")


def exact_decay_frac_bits(population: Population, options: PopulationOptions) -> int:
    """Fewest fraction bits, or those given, in which every decay is exact.

    Raises
    ------
    UserError
        No number of them is.
    """
    given = options.decay_frac_bits
    tried = range(1, 17) if given == AUTO else [int(given)]
    decays = [decay for decay in (population.alpha, population.beta) if decay is not None]
    for bits in tried:
        if all((np.abs(decay_factors(d, bits) / 2.0**bits - d) <= _SAME_DECAY).all() for d in decays):
            return bits
    raise _inexact(population, f"a decay is no multiple of 2**-{tried[-1]}", "other decay_frac_bits")


def _words(population: Population) -> list[np.ndarray]:
    words = [population.reset_value, population.bias, population.leak, population.v_min]
    if population.reset in SUBTRACTING:  # where it is only compared, any threshold has an exact integer
        words.append(population.threshold)
    return [word for word in words if word is not None and word.size]


def _inexact(population: Population, what: str, accepted: str) -> UserError:
    return UserError(f"Population {population.name} is not exact: {what}; accepted: {accepted}")
