"""The flow of every family."""

from ...hw.boards.device import Family
from . import ecp5, gowin, ice40
from .flow import Flow

__all__ = ["FLOWS"]

FLOWS: dict[Family, Flow] = {Family.ECP5: ecp5.FLOW, Family.ICE40: ice40.FLOW, Family.GOWIN: gowin.FLOW}
