"""What a network keeps and what it controls, measured on images it has not seen.

Two questions. *Reconstruction*: encode an image, decode it, compare. *Control*: put another image's code in place of
one class's code; how much changes inside the area of that class, how much outside? All numbers are mean absolute
differences on the scale 0 (equal) to 1 (black against white), over pixels and the three colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from smis.datasets.archive import Samples
from smis.model import GroupDNet

__all__ = ["ClassControl", "Report", "change_by_area", "evaluate", "mean_colour_error"]


@dataclass(frozen=True)
class ClassControl:
    """Swapping one class's code: mean change inside and outside the class's area, over `images` swaps."""

    name: str
    inside: float
    outside: float
    images: int

    @property
    def ratio(self) -> float:
        """inside / outside; infinite when nothing outside moves."""
        return self.inside / self.outside if self.outside > 0 else float("inf")


@dataclass(frozen=True)
class Report:
    """The result of `evaluate`.

    Attributes:
        images: how many images were reconstructed.
        reconstruction: mean absolute error of decode(encode(image)).
        yardstick: the same error for an image whose every class is painted in its own true mean colour.
        error_by_class: reconstruction error inside each class's area; NaN for a class that never occurs.
        control: one entry per class that at least two images have.
    """

    images: int
    reconstruction: float
    yardstick: float
    error_by_class: dict[str, float]
    control: tuple[ClassControl, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON-ready, rounded to what the numbers can carry."""
        control = {
            c.name: {
                "inside": round(c.inside, 5),
                "outside": round(c.outside, 5),
                "ratio": round(c.ratio, 2),
                "images": c.images,
            }
            for c in self.control
        }
        return {
            "images": self.images,
            "reconstruction_l1": round(self.reconstruction, 5),
            "yardstick_mean_colour_l1": round(self.yardstick, 5),
            "error_by_class": {k: round(v, 5) for k, v in self.error_by_class.items()},
            "control": control,
        }

    def __str__(self) -> str:
        lines = [
            f"{self.images} images, mean absolute difference on a scale of 0 to 1",
            f"reconstruction            {self.reconstruction:.4f}",
            f"each class's mean colour  {self.yardstick:.4f}   (yardstick: true colours, no pattern, no shading)",
            "",
            "swap one class's code     inside   outside  ratio   images   reconstruction inside",
        ]
        lines += [
            f"  {c.name:<22}  {c.inside:.4f}   {c.outside:.4f}  {c.ratio:5.1f}   {c.images:6d}   {error:.4f}"
            for c, error in ((c, self.error_by_class[c.name]) for c in self.control)
        ]
        return "\n".join(lines)


def change_by_area(before: Tensor, after: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    """Mean absolute change inside and outside an area.

    Args:
        before, after: `(B, 3, H, W)` in [-1, 1].
        area: `(B, H, W)` bool, at least one pixel in and one out for each image.

    Returns:
        Two `(B,)` tensors, each in 0..1.

    >>> before = torch.zeros(1, 3, 1, 2); after = before.clone(); after[..., 0] = 1
    >>> [t.item() for t in change_by_area(before, after, torch.tensor([[[True, False]]]))]
    [0.5, 0.0]
    """
    change = (before - after).abs().mean(1) / 2  # (B, H, W), 0..1
    inside = (change * area).sum((1, 2)) / area.sum((1, 2))
    outside = (change * ~area).sum((1, 2)) / (~area).sum((1, 2))
    return inside, outside


def mean_colour_error(images: Tensor, labels: Tensor, classes: int) -> float:
    """Error of the image in which every class has its own mean colour: what knowing colours alone would give."""
    painted = torch.zeros_like(images)
    for number in range(classes):
        area = (labels == number)[:, None]  # (B, 1, H, W)
        mean = (images * area).sum((2, 3), keepdim=True) / area.sum((2, 3), keepdim=True).clamp(min=1)
        painted = torch.where(area, mean, painted)
    return float((painted - images).abs().mean() / 2)


@torch.no_grad()
def evaluate(model: GroupDNet, samples: Samples, *, batch_size: int = 32, seed: int = 0) -> Report:
    """Reconstruction and class control on `samples`, which must have the network's size.

    Control protocol: for class c, all images that have it stand in a random ring (`seed`); each takes the code of class
    c from the next one in the ring and keeps all its other codes and its label map. The change is measured between
    the two decoded images, inside c's area and outside, averaged over images.
    """
    names = model.config.labels.classes
    images, labels = samples.tensors()
    device = next(model.parameters()).device
    parts = [
        model.encode(i.to(device), m.to(device)) for i, m in zip(images.split(batch_size), labels.split(batch_size))
    ]
    values, present = torch.cat([p.values for p in parts]), torch.cat([p.present for p in parts]).cpu()

    def decode(codes: Tensor, chosen: Tensor) -> Tensor:
        pieces = zip(codes.split(batch_size), labels[chosen].split(batch_size))
        return torch.cat([model.decode(z, m.to(device)).cpu() for z, m in pieces])

    rebuilt = decode(values, torch.arange(len(images)))
    error = (rebuilt - images).abs().mean(1) / 2  # (N, H, W)
    by_class = {name: float(error[labels == number].mean()) for number, name in enumerate(names)}

    control = []
    generator = torch.Generator().manual_seed(seed)
    for number, name in enumerate(names):
        full = (labels == number).flatten(1).all(1)
        having = torch.nonzero(present[:, number] & ~full).flatten()
        if len(having) < 2:
            continue
        ring = having[torch.randperm(len(having), generator=generator)]
        swapped = values[ring].clone()
        swapped[:, number] = values[ring.roll(-1), number]
        inside, outside = change_by_area(rebuilt[ring], decode(swapped, ring), labels[ring] == number)
        control.append(ClassControl(name, float(inside.mean()), float(outside.mean()), len(ring)))
    yardstick = mean_colour_error(images, labels, len(names))
    return Report(len(images), float(error.mean()), yardstick, by_class, tuple(control))
