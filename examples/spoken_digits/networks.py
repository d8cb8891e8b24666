"""The three networks for spoken digits, as stages that train in PyTorch and export to NIR.

- ``recurrent``: 40-64-64-10, both hidden layers CubaLIF, each joined all to all to itself;
- ``delays``: 40-68-68-10, LIF, every hidden synapse with a weight and a learned delay of 0..24 steps;
- ``plain``: 40-102-102-10, LIF without either, the control.

They have the same number of trained parameters within 2 %. The readouts are leaky integrators; the class is
the one whose membrane has the largest sum over the steps.
"""

from __future__ import annotations

import math

import torch
from make_data import BANDS
from surrogate import Dense, Li, Lif, RecurrentCubaLif, noisy
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["MAX_DELAY_STEPS", "DelayedDense", "Normalised", "network", "parameter_count"]

CLASSES = 10
ALPHA = 0.5  # factor of the synaptic current in one step
BETA = 0.9375  # of the membranes
BETA_READOUT = 0.96875
MAX_DELAY_STEPS = 24
NOISE = 0.02
DROPOUT = 0.2


class DelayedDense(nn.Module):
    """All-to-all synapses, each with a weight and a delay, both learned.

    In training a synapse is a Gaussian over the delays around its learned position (Dilated Convolution with
    Learnable Spacings; Hammouamri et al. 2023), whose width `sigma` shrinks with `narrow`. Then the delay is
    the nearest whole number of steps.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / math.sqrt(inputs))
        self.position = nn.Parameter(torch.rand(outputs, inputs) * MAX_DELAY_STEPS)
        self.bias = None
        self.sigma = MAX_DELAY_STEPS / 2

    def narrow(self, progress: float) -> None:
        """Set the width for a share 0..1 of the training: geometric, from half the range to 0.4 steps."""
        start, end = MAX_DELAY_STEPS / 2, 0.4
        self.sigma = start * (end / start) ** min(1.0, progress / 0.6)

    def delays(self) -> Tensor:
        """Whole steps, (outputs, inputs)."""
        return self.position.clamp(0, MAX_DELAY_STEPS).round().long()

    def forward(self, x: Tensor) -> Tensor:
        steps = MAX_DELAY_STEPS + 1
        if self.training:
            position = self.position.clamp(0, MAX_DELAY_STEPS)[..., None]
            share = torch.exp(-0.5 * ((torch.arange(steps) - position) / self.sigma) ** 2)
            share = share / (share.sum(-1, keepdim=True) + 1e-7)
        else:
            share = functional.one_hot(self.delays(), steps).to(x.dtype)
        kernel = noisy(self.weight, NOISE if self.training else 0)[..., None] * share
        late = functional.pad(x.transpose(1, 2), (steps - 1, 0))
        return functional.conv1d(late, kernel.flip(-1)).transpose(1, 2)


class Normalised(nn.Module):
    """Synapses, then batch normalisation of their currents, which `folded` turns into weights and a bias.

    Parameters
    ----------
    gain : float
        Standard deviation of the currents at the start.
    """

    def __init__(self, synapses: Dense | DelayedDense, outputs: int, *, gain: float):
        super().__init__()
        self.synapses = synapses
        self.norm = nn.BatchNorm1d(outputs)
        nn.init.constant_(self.norm.weight, gain)

    def forward(self, x: Tensor) -> Tensor:
        current = self.synapses(x)
        return self.norm(current.flatten(0, 1)).unflatten(0, current.shape[:2])

    @torch.no_grad()
    def folded(self) -> tuple[Tensor, Tensor]:
        """Weights (outputs, inputs) and bias of the same currents without normalisation."""
        norm = self.norm
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return self.synapses.weight * gain[:, None], norm.bias - norm.running_mean * gain


def network(kind: str) -> nn.Sequential:
    """Return the untrained network of `kind`."""
    hidden = {"recurrent": 64, "delays": 68, "plain": 102}[kind]
    layers: list[nn.Module] = []
    for inputs in (BANDS, hidden):
        if kind == "delays":
            synapses = DelayedDense(inputs, hidden)
        else:
            synapses = Dense(inputs, hidden, bias=False, noise=NOISE)
        layers.append(Normalised(synapses, hidden, gain=0.1 if kind == "recurrent" else 0.3))
        layers.append(
            RecurrentCubaLif(hidden, ALPHA, BETA, noise=NOISE) if kind == "recurrent" else Lif(BETA)
        )
        layers.append(nn.Dropout(DROPOUT))
    return nn.Sequential(*layers, Dense(hidden, CLASSES, noise=NOISE), Li(BETA_READOUT))


def parameter_count(net: nn.Sequential) -> int:
    """Weights, delays and biases of the network that is exported."""
    norms = sum(layer.norm.weight.numel() for layer in net if isinstance(layer, Normalised))
    return sum(p.numel() for p in net.parameters()) - norms  # a normalisation's two vectors become one bias
