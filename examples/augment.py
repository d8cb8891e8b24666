"""Training samples made anew in every epoch: other phases of the spikes, deformed images."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["deform", "even_spikes"]


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
    grid = functional.affine_grid(maps, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)
