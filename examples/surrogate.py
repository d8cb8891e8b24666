"""Spiking layers in PyTorch for the training scripts of the examples; needed only to train, never to run.

The rule is the one a leaky neuron of snnTorch with ``reset_mechanism="zero"`` follows, and the one the
``snntorch`` preset of spikeloom reads back from the file::

    m = beta * m + input ;  s = [m > threshold] ;  m = 0 where s

The exported node has ``1 - dt/tau = beta`` and ``r * dt/tau = 1``, so ``tau = dt / (1 - beta)``.
"""

from __future__ import annotations

from itertools import pairwise

import nir
import numpy as np
import torch
from torch import Tensor, nn

__all__ = ["DT_S", "Lif", "Quantisable", "deform", "even_spikes", "lif_node", "write_chain"]

DT_S = 1e-4  # seconds a step in the exported files, snnTorch's default


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


class Lif(nn.Module):
    """Leaky integrate-and-fire neurons, threshold 1, reset to zero.

    Parameters
    ----------
    beta : float
        Factor of the membrane in one step.
    """

    def __init__(self, beta: float):
        super().__init__()
        self.beta = beta

    def forward(self, current: Tensor) -> Tensor:
        """Spikes (samples, steps, ...) for a current of the same shape."""
        membrane = torch.zeros_like(current[:, 0])
        spikes = []
        for drive in current.unbind(1):
            membrane = self.beta * membrane + drive
            spike = _Spike.apply(membrane - 1)
            membrane = membrane * (1 - spike.detach())
            spikes.append(spike)
        return torch.stack(spikes, 1)


class Quantisable(nn.Linear):
    """A dense layer trained under weight noise of about one 4-bit step, with clipped outliers.

    Noise of the size of the later rounding error makes the minimum that training finds a flat one, and
    clipping keeps the largest weight of a row near the others, so that few bits span the row.

    Parameters
    ----------
    noise : float
        Standard deviation of the noise over the largest weight of the row, in training only.
    clip : float
        Largest weight over the row's root mean square.
    """

    def __init__(
        self, inputs: int, outputs: int, *, noise: float = 0.0, clip: float = float("inf"), bias: bool = True
    ):
        super().__init__(inputs, outputs, bias=bias)
        self.noise, self.clip = noise, clip

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight
        if self.training and self.noise:
            largest = weight.detach().abs().amax(1, keepdim=True)
            weight = weight + self.noise * largest * torch.randn_like(weight)
        return nn.functional.linear(x, weight, self.bias)

    @torch.no_grad()
    def constrain(self) -> None:
        """Clip outliers; call after each optimiser step."""
        limit = self.clip * self.weight.square().mean(1, keepdim=True).sqrt()
        self.weight.copy_(torch.maximum(torch.minimum(self.weight, limit), -limit))


def even_spikes(rate: Tensor, steps: int) -> Tensor:
    """Evenly spaced spikes (samples, steps, ...) of rates 0..1, as `encode_rate` with ``even`` makes them."""
    elapsed = torch.arange(steps + 1.0).view(-1, *[1] * (rate.ndim - 1))
    return torch.floor(torch.rand_like(rate)[:, None] + rate[:, None] * elapsed).diff(dim=1)


def deform(images: Tensor, *, rotate: float, scale: float, shear: float, shift: float) -> Tensor:
    """Draw a new affine map for each image (samples, 1, rows, columns).

    Parameters
    ----------
    rotate : float
        Largest angle, radians.
    scale, shear : float
        Largest relative change.
    shift : float
        Largest shift, in half widths of the image.
    """
    count = len(images)

    def draw(largest: float, *shape: int) -> Tensor:
        return (torch.rand(count, *shape) * 2 - 1) * largest

    angle, size, slant, move = draw(rotate), 1 + draw(scale), draw(shear), draw(shift, 2)
    c, s = angle.cos() * size, angle.sin() * size
    maps = torch.stack([torch.stack([c, slant - s, move[:, 0]], 1), torch.stack([s, c, move[:, 1]], 1)], 1)
    grid = nn.functional.affine_grid(maps, list(images.shape), align_corners=False)
    return nn.functional.grid_sample(images, grid, align_corners=False)


def lif_node(beta: float, shape: tuple[int, ...]) -> nir.LIF:
    """Return the NIR node of `Lif` neurons of `shape`, as snnTorch exports it."""
    tau = np.full(shape, DT_S / (1 - beta), np.float32)
    zero = np.zeros(shape, np.float32)
    return nir.LIF(
        tau=tau, r=tau / np.float32(DT_S), v_leak=zero, v_threshold=np.ones(shape, np.float32), v_reset=zero
    )


def write_chain(path, input_shape: tuple[int, ...], nodes: dict[str, nir.NIRNode]) -> None:
    """Write `nodes`, in order, between an input and an output node."""
    last = list(nodes.values())[-1].output_type["output"]
    graph = {"input": nir.Input(np.array(input_shape)), **nodes, "output": nir.Output(np.array(last))}
    names = list(graph)
    nir.write(path, nir.NIRGraph(graph, list(pairwise(names))))
