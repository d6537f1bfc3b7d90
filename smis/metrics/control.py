"""Control: put another code in place of one class's code. How much changes inside the class's area, how much outside?

Two images of one mask, which differ in the code of class c alone, are compared in two ways. (A network with one code
for the whole image, such as VSPADE, has no code of c: there, that one code is changed.)

*L1*: mean absolute difference over the pixels and colours inside the area, and outside, 0 (equal) to 1 (black against
white).

*Perceptual*: features see beyond the area's edge, so it matters when the area is cut out. Both readings are computed.

- *Masked before the network.* The first image with the second one's pixels pasted inside the area, compared with the
  first image: only the inside change can count. Pasted outside: only the outside change. An editor that leaves the
  outside alone gets exactly 0 there. The pasted edge is itself visible, which is right: it is there because something
  changed.
- *Masked after the network.* Both whole images go through the network, and the map of feature differences is averaged
  inside and outside. Points of the map see more than 100 pixels far, so that a change inside shows outside as well: an
  editor that leaves the outside alone does not get 0. What it would get (the image with only its inside change) is
  measured, too, and called `perfect`.

**mCSD and mOCD** (Zhu and others, CVPR 2020): class-specific diversity, how far the area of c moves when Z_c changes,
and other-classes diversity, how far the rest moves; each a mean over classes. The authors built them on LPIPS and have
not published their code. The paper leaves open:

1. whether images are masked before or after the network. Both are given. Masked before, the distance is the mean over
   the whole image: small areas give small numbers. Masked after, it is the mean inside (outside) the area;
2. where the other Z_c comes from. Either ("sampled") all codes of both images are drawn from the prior, Z_c twice; or
   ("encoded") Z_c is encoded from another image, all other codes from the image itself. Both are given. The prior is
   N(0, 1), as in the paper, unless the checkpoint brings one that was fitted to codes (`smis.priors`);
3. how many masks and pairs; 100 masks with 19 pairs each is how it is usually read. Here it is one pair a mask, and as
   many masks a class as `pairs` says: another mask tells more than another pair;
4. over which images. Here only over those that have the class.

The distance is that of `smis.metrics.judge`, not LPIPS, so no number can be compared with the paper's.

Only for the *ratio* inside : outside of one class are the numbers masked before divided by the area's (the rest's)
share of the image, so that an even change everywhere gives 1 : 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from smis.metrics.agreement import Counter
from smis.metrics.encoded import Encoded
from smis.metrics.intervals import Measured, measure
from smis.metrics.judge import Judge

__all__ = ["Changes", "ClassControl", "Reading", "change_by_area", "encoded_pairs", "readings", "sampled_pairs"]


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
    return _by_area((before - after).abs().mean(1) / 2, area)


def _by_area(change: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    """A map `(B, H, W)` -> its mean inside and outside the area, each `(B,)`."""
    inside = (change * area).sum((1, 2)) / area.sum((1, 2))
    outside = (change * ~area).sum((1, 2)) / (~area).sum((1, 2))
    return inside, outside


@dataclass
class Changes:
    """Single measurements, one entry a pair of images: `table[name]` is an array `(n,)`.

    Names: `number` (class), `image` (whose mask), `share` (of the area), and the changes `l1`, `before`, `after` and
    `perfect`, each with `_in` and `_out`.
    """

    parts: list[dict[str, np.ndarray]] = field(default_factory=list)

    @property
    def table(self) -> dict[str, np.ndarray]:
        """All parts in one."""
        return {name: np.concatenate([part[name] for part in self.parts]) for name in self.parts[0]}

    def add(
        self, number: int, chosen: Tensor, first: Tensor, second: Tensor, area: Tensor, judge: Judge | None
    ) -> None:
        """Pairs `first`, `second` `(B, 3, H, W)` that differ in class `number`'s code; masks of images `chosen`."""
        values = {"share": area.float().mean((1, 2))}
        values["l1_in"], values["l1_out"] = change_by_area(first, second, area)
        if judge is not None:
            size = (area.shape[1], area.shape[2])
            inside = torch.where(area[:, None], second, first)  # what a perfect editor would give
            outside = torch.where(area[:, None], first, second)
            of_first, of_second, of_inside, of_outside = (
                judge.features(images) for images in (first, second, inside, outside)
            )
            values["before_in"] = judge.distance(of_first, of_inside)
            values["before_out"] = judge.distance(of_first, of_outside)
            values["after_in"], values["after_out"] = _by_area(judge.maps(of_first, of_second, size), area)
            values["perfect_in"], values["perfect_out"] = _by_area(judge.maps(of_first, of_inside, size), area)
        part = {name: value.double().numpy() for name, value in values.items()}
        self.parts.append({**part, "number": np.full(len(chosen), number), "image": chosen.numpy()})


def _masks_of(encoded: Encoded, number: int, order: Tensor, pairs: int) -> Tensor:
    """The first `pairs` images in the order that have the class; classes share images, so pictures can be shared."""
    having = order[encoded.usable[order, number]]
    return having[:pairs]


def encoded_pairs(
    encoded: Encoded, order: Tensor, pairs: int, judge: Judge | None, counter: Counter | None = None
) -> Changes:
    """Class control: images that have class c stand in a ring; each takes the code of c from the next one.

    All its other codes and its mask stay its own. First image: the reconstruction. A class that fewer than two images
    have is left out.

    Args:
        order: a permutation of the images.
        counter: if given, sees all swapped images.
    """
    changes = Changes()
    for number in range(len(encoded.names)):
        ring = _masks_of(encoded, number, order, pairs)
        if len(ring) < 2:
            continue
        codes = encoded.codes[ring.to(encoded.device)]
        swapped = encoded.decode(encoded.with_code(codes, number, codes.roll(-1, 0)), ring)
        changes.add(number, ring, encoded.rebuilt[ring], swapped, encoded.labels[ring] == number, judge)
        if counter is not None:
            counter.add(swapped, encoded.labels[ring])
    return changes


def sampled_pairs(encoded: Encoded, order: Tensor, pairs: int, judge: Judge | None, seed: int) -> Changes:
    """The same with codes drawn from the prior: both images share all codes but that of class c.

    An image's first draw is the same for all its classes.
    """
    changes = Changes()
    random = torch.Generator().manual_seed(seed)
    first_codes = encoded.sample(len(encoded), random)
    pictures: dict[int, Tensor] = {}  # of first draws, by image
    for number in range(len(encoded.names)):
        chosen = _masks_of(encoded, number, order, pairs)
        if len(chosen) < 2:
            continue
        missing = torch.tensor([i for i in chosen.tolist() if i not in pictures], dtype=torch.long)
        if len(missing):
            own = first_codes[missing.to(encoded.device)]
            pictures.update(zip(missing.tolist(), encoded.decode(own, missing)))
        first = torch.stack([pictures[i] for i in chosen.tolist()])
        codes, others = first_codes[chosen.to(encoded.device)], encoded.sample(len(chosen), random)
        second = encoded.decode(encoded.with_code(codes, number, others), chosen)
        changes.add(number, chosen, first, second, encoded.labels[chosen] == number, judge)
    return changes


@dataclass(frozen=True)
class ClassControl:
    """Change inside and outside, their ratio, and the same in perceptual distance per share of the image."""

    name: str
    inside: Measured
    outside: Measured
    ratio: Measured
    perceptual_inside: Measured | None
    perceptual_outside: Measured | None
    perceptual_ratio: Measured | None

    @classmethod
    def of(cls, name: str, table: dict[str, np.ndarray], seed: int) -> ClassControl:
        """Of the measurements in `table`; each class in it counts alike."""

        l1 = _three(table, table["l1_in"], table["l1_out"], seed)
        if "before_in" not in table:
            return cls(name, *l1, None, None, None)
        inside, outside = table["before_in"] / table["share"], table["before_out"] / (1 - table["share"])
        return cls(name, *l1, *_three(table, inside, outside, seed))


def _three(
    table: dict[str, np.ndarray], inside: np.ndarray, outside: np.ndarray, seed: int
) -> tuple[Measured, Measured, Measured]:
    """Inside, outside and their ratio; classes count alike, and intervals draw images (masks)."""

    def over(top: np.ndarray, bottom: np.ndarray | None = None) -> Measured:
        return measure(top, bottom, group=table["number"], cluster=table["image"], seed=seed)

    return over(inside), over(outside), over(inside, outside)


@dataclass(frozen=True)
class Reading:
    """mCSD, mOCD and their ratio under one reading; `perfect` is the ratio of an editor that changes only the area."""

    codes: str
    masked: str
    mcsd: Measured
    mocd: Measured
    ratio: Measured
    perfect: Measured


def readings(codes: str, changes: Changes, seed: int) -> list[Reading]:
    """The two readings of pairs with codes "sampled" or "encoded": masked before and after the network."""
    table = changes.table
    before = _three(table, table["before_in"], table["before_out"], seed)
    after = _three(table, table["after_in"], table["after_out"], seed)
    perfect_before = measure(table["before_in"], np.zeros(len(table["before_in"])), seed=seed)
    perfect_after = _three(table, table["perfect_in"], table["perfect_out"], seed)[2]
    return [Reading(codes, "before", *before, perfect_before), Reading(codes, "after", *after, perfect_after)]
