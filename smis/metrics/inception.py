"""The Inception network of FID and KID, from a file of its weights.

FID and KID are defined by one network: Inception v3 as its authors published it for TensorFlow on 2015-12-05. Its
weights in PyTorch's format are 96 MB, and are not in this repository:

    https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth
    (the same file: toshas/torch-fidelity, release v0.2.0, weights-inception-2015-12-05-6726825d.pth)

A file with another SHA-256 is refused, so that nothing else is ever called FID. Written here, for the packages that
have this network need torchvision in a build that fits PyTorch's own. A test compares with recorded numbers of
torch-fidelity 0.4.0. KID is estimated over all pairs of images at once: the value that its usual mean over random
subsets has on average.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from smis.files import file_sha256
from smis.metrics.distributions import Look

__all__ = ["Inception", "checked", "inception_look"]

SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
SIDE = 299


def checked(file: Path, sha256: str, what: str) -> Path:
    """The file, if it has this SHA-256. Raises FileNotFoundError or ValueError, saying what is expected."""
    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}; expected {what}")
    digest = file_sha256(file)
    if digest != sha256:
        raise ValueError(f"{file} has sha256 {digest}, expected {sha256}: {what}. Download it again")
    return file


def _resized(images: Tensor) -> Tensor:
    """`(B, 3, H, W)` -> `(B, 3, 299, 299)`, bilinear as in TensorFlow 1: point i of the result lies at i * H / 299."""
    for dim in (2, 3):
        size = images.shape[dim]
        place = torch.arange(SIDE, dtype=images.dtype, device=images.device) * (size / SIDE)
        low = place.floor().long()
        part = (place - low).view(-1, *[1] * (3 - dim))
        below, above = images.index_select(dim, low), images.index_select(dim, (low + 1).clamp(max=size - 1))
        images = below + (above - below) * part
    return images


class Inception:
    """Inception v3 up to its last pooling: 2,048 features an image.

    Args:
        state: its weights by name, as in the file. Batch norm is folded into the convolutions.
    """

    def __init__(self, state: dict[str, Tensor], device: str | torch.device = "cpu") -> None:
        self.device = device
        self.weights: dict[str, tuple[Tensor, Tensor]] = {}
        for key in state:
            if key.endswith(".conv.weight"):
                name = key.removesuffix(".conv.weight")
                scale = state[f"{name}.bn.weight"] / torch.sqrt(state[f"{name}.bn.running_var"] + 1e-3)
                shift = state[f"{name}.bn.bias"] - state[f"{name}.bn.running_mean"] * scale
                self.weights[name] = ((state[key] * scale.view(-1, 1, 1, 1)).to(device), shift.to(device))

    def conv(self, x: Tensor, *names: str) -> Tensor:
        """Convolutions one after the other, each with padding to the same size and ReLU."""
        for name in names:
            weight, bias = self.weights[name]
            x = F.relu(F.conv2d(x, weight, bias, padding=(weight.shape[2] // 2, weight.shape[3] // 2)))
        return x

    def narrow(self, x: Tensor, name: str, stride: int = 2) -> Tensor:
        """A convolution without padding, and ReLU."""
        return F.relu(F.conv2d(x, *self.weights[name], stride))

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """uint8 images `(B, 3, H, W)` -> `(B, 2048)` on the CPU."""
        x = (_resized(images.to(self.device).float()) - 128) / 128
        x = self.conv(self.narrow(self.narrow(x, "Conv2d_1a_3x3"), "Conv2d_2a_3x3", 1), "Conv2d_2b_3x3")
        x = self.conv(F.max_pool2d(x, 3, 2), "Conv2d_3b_1x1")
        x = F.max_pool2d(self.narrow(x, "Conv2d_4a_3x3", 1), 3, 2)  # (B, 192, 35, 35)
        for block in ("5b", "5c", "5d"):
            x = self._mixed(x, block, ("branch1x1",), _chain("branch5x5", 2), _chain("branch3x3dbl", 3))
        x = self._smaller(x, "6a", ("branch3x3",), _chain("branch3x3dbl", 3))  # (B, 768, 17, 17)
        for block in ("6b", "6c", "6d", "6e"):
            x = self._mixed(x, block, ("branch1x1",), _chain("branch7x7", 3), _chain("branch7x7dbl", 5))
        x = self._smaller(x, "7a", _chain("branch3x3", 2), _chain("branch7x7x3", 4))  # (B, 1280, 8, 8)
        x = self._last(x, "7b", _mean_pool(x))
        x = self._last(x, "7c", F.max_pool2d(x, 3, 1, 1))  # (B, 2048, 8, 8)
        return x.mean((2, 3)).cpu()

    def _mixed(self, x: Tensor, block: str, *branches: tuple[str, ...]) -> Tensor:
        """Branches side by side, and one more after mean pooling."""
        ways = [self.conv(x, *(f"Mixed_{block}.{name}" for name in branch)) for branch in branches]
        return torch.cat([*ways, self.conv(_mean_pool(x), f"Mixed_{block}.branch_pool")], 1)

    def _smaller(self, x: Tensor, block: str, *branches: tuple[str, ...]) -> Tensor:
        """Branches whose last convolution halves the size, and max pooling."""
        ways = []
        for branch in branches:
            *first, last = (f"Mixed_{block}.{name}" for name in branch)
            ways.append(self.narrow(self.conv(x, *first), last))
        return torch.cat([*ways, F.max_pool2d(x, 3, 2)], 1)

    def _last(self, x: Tensor, block: str, pooled: Tensor) -> Tensor:
        """Branches that fork at their end."""
        name = f"Mixed_{block}."
        three = self.conv(x, f"{name}branch3x3_1")
        double = self.conv(x, f"{name}branch3x3dbl_1", f"{name}branch3x3dbl_2")
        ways = [self.conv(x, f"{name}branch1x1")]
        ways += [self.conv(three, f"{name}branch3x3_2{fork}") for fork in "ab"]
        ways += [self.conv(double, f"{name}branch3x3dbl_3{fork}") for fork in "ab"]
        return torch.cat([*ways, self.conv(pooled, f"{name}branch_pool")], 1)


def _chain(name: str, length: int) -> tuple[str, ...]:
    return tuple(f"{name}_{number}" for number in range(1, length + 1))


def _mean_pool(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def inception_look(file: Path, device: str | torch.device = "cpu") -> Look:
    """FID and KID from the file of weights named above.

    Raises FileNotFoundError or ValueError when it is not that file.
    """
    what = "pt_inception-2015-12-05-6726825d.pth; smis/metrics/inception.py says where it is"
    state = torch.load(checked(file, SHA256, what), map_location="cpu", weights_only=True)
    network = Inception(state, device)

    def rows(images: Tensor) -> Tensor:
        whole = ((images + 1) * 127.5).round().clamp(0, 255).byte()
        return torch.cat([network(some) for some in whole.split(16)])

    return Look("Inception v3 (2015-12-05)", rows, scaled=False, frechet="FID", kernel="KID")
