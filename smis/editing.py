"""Editing works on codes: one latent code per class and image, mixed, morphed or drawn anew.

A code is what the encoder says about one class of one image: `D` numbers on a small `h x w` grid.
Because every class has a code of its own, an edit is plain indexing along the class axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["ClassCodes", "angles", "mix", "morph", "slerp"]


@dataclass(frozen=True)
class ClassCodes:
    """The codes of `N` images, one per class.

    Attributes:
        values: `(N, C, D, h, w)` float, the latent code of each class.
        present: `(N, C)` bool, whether the image has a pixel of the class. The code of an absent
            class carries no style: the encoder saw only zeros.
    """

    values: Tensor
    present: Tensor

    def __post_init__(self) -> None:
        if self.values.ndim != 5 or self.present.shape != self.values.shape[:2]:
            raise ValueError(
                "ClassCodes needs values (N, C, D, h, w) and present (N, C); "
                f"got {tuple(self.values.shape)} and {tuple(self.present.shape)}"
            )

    def __len__(self) -> int:
        return self.values.shape[0]

    def __getitem__(self, index: int) -> ClassCodes:
        """One image's codes, still with a batch axis of length 1."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"image {index} of {len(self)} encoded images")
        index %= len(self)
        return ClassCodes(self.values[index : index + 1], self.present[index : index + 1])


def mix(codes: ClassCodes, sources: Sequence[int]) -> Tensor:
    """Appearance mixture (section 4.4, figure 6): class `c` takes its code from image `sources[c]`.

    Z = concat_c Z_c of source(c)

    Args:
        codes: codes of `N` images.
        sources: `C` image numbers in `0..N-1`, one per class.

    Returns:
        `(1, C, D, h, w)` codes, ready for `model.decode` with any label map.

    Raises:
        ValueError: wrong number of sources, or a source that is not an image of `codes`.

    >>> codes = ClassCodes(torch.arange(2.0).view(2, 1, 1, 1, 1).repeat(1, 3, 1, 1, 1), torch.ones(2, 3).bool())
    >>> mix(codes, [0, 1, 0]).flatten().tolist()
    [0.0, 1.0, 0.0]
    """
    number, classes = codes.present.shape
    if len(sources) != classes:
        raise ValueError(f"mix needs one source per class: {classes} sources, got {len(sources)}")
    wrong = [s for s in sources if not 0 <= int(s) < number]
    if wrong:
        raise ValueError(f"mix sources must be image numbers 0..{number - 1}, got {wrong}")
    index = torch.as_tensor([int(s) for s in sources], device=codes.values.device)
    return codes.values[index, torch.arange(classes, device=index.device)][None]  # (1, C, D, h, w)


def morph(a: Tensor, b: Tensor, amount: float, classes: Sequence[int] | None = None) -> Tensor:
    """Style morphing (section 4.4, figure 6): move the codes from `a` (amount 0) to `b` (amount 1), in a straight line.

    Z = Z_a + t * (Z_b - Z_a); t outside 0..1 extrapolates. At 0 and 1 the codes are exactly those of `a` and `b`.

    Args:
        a, b: `(B, C, D, h, w)` codes of the same shape.
        amount: t.
        classes: class ids that move; the others keep `a`. `None` moves all.

    Raises:
        ValueError: codes of different shapes, or a class id that they do not have.

    >>> morph(torch.zeros(1, 2, 1, 1, 1), torch.ones(1, 2, 1, 1, 1), 0.25, classes=[1]).flatten().tolist()
    [0.0, 0.25]
    """
    _check_pair("morph", a, b)
    return _only(classes, a, torch.lerp(a, b, amount))


def angles(a: Tensor, b: Tensor) -> Tensor:
    """The angle between two codes of a class, seen from the origin: `(B, C)`, in radians, 0 to pi.

    A code of zeros has no direction; its angle to anything is given as pi / 2.

    >>> right, up = torch.zeros(1, 1, 2, 1, 1), torch.zeros(1, 1, 2, 1, 1)
    >>> right[0, 0, 0], up[0, 0, 1] = 3.0, 1.0
    >>> round(torch.rad2deg(angles(right, up)).item(), 3)
    90.0
    """
    _check_pair("angles", a, b)
    u, v = (F.normalize(codes.flatten(2).double(), dim=2) for codes in (a, b))
    # Kahan's formula: exact also for nearly parallel codes, where acos(u . v) is not
    angle = 2 * torch.atan2((u - v).norm(dim=2), (u + v).norm(dim=2))
    empty = (u.norm(dim=2) == 0) | (v.norm(dim=2) == 0)
    return torch.where(empty, torch.pi / 2, angle).to(a.dtype)


def slerp(a: Tensor, b: Tensor, amount: float, classes: Sequence[int] | None = None) -> Tensor:
    """Spherical morphing: as `morph`, along the arc around the origin instead of the straight line.

    Z = sin((1 - t) w) / sin(w) * Z_a + sin(t w) / sin(w) * Z_b,  w: the angle between Z_a and Z_b, for each class

    (Shoemake 1985; for latent codes White 2016, "Sampling Generative Networks".)

    Why: draws from N(0, 1) in N dimensions nearly all have a length near sqrt(N), and two of them are nearly
    perpendicular. Half-way, the straight line is only 0.71 times as long: no draw of the prior lies there. The arc
    keeps the length. How much of this holds for codes of real images, whose prior is not exactly N(0, 1)?

    - Lengths differ, between classes and between images of one class. With lengths r_a and r_b the arc is no circle: at
      right angles it is the quarter of an ellipse, and its length goes from r_a to r_b with no dip.
    - The arc turns around the origin. Where the codes of a class lie around a mean far from the origin, the angle is
      small and the arc is nearly the straight line: then there is little to choose between them.
    - Beyond 0..1 the arc turns on and comes back, so its codes stay bounded; the straight line leaves for good.

    Where no arc is defined (parallel or opposite codes, or a code of zeros) the straight line is taken.

    Args:
        a, b, amount, classes: as for `morph`. At 0 and 1 the codes are exactly those of `a` and `b`.

    Raises:
        ValueError: as `morph`.

    >>> right, up = torch.zeros(1, 1, 2, 1, 1), torch.zeros(1, 1, 2, 1, 1)
    >>> right[0, 0, 0], up[0, 0, 1] = 1.0, 1.0
    >>> [round(way(right, up, 0.5).norm().item(), 3) for way in (slerp, morph)]  # the arc keeps the length
    [1.0, 0.707]
    """
    _check_pair("slerp", a, b)
    angle = angles(a, b).double()
    turn = angle.sin()
    zero = (a.flatten(2).norm(dim=2) == 0) | (b.flatten(2).norm(dim=2) == 0)
    defined = (turn > 1e-4) & ~zero
    turn = torch.where(defined, turn, 1.0)
    share_a, share_b = (((1 - amount) * angle).sin() / turn, (amount * angle).sin() / turn)  # (B, C)
    arc = share_a.to(a.dtype)[..., None, None, None] * a + share_b.to(a.dtype)[..., None, None, None] * b
    moved = torch.where(defined[..., None, None, None], arc, torch.lerp(a, b, amount))
    return _only(classes, a, moved)


def _check_pair(name: str, a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape or a.ndim != 5:
        raise ValueError(
            f"{name} needs two code tensors (B, C, D, h, w) of one shape; got {tuple(a.shape)}, {tuple(b.shape)}"
        )


def _only(classes: Sequence[int] | None, still: Tensor, moved: Tensor) -> Tensor:
    """`moved` for these classes, `still` for the others."""
    if classes is None:
        return moved
    wrong = [c for c in classes if not 0 <= int(c) < still.shape[1]]
    if wrong:
        raise ValueError(f"class ids must be 0..{still.shape[1] - 1}, got {wrong}")
    out = still.clone()
    index = torch.as_tensor([int(c) for c in classes], dtype=torch.long, device=still.device)
    out[:, index] = moved[:, index]
    return out
