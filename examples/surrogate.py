"""Spiking neurons and noisy synapses in PyTorch for the training scripts; needed only to train, never to run.

All tensors are (samples, steps, ...). Thresholds are 1, a spiking membrane is reset to zero. The rules are
those of snnTorch with ``reset_mechanism="zero"``, which the ``snntorch`` preset of spikeloom reads back from
the files that `nir_nodes` writes::

    i = alpha * i + input                     (synaptic current, only where there is one)
    m = beta * m + i ;  s = [m > 1] ;  m = 0 where s
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["Convolution", "Dense", "Li", "Lif", "RecurrentCubaLif", "SumPool", "noisy"]


class _Spike(torch.autograd.Function):
    """A step forward, an arctangent's slope backward (Fang et al. 2021, eq. 14, alpha = 2)."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return (x > 0).to(x.dtype)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return grad / (1 + (torch.pi * x) ** 2)


def _fire(membrane: Tensor) -> tuple[Tensor, Tensor]:
    """Spikes and the membrane after its reset, through which no gradient flows."""
    spike = _Spike.apply(membrane - 1)
    return spike, membrane * (1 - spike.detach())


class Lif(nn.Module):
    """Leaky integrate-and-fire neurons.

    Parameters
    ----------
    beta : float
        Factor of the membrane in one step.
    """

    def __init__(self, beta: float):
        super().__init__()
        self.beta = beta

    def forward(self, current: Tensor) -> Tensor:
        membrane = torch.zeros_like(current[:, 0])
        spikes = []
        for drive in current.unbind(1):
            spike, membrane = _fire(self.beta * membrane + drive)
            spikes.append(spike)
        return torch.stack(spikes, 1)


class Li(nn.Module):
    """Leaky integrators without a threshold: the readout is their membrane."""

    def __init__(self, beta: float):
        super().__init__()
        self.beta = beta

    def forward(self, current: Tensor) -> Tensor:
        membrane = torch.zeros_like(current[:, 0])
        membranes = []
        for drive in current.unbind(1):
            membrane = self.beta * membrane + drive
            membranes.append(membrane)
        return torch.stack(membranes, 1)


class RecurrentCubaLif(nn.Module):
    """Neurons with a synaptic current, joined all to all by a connection of one step's delay.

    Parameters
    ----------
    alpha, beta : float
        Factors of the current and of the membrane in one step.
    scale : float
        Of the recurrent weights. A spike acts through two leaks, so with weights of the usual size the
        gradient explodes; at this scale the optimiser's steps suit them as well.
    noise : float
        As in `Dense`.
    """

    def __init__(self, neurons: int, alpha: float, beta: float, *, scale: float = 0.06, noise: float = 0.0):
        super().__init__()
        self.alpha, self.beta, self.scale, self.noise = alpha, beta, scale, noise
        self.synapses = nn.Linear(neurons, neurons, bias=False)

    @property
    def weight(self) -> Tensor:
        return self.scale * self.synapses.weight

    def forward(self, current: Tensor) -> Tensor:
        weight = noisy(self.weight, self.noise if self.training else 0)
        synaptic = membrane = spike = torch.zeros_like(current[:, 0])
        spikes = []
        for drive in current.unbind(1):
            synaptic = self.alpha * synaptic + drive + functional.linear(spike, weight)
            spike, membrane = _fire(self.beta * membrane + synaptic)
            spikes.append(spike)
        return torch.stack(spikes, 1)


def noisy(weight: Tensor, noise: float) -> Tensor:
    """Add noise of a share of each row's largest weight.

    Noise of the size of a later rounding error makes the minimum that training finds a flat one.
    """
    if not noise:
        return weight
    largest = weight.detach().flatten(1).abs().amax(1).view(-1, *[1] * (weight.ndim - 1))
    return weight + noise * largest * torch.randn_like(weight)


class Dense(nn.Linear):
    """All-to-all synapses, trained under noise and with clipped outliers.

    Parameters
    ----------
    noise : float
        Standard deviation of the noise over the largest weight of a row, in training only.
    clip : float
        Largest weight of a row over the row's root mean square, so that few bits span it.
    """

    def __init__(
        self, inputs: int, outputs: int, *, noise: float = 0.0, clip: float = float("inf"), bias: bool = True
    ):
        super().__init__(inputs, outputs, bias=bias)
        self.noise, self.clip = noise, clip

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(x, noisy(self.weight, self.noise if self.training else 0), self.bias)

    @torch.no_grad()
    def constrain(self) -> None:
        """Clip outliers; call after each optimiser step."""
        limit = self.clip * self.weight.square().mean(1, keepdim=True).sqrt()
        self.weight.copy_(torch.maximum(torch.minimum(self.weight, limit), -limit))


class Convolution(nn.Conv2d):
    """A two-dimensional convolution of (samples, steps, channels, rows, columns), trained under noise."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, stride: int = 1, noise: float = 0.0):
        super().__init__(inputs, outputs, kernel, stride=stride)
        self.noise = noise

    def forward(self, x: Tensor) -> Tensor:
        weight = noisy(self.weight, self.noise if self.training else 0)
        return functional.conv2d(x.flatten(0, 1), weight, self.bias, self.stride).unflatten(0, x.shape[:2])


class SumPool(nn.Module):
    """Sums over squares of `size` x `size`: in spikes, a merge."""

    def __init__(self, size: int):
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        pooled = functional.avg_pool2d(x.flatten(0, 1), self.size, divisor_override=1)
        return pooled.unflatten(0, x.shape[:2])
