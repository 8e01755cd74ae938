"""Random crops and flips of training images, as a pure function of the random choices."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

__all__ = ["PADDING", "crop_and_flip"]

PADDING = 4
"""Pixels of zeros around an image before it is cropped to its old size."""


def crop_and_flip(images: Tensor, offsets: Tensor, flips: Tensor) -> Tensor:
    """Crop every image out of its zero-padded self, then mirror it left to right where asked.

    ``out[n, c, i, j] = padded[n, c, i + offsets[n, 0], j' + offsets[n, 1]]`` with
    ``j' = W - 1 - j`` where ``flips[n]``, else ``j``. Zero is the mean of standardized images.

    Args:
        images: [N, C, H, W].
        offsets: [N, 2] integers in 0 .. 8, top and left; (4, 4) is the image itself.
        flips: [N] bool.

    Returns:
        Images of the same shape, on the same device; the input is not changed.

    >>> image = torch.arange(4.0).reshape(1, 1, 2, 2)
    >>> crop_and_flip(image, torch.tensor([[4, 4]]), torch.tensor([True]))[0, 0].tolist()
    [[1.0, 0.0], [3.0, 2.0]]
    """
    count, _, height, width = images.shape
    padded = pad(images, (PADDING,) * 4)
    rows = offsets[:, :1] + torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device).expand(count, width)
    columns = torch.where(flips[:, None], width - 1 - columns, columns) + offsets[:, 1:]
    examples = torch.arange(count, device=images.device)[:, None, None]
    # Indexing around the channel axis moves it last.
    cropped = padded[examples, :, rows[:, :, None], columns[:, None, :]]
    return cropped.permute(0, 3, 1, 2).contiguous()
