"""The debug ports: records of update groups to the states of every neuron at every step."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...gen.neuron_order import in_user_order, neuron_order
from ...hw.params import CoreParams
from ..faults import ProtocolFault
from ..tokens import bit_field, sign_extend
from .run import Design, Probe

__all__ = ["join_probes", "probe_words", "read_probes"]


def probe_words(core: CoreParams) -> list[int]:
    """Return the 64-bit words of group, spikes, membranes and currents in a record of a core's probe."""
    lanes, neuron = core.update_lanes, core.neuron
    widths = (neuron.spike_bits, neuron.state_bits, neuron.synapse_bits)
    return [1, *(-(-lanes * bits // 64) for bits in widths)]


def read_probes(
    design: Design, records: Sequence[np.ndarray], *, samples: int, steps: int, first_sample: int = 0
) -> dict[str, Probe]:
    """Turn the records of every core's probe into arrays.

    Parameters
    ----------
    records : sequence of ndarray
        One a core: uint64 (records, words), fields as `probe_words` lays them out.
    first_sample : int
        What error messages call the first sample.

    Raises
    ------
    ProtocolFault
        A record too many or too few, or a group out of order; names population, sample and step.
    """
    found = {}
    for name, core, record in zip(design.names, design.params.cores, records, strict=True):
        groups = -(-core.neuron.neurons // core.update_lanes)
        _check_groups(name, record[:, 0], groups, samples, steps, first_sample)
        found[name] = _read(core, record, (samples, steps, groups * core.update_lanes))
    return found


def join_probes(parts: Sequence[Probe]) -> Probe:
    """Put the probes of consecutive samples together."""

    def join(arrays: list[np.ndarray | None]) -> np.ndarray | None:
        present = [array for array in arrays if array is not None]
        return np.concatenate(present) if present else None

    return Probe(
        spikes=join([part.spikes for part in parts]),
        membranes=np.concatenate([part.membranes for part in parts]),
        currents=join([part.currents for part in parts]),
    )


def _read(core: CoreParams, records: np.ndarray, shape: tuple[int, int, int]) -> Probe:
    neuron = core.neuron
    _, spikes, membranes, currents = np.split(records, np.cumsum(probe_words(core))[:-1], axis=1)

    def neurons(words: np.ndarray, bits: int) -> np.ndarray:
        lanes = [bit_field(words, lane * bits, bits) for lane in range(core.update_lanes)]
        found = np.stack(lanes, axis=1).reshape(shape)[..., : neuron.neurons]
        return in_user_order(found, neuron_order(core))

    def state(words: np.ndarray, bits: int) -> np.ndarray:
        return sign_extend(neurons(words, bits), bits)

    return Probe(
        spikes=neurons(spikes, neuron.spike_bits).astype(np.uint8) if neuron.spiking else None,
        membranes=state(membranes, neuron.state_bits),
        currents=state(currents, neuron.synapse_bits) if neuron.synapse else None,
    )


def _check_groups(
    name: str, found: np.ndarray, groups: int, samples: int, steps: int, first_sample: int
) -> None:
    due = np.tile(np.arange(groups, dtype=np.uint64), samples * steps)
    common = min(len(due), len(found))
    wrong = np.flatnonzero(due[:common] != found[:common])
    at = int(wrong[0]) if len(wrong) else common
    if at < max(len(due), len(found)):
        sample, step = divmod(at // groups, steps)
        said = f"group {found[at]}" if at < len(found) else "nothing"
        place = f"probe of {name}, sample {first_sample + sample}, step {step}"
        raise ProtocolFault(f"{place}: {said} where group {at % groups} is due")
