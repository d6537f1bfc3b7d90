"""Winograd's way to convolve (Lavin and Gray, 'Fast Algorithms for Convolutional Neural Networks', 2016): F(2x2, 3x3).

A 2x2 tile of outputs of a 3x3 convolution depends on a 4x4 tile of inputs. Done directly that takes 36 products per
pair of channels. With fixed matrices B, G, A of 0, 1, -1 and 1/2

    tile of outputs = A^T [ (G w G^T) * (B^T inputs B) ] A

it takes 16, one for each of the 4x4 entries: sixteen matrix products over the channels. `G w G^T` is computed once.
B and A only add, so this pays where channels are many. Equal to the direct sum to rounding.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["convolve", "kernels"]

STRIP = 2**21  # numbers in the transformed inputs of one strip of rows: what stays in a processor's cache

_G = ((1.0, 0.0, 0.0), (0.5, 0.5, 0.5), (0.5, -0.5, 0.5), (0.0, 0.0, 1.0))


def kernels(weight: Tensor) -> Tensor:
    """A convolution's weight `(out, in, 3, 3)` -> G w G^T, as `(16, in, out)`."""
    g = torch.tensor(_G, dtype=torch.double, device=weight.device)
    return torch.einsum("ay,oiyx,bx->abio", g, weight.double(), g).flatten(0, 1).to(weight.dtype).contiguous()


def convolve(padded: Tensor, kernels: Tensor) -> Tensor:
    """The grouped 3x3 convolution.

    Args:
        padded: `(B, H + 2, W + 2, G * in)`, H and W even.
        kernels: `(G, 16, in, out)`.

    Returns:
        `(B, H, W, G * out)`.
    """
    groups, _, wide_in, wide_out = kernels.shape
    batch, height, width = padded.shape[0], padded.shape[1] - 2, padded.shape[2] - 2
    out = padded.new_empty(batch, height, width, groups, wide_out)
    rows = max(1, STRIP // (16 * batch * (width // 2) * groups * wide_in))  # of tiles
    for top in range(0, height, 2 * rows):
        tall = min(2 * rows, height - top)
        grid = (4, 4, batch, tall // 2, width // 2)
        tiles = padded.new_empty(*grid, groups * wide_in)
        strip = padded[:, top : top + tall + 2]
        down = [strip[:, k : k + tall - 1 : 2] for k in range(4)]  # row k of every tile
        for y, row in enumerate((down[0] - down[2], down[1] + down[2], down[2] - down[1], down[1] - down[3])):
            across = [row[:, :, k : k + width - 1 : 2] for k in range(4)]
            torch.sub(across[0], across[2], out=tiles[y, 0])
            torch.add(across[1], across[2], out=tiles[y, 1])
            torch.sub(across[2], across[1], out=tiles[y, 2])
            torch.sub(across[1], across[3], out=tiles[y, 3])
        products = padded.new_empty(groups, *grid, wide_out)
        for g, part in enumerate(tiles.view(16, -1, groups * wide_in).chunk(groups, 2)):
            torch.bmm(part, kernels[g], out=products[g].view(16, -1, wide_out))
        first, second, third, fourth = products.unbind(1)
        place = out[:, top : top + tall].permute(3, 0, 1, 2, 4)  # (G, B, tall, W, out)
        for y, row in enumerate((first.add_(second).add_(third), second.sub_(third).sub_(fourth))):
            one, two, three, four = row.unbind(1)
            torch.add(one + two, three, out=place[:, :, y::2, 0::2])
            torch.sub(two - three, four, out=place[:, :, y::2, 1::2])
    return out.flatten(3)
