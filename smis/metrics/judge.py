"""How different two images look: distances between features of a pretrained network.

The network is EfficientNet-Lite0 (ImageNet), because it comes in a wheel and works offline. The training loss uses it,
too: its stem and its stages 1 to 3. To judge, only the outputs of stages 4 and 5 are compared, which no loss looks at.
That keeps the judge from repeating the loss, but it is one network all the same: what pleases stages 1 to 3 tends to
please 4 and 5. Compare such numbers only among networks that were trained with the same loss. They are not LPIPS:
other network, no weights fitted to what people find similar.

To read the numbers, means over 40 test people at 64 px against the same image otherwise: all pixels 0.017 brighter
(of 1) 0.03, noise of 0.002 0.1, shifted by one pixel 0.3, blurred 3 x 3 0.5, mirrored 0.9, another person 1.2. Texture
counts much more than tone, and the distance grows slower the larger it is: ratios of distances are smaller than of L1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["Judge", "efficientnet_judge"]

Features = Sequence[Tensor]  # each (B, c, h, w)
SMALLEST = 128  # pixels: smaller images are enlarged, for stages 4 and 5 see only every 16th pixel


class Judge:
    """Distances from 0 (equal) to 2, from any function that gives features.

        distance(a, b) = mean over layers of  mean |f(a) - f(b)|  /  mean of (|f(a)| + |f(b)|) / 2

    Dividing by the size of the features makes layers count alike. Distances are symmetric.

    Args:
        name: printed beside every number.
        extract: images `(B, 3, H, W)` in [-1, 1] -> a list of features `(B, c, h, w)`.
        note: lines for the head of a report: what this distance is, and what it is not.
    """

    def __init__(self, name: str, extract: Callable[[Tensor], Features], note: Sequence[str] = ()) -> None:
        self.name, self.extract = name, extract
        self.note = tuple(note) or (f"Perceptual: distance of features, 0 (equal) to 2; {name}. Not LPIPS.",)

    @torch.no_grad()
    def features(self, images: Tensor, batch_size: int = 8) -> list[Tensor]:
        """Images `(N, 3, H, W)` in [-1, 1] -> features, one tensor a layer."""
        parts = [self.extract(some) for some in images.split(batch_size)]
        return [torch.cat(layer) for layer in zip(*parts)]

    def distance(self, a: Features, b: Features) -> Tensor:
        """Features of N images, twice -> `(N,)` on the CPU."""
        layers = [(x - y).abs().mean((1, 2, 3)) / self._size(x, y) for x, y in zip(a, b, strict=True)]
        return torch.stack(layers).mean(0).cpu()

    def maps(self, a: Features, b: Features, size: tuple[int, int]) -> Tensor:
        """Features of N images, twice -> the distance at each pixel, `(N, H, W)` on the CPU.

        Feature maps are coarse and each of their points sees far: with stages 4 and 5 of EfficientNet-Lite0 more than
        100 pixels. A change therefore shows on the map far outside of where it is.
        """
        layers = []
        for x, y in zip(a, b, strict=True):
            coarse = (x - y).abs().mean(1, keepdim=True) / self._size(x, y).view(-1, 1, 1, 1)
            layers.append(F.interpolate(coarse, size, mode="bilinear", align_corners=False))
        return torch.stack(layers).mean(0)[:, 0].cpu()

    @staticmethod
    def _size(x: Tensor, y: Tensor) -> Tensor:
        return ((x.abs() + y.abs()).mean((1, 2, 3)) / 2).clamp(min=1e-12)


def efficientnet_judge(device: str | torch.device = "cpu") -> Judge:
    """Stages 4 and 5 of EfficientNet-Lite0. Raises ModuleNotFoundError, saying what to do, without its package."""
    from smis.perceptual import EfficientNetFeatures

    network = EfficientNetFeatures(5).to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def extract(images: Tensor) -> Features:
        images = images.to(device)
        times = -(-SMALLEST // min(images.shape[2:]))  # rounded up
        if times > 1:
            images = F.interpolate(images, scale_factor=float(times), mode="bilinear", align_corners=False)
        features: list[Tensor] = network(images.contiguous(memory_format=torch.channels_last))
        return features[4:]

    name = "EfficientNet-Lite0 stages 4 and 5"
    note = (
        f"Perceptual: distance of features, 0 (equal) to 2; {name}. Not LPIPS.",
        "  The training loss uses earlier stages of the same network: no independent judge.",
    )
    return Judge(name, extract, note)
