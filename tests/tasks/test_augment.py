"""Random crops and flips against a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from qsched.tasks.augment import crop_and_flip


@pytest.mark.parametrize("shape", [(9, 3, 6, 5), (1, 1, 2, 2), (0, 3, 4, 4)])
def test_against_a_plain_loop(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(shape, generator=generator, dtype=torch.float64)
    before = images.clone()
    offsets = torch.randint(0, 9, (shape[0], 2), generator=generator)
    flips = torch.rand(shape[0], generator=generator) < 0.5
    found = crop_and_flip(images, offsets, flips)
    expected = np.zeros(shape)
    for n in range(shape[0]):
        padded = np.pad(images[n].numpy(), ((0, 0), (4, 4), (4, 4)))
        top, left = offsets[n].tolist()
        crop = padded[:, top : top + shape[2], left : left + shape[3]]
        expected[n] = crop[:, :, ::-1] if flips[n] else crop
    assert np.array_equal(found.numpy(), expected)
    assert torch.equal(images, before)


def test_the_middle_is_the_image_itself() -> None:
    images = torch.rand(4, 3, 8, 8)
    same = crop_and_flip(images, torch.full((4, 2), 4), torch.zeros(4, dtype=torch.bool))
    assert torch.equal(same, images)
