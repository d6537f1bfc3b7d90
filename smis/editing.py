"""Editing works on codes: one latent code per class and image, mixed, morphed or drawn anew.

A code is what the encoder says about one class of one image: `D` numbers on a small `h x w` grid.
Because every class has a code of its own, an edit is plain indexing along the class axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["ClassCodes", "mix", "morph"]


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
    """Style morphing (figure 6): move the codes from `a` (amount 0) to `b` (amount 1), in a straight line.

    Z = Z_a + t * (Z_b - Z_a); t outside 0..1 extrapolates.

    Args:
        a, b: `(B, C, D, h, w)` codes of the same shape.
        amount: t.
        classes: class ids that move; the others keep `a`. `None` moves all.

    >>> morph(torch.zeros(1, 2, 1, 1, 1), torch.ones(1, 2, 1, 1, 1), 0.25, classes=[1]).flatten().tolist()
    [0.0, 0.25]
    """
    if a.shape != b.shape or a.ndim != 5:
        raise ValueError(
            f"morph needs two code tensors (B, C, D, h, w) of one shape; got {tuple(a.shape)}, {tuple(b.shape)}"
        )
    moved = a + amount * (b - a)
    if classes is None:
        return moved
    out = a.clone()
    index = torch.as_tensor(list(classes), device=a.device)
    out[:, index] = moved[:, index]
    return out
