"""A network and the images that it is judged on: encoded once, decoded as often as needed."""

from __future__ import annotations

import torch
from torch import Tensor

from smis.datasets.archive import Samples
from smis.model import GroupDNet

__all__ = ["Encoded"]


class Encoded:
    """The codes of N images, and pictures made from codes.

    Attributes:
        images: `(N, 3, H, W)` in [-1, 1]; `labels`: `(N, H, W)`.
        codes: `(N, C, D, h, w)`, or `(N, 1, D, h, w)` for a network with one code for the whole image.
        rebuilt: the reconstructions, `(N, 3, H, W)`.
        usable: `(N, C)` bool: the class has a pixel in the image, and leaves another one free.
    """

    @torch.no_grad()
    def __init__(self, model: GroupDNet, samples: Samples, batch_size: int = 32) -> None:
        self.model, self.batch_size = model, batch_size
        self.names = model.config.labels.classes
        self.device = next(model.parameters()).device
        self.images, self.labels = samples.tensors()
        self.edges = None if samples.edges is None else torch.from_numpy(samples.edges.copy())
        pairs = zip(self.images.split(batch_size), self.labels.split(batch_size))
        self.codes = torch.cat([model.encode(i.to(self.device), m.to(self.device)).values for i, m in pairs])
        share = torch.stack([(self.labels == c).float().mean((1, 2)) for c in range(len(self.names))], 1)
        self.usable = (share > 0) & (share < 1)
        self.rebuilt = self.decode(self.codes, torch.arange(len(self.images)))

    def __len__(self) -> int:
        return len(self.images)

    @torch.no_grad()
    def decode(self, codes: Tensor, chosen: Tensor) -> Tensor:
        """Codes `(M, C, D, h, w)` with the label maps of images `chosen` `(M,)` -> `(M, 3, H, W)` on the CPU."""
        parts = []
        for some, which in zip(codes.split(self.batch_size), chosen.split(self.batch_size)):
            edges = None if self.edges is None else self.edges[which].to(self.device)
            parts.append(self.model.decode(some.to(self.device), self.labels[which].to(self.device), edges).cpu())
        return torch.cat(parts)

    @torch.no_grad()
    def sample(self, count: int, random: torch.Generator) -> Tensor:
        """Codes `(count, C, D, h, w)` from the network's prior: N(0, 1), or the one that its checkpoint brings."""
        own = torch.Generator(self.device).manual_seed(int(torch.randint(1 << 31, (), generator=random)))
        return self.model.sample(count, own)

    def controller(self, number: int) -> int:
        """Which code is class `number`'s: its own, or the only one."""
        return number if self.codes.shape[1] > 1 else 0

    def with_code(self, codes: Tensor, number: int, others: Tensor) -> Tensor:
        """A copy of `codes` `(M, C, D, h, w)` whose code of class `number` is that of `others`, of the same shape."""
        changed = codes.clone()
        place = self.controller(number)
        changed[:, place] = others[:, place]
        return changed
