"""What `evaluate` gives back: numbers with intervals, a table to read, and a dictionary for JSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

from smis.metrics.control import ClassControl, Reading
from smis.metrics.distributions import Quality
from smis.metrics.diversity import Diversity
from smis.metrics.intervals import Measured
from smis.metrics.truth import Faith

__all__ = ["Read", "Report", "Row"]


@dataclass(frozen=True)
class Row:
    """How far images are from the real ones; `mask_miou`: how like the masks are, for images of other masks."""

    name: str
    l1: Measured
    perceptual: Measured | None = None
    mask_miou: Measured | None = None


@dataclass(frozen=True)
class Read:
    """How well the segmenter reads the masks off some kind of image; `relative`: mIoU over that on real images."""

    name: str
    miou: Measured
    accuracy: Measured
    relative: float
    iou: dict[str, float]


@dataclass(frozen=True)
class Report:
    """The result of `evaluate`. What was not asked for, or could not be measured, is empty.

    Attributes:
        images, size, seed: how many images, their (H, W), and the seed of all that is drawn.
        prior: where sampled codes come from.
        judge: the network of the perceptual distances; "" if there was none. `note`: what it is, in words.
        quality: sets of images against the real ones, network by network.
        segmenter: the file of the segmenter, or "".
        reconstruction: first row the network, then the yardsticks.
        error_by_class: L1 of the reconstruction inside each class's area; NaN for a class that never occurs.
        control: one entry for each class that at least two images have, and last their mean ("mean").
        paper: mCSD and mOCD under four readings.
        diversity: in L1 and perceptual distance.
        agreement: real, reconstructed and swapped images.
        truth: one entry a class of the swap split, and last their mean ("mean").
        missing: what was left out, and why.
    """

    images: int
    size: tuple[int, int]
    seed: int
    prior: str
    judge: str
    segmenter: str
    reconstruction: tuple[Row, ...]
    error_by_class: dict[str, float]
    control: tuple[ClassControl, ...] = ()
    paper: tuple[Reading, ...] = ()
    diversity: tuple[Diversity, ...] = ()
    agreement: tuple[Read, ...] = ()
    truth: tuple[Faith, ...] = ()
    missing: tuple[str, ...] = field(default=())
    quality: tuple[Quality, ...] = ()
    note: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: every number as value, low, high and n; null for what is not finite."""
        plain: dict[str, Any] = _plain(self)
        return plain

    def __str__(self) -> str:
        parts = [self._head(), self._reconstruction(), self._quality(), self._control(), self._paper()]
        parts += [self._diversity(), self._agreement(), self._truth(), *(f"Left out: {why}" for why in self.missing)]
        return "\n\n".join(part for part in parts if part)

    def _head(self) -> str:
        lines = [
            f"{self.images} images at {self.size[0]} x {self.size[1]}, seed {self.seed}. "
            "Square brackets: 95 % bootstrap interval.",
            "L1: mean absolute difference, 0 (equal) to 1 (black against white).",
        ]
        return "\n".join([*lines, *self.note])

    def _reconstruction(self) -> str:
        rows = [(row.name, _show(row.l1, 4), _show(row.perceptual, 3)) for row in self.reconstruction]
        return _table(("Reconstruction (low is good)", "L1", "perceptual"), rows)

    def _quality(self) -> str:
        tables = []
        for look in dict.fromkeys(q.look for q in self.quality):
            found = [q for q in self.quality if q.look == look]
            rows = [(q.name, str(q.n), f"{q.frechet:.1f}", _show(q.kernel, 3)) for q in found]
            name = found[0].heads[0]
            table = _table(("Like real images, all together? (low is good)", "n", *found[0].heads), rows)
            tables.append(f"{table}\n  {look}\n  {name} is biased: compare it with that of real images and the same n")
        return "\n\n".join(tables)

    def _control(self) -> str:
        if not self.control:
            return ""
        title = "Control: one class's code from another image; change inside and outside the class's area"
        if self.judge:
            title += "\n  perceptual: area cut out before the network sees it, change for its share of the image"
        title += "\n  mean: over classes; its in : out is mean in : mean out"
        heads = ("", "n", "L1 in", "out", "in : out", "perceptual in", "out", "in : out", "L1 of the reconstruction")
        rows = [
            (
                c.name,
                str(c.ratio.n),
                f"{c.inside.value:.4f}",
                f"{c.outside.value:.4f}",
                _show(c.ratio, 1),
                "" if c.perceptual_inside is None else f"{c.perceptual_inside.value:.3f}",
                "" if c.perceptual_outside is None else f"{c.perceptual_outside.value:.4f}",
                _show(c.perceptual_ratio, 1),
                f"{self.error_by_class[c.name]:.4f}" if c.name in self.error_by_class else "",
            )
            for c in self.control
        ]
        return f"{title}\n{_table(heads, rows)}"

    def _paper(self) -> str:
        rows = [
            (
                f"codes {r.codes}, masked {r.masked} the network",
                _show(r.mcsd, 4),
                _show(r.mocd, 4),
                _show(r.ratio, 1),
                f"{r.perfect.value:.1f}",
            )
            for r in self.paper
        ]
        heads = ("mCSD and mOCD (perceptual)", "mCSD", "mOCD", "mCSD : mOCD", "if nothing outside moved")
        return _table(heads, rows) if rows else ""

    def _diversity(self) -> str:
        rows = [
            (d.distance, _show(d.sampled, 4), _show(d.encoded, 4), _show(d.ratio, 2) + f"  n {d.ratio.n}")
            for d in self.diversity
        ]
        heads = ("Diversity: two images of one mask", "sampled codes", "encoded codes", "sampled : encoded")
        return f"{_table(heads, rows)}\n  sampled from {self.prior}" if rows else ""

    def _agreement(self) -> str:
        rows = [
            (r.name, str(r.miou.n), _show(r.miou, 3), _show(r.accuracy, 3), f"{100 * r.relative:.0f} %")
            for r in self.agreement
        ]
        heads = ("Does the image show its mask?", "n", "mIoU", "accuracy", "of the mIoU on real images")
        return f"{_table(heads, rows)}\n  read by {self.segmenter}" if rows else ""

    def _truth(self) -> str:
        rows = [
            (f.name, str(f.leakage.n), _show(f.leakage, 3), _show(f.faithfulness, 2), _show(f.strength, 2))
            for f in self.truth
        ]
        heads = ("Against rendered truth (swap split)", "n", "leakage", "faithfulness", "strength")
        return f"{_table(heads, rows)}\n  perfect: leakage 0, faithfulness 1, strength 1" if rows else ""


def _show(measured: Measured | None, digits: int) -> str:
    if measured is None:
        return ""
    values = (measured.value, measured.low, measured.high)
    numbers = [f"{round(value, digits) + 0.0:.{digits}f}" for value in values]  # + 0.0: no -0.00
    return numbers[0] if measured.low != measured.low else f"{numbers[0]} [{numbers[1]}, {numbers[2]}]"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Columns as wide as they need; the first to the left, the others to the right; empty columns are left out."""
    columns = [column for column in zip(heads, *rows) if any(column[1:])]
    wide = [max(map(len, column)) for column in columns]
    lines = [
        "  ".join(cell.ljust(w) if place == 0 else cell.rjust(w) for place, (cell, w) in enumerate(zip(line, wide)))
        for line in zip(*columns)
    ]
    return "\n".join(line.rstrip() for line in lines)


def _plain(value: Any) -> Any:
    if isinstance(value, Measured):
        return value.to_dict()
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return Measured(value, value, value, 1).to_dict()["value"]
    return value
