"""The quantiser: a float network to the integers of the number contract."""

from .flow import quantise
from .options import PopulationOptions, QuantiseOptions
from .report import PopulationReport, QuantiseReport
from .simulate import Recorded, Simulator

__all__ = [
    "PopulationOptions",
    "PopulationReport",
    "QuantiseOptions",
    "QuantiseReport",
    "Recorded",
    "Simulator",
    "quantise",
]
