"""Mending a copy of a folder of images and label maps: what `smis doctor data FOLDER --fix OUT` writes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from smis.datasets.checks import (
    KINDS,
    MIXED_SHARE,
    ORIENTATION,
    DataError,
    LabelMap,
    Problem,
    look_up,
    mixed_pixels,
    read_image,
)
from smis.datasets.doctor import Report
from smis.datasets.folders import Files
from smis.datasets.labelsets import distinct_colours
from smis.labels import LabelSet

__all__ = ["Mended", "mend"]


@dataclass(frozen=True)
class Mended:
    """What `mend` wrote: the names of the pairs, those left out and why, and the classes."""

    kept: list[str]
    left_out: dict[str, str]
    label_set: LabelSet


def mend(report: Report, out: str | os.PathLike[str], *, drop_empty: bool = False) -> Mended:
    """Write a mended copy of what `examine` saw to the new folder `out`: `images/`, `labels/` (PNG, whose values are
    the class ids), `classes.json`, and `mended.json`, which says what became of each id and which pairs were left out.

    Sound images are copied byte for byte. `out` appears whole or not at all. Raises DataError when `out` exists or lies
    in the original folders, when colours cannot be told from classes.json, or when no pair is left.
    """
    target = Path(out).resolve()
    for folder in (report.images.resolve(), report.labels.resolve()):
        if target == folder or folder in target.parents or target in folder.parents:
            raise DataError(f"the mended copy needs a folder of its own, {target} holds or lies in {folder}")
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DataError(f"{target} exists already: name a new folder for the mended copy")
    table, label_set = _new_classes(report, drop_empty)
    colours = _colour_table(report)
    if colours and report.label_set is None:
        label_set = LabelSet("mended", tuple(f"#{c:06x}" for c in colours), tuple(map(_rgb, colours)))
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    kept, left_out = [], {p.file: KINDS[p.kind].title for p in report.problems if p.kind.startswith("unmatched")}
    try:
        for name, files in report.pairs.items():
            reason = _mend_pair(report, files, part, name, table, colours, label_set)
            if reason is None:
                kept.append(name)
            else:
                left_out[name] = reason
        if not kept:
            raise DataError(f"no pair could be mended: {left_out}")
        _write_json(part / "classes.json", label_set.to_dict())
        became = {f"#{c:06x}": k for c, k in colours.items()} or {str(old): new for old, new in table.items()}
        _write_json(part / "mended.json", {"ids": became, "left out": left_out, "from": str(report.labels)})
        if target.exists():
            target.rmdir()
        os.replace(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Mended(kept, left_out, label_set)


def _write_json(path: Path, data: object) -> None:
    path.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")


def _new_classes(report: Report, drop_empty: bool) -> tuple[dict[int, int], LabelSet]:
    """id in the files -> id in the mended files, and the classes these mean."""
    if report.has("0/255") or not report.pixels:
        return {0: 0, 255: 1}, report.label_set or _plain_classes(("background", "object"))
    if report.label_set is None:
        ids = [i for i in sorted(report.pixels) if i not in report.strange]
        if report.has("mixed"):
            ids = [i for i in ids if i in report.solid()]
        table = {i: k for k, i in enumerate(ids)} if report.remap is None else dict(report.remap)
        label_set = _plain_classes(tuple(f"class {k}" for k in range(max(table.values(), default=-1) + 1)))
        if report.remap is None:
            label_set = _plain_classes(tuple(f"class {i}" for i in ids))
    else:
        label_set, table = report.label_set, dict(report.classes())
    if report.strange:
        names, palette = label_set.classes, label_set.palette
        if "unknown" not in names:
            names = (*names, "unknown")
            palette = (*palette, next(c for c in distinct_colours(256) if c not in palette))
        label_set = LabelSet(label_set.name, names, palette)
        table.update(dict.fromkeys(report.strange, label_set.index("unknown")))
    if drop_empty:
        used = sorted({table[i] for i in report.pixels if i in table})
        table = {i: used.index(k) for i, k in table.items() if k in used}
        label_set = LabelSet(
            label_set.name, tuple(label_set.classes[k] for k in used), tuple(label_set.palette[k] for k in used)
        )
    return table, label_set


def _plain_classes(names: tuple[str, ...]) -> LabelSet:
    return LabelSet("mended", names, distinct_colours(len(names)))


def _rgb(colour: int) -> tuple[int, int, int]:
    return colour >> 16, colour >> 8 & 255, colour & 255


def _colour_table(report: Report) -> dict[int, int]:
    """Colour -> class id, where label maps are in colours; empty where none is."""
    if not (report.has("colours") or report.has("palettes")):
        return {}
    if report.label_set is not None:
        table = {r << 16 | g << 8 | b: i for i, (r, g, b) in enumerate(report.label_set.palette)}
        least = sum(report.colours.values()) // 200
        strange = [c for c in report.solid(colours=True) if c not in table and report.colours[c] > least]
        if strange:
            listed = ", ".join(f"[{r}, {g}, {b}]" for r, g, b in map(_rgb, strange[:9]))
            raise DataError(
                f"the label maps in colours have colours that the palette of classes.json has not: {listed}. "
                'Write "palette": [[r, g, b], ...] in classes.json, one colour for each class, in order'
            )
        return table
    if report.pixels and not report.has("palettes"):
        raise DataError(
            "some label maps hold ids, others colours: write classes.json with the classes and their palette, "
            "so that both mean the same"
        )
    return {colour: k for k, colour in enumerate(report.solid(colours=True)[:256])}


def _mend_pair(
    report: Report,
    files: Files,
    out: Path,
    name: str,
    table: Mapping[int, int],
    colours: Mapping[int, int],
    label_set: LabelSet,
) -> str | None:
    """Write one mended pair; returns why it was left out, or None."""
    labels = LabelMap.read(files.labels)
    image, _ = read_image(files.image, None if isinstance(labels, Problem) else labels.size)
    if isinstance(labels, Problem) or image is None:
        return KINDS["damaged"].title
    values = labels.values
    if labels.lossy:
        if labels.coloured or np.mean(np.abs(values - 127.5) > 95) < 0.95 or set(report.pixels) - {0, 255}:
            return KINDS["lossy"].title
        values = np.where(values > 127, 255, 0)
    elif labels.coloured or report.has("palettes"):
        if not labels.coloured:
            values = look_up(values, labels.colours)
        table = colours
    elif report.has("mixed"):
        values = _fill(values, mixed_pixels(values, MIXED_SHARE / 2))
    classes = look_up(values, table)
    classes = _fill(classes, classes < 0)
    if (classes < 0).any():
        return "none of its ids is a class"

    turned = ImageOps.exif_transpose(image)
    stored_fits = (image.height, image.width) == labels.size != (turned.height, turned.width)
    upright = image if stored_fits else turned
    size = (upright.height, upright.width)
    if size != labels.size:
        if abs(size[0] * labels.size[1] / (size[1] * labels.size[0]) - 1) > 0.02:
            return KINDS["size"].title
        classes = np.asarray(Image.fromarray(classes).resize(size[::-1], Image.Resampling.NEAREST))

    picture = Image.fromarray(classes.astype(np.uint8))
    picture.putpalette([c for colour in label_set.palette for c in colour])
    where = out / "labels" / f"{name}.png"
    where.parent.mkdir(parents=True, exist_ok=True)
    picture.save(where)
    where = out / "images" / f"{name}{files.image.suffix}"
    where.parent.mkdir(parents=True, exist_ok=True)
    if upright.mode == "RGB" and turned.size == image.size and image.getexif().get(ORIENTATION, 1) == 1:
        shutil.copyfile(files.image, where)
    else:
        _as_rgb(upright).save(where.with_suffix(".png"))
    return None


def _fill(ids: np.ndarray, bad: np.ndarray) -> np.ndarray:
    """Each bad pixel gets the id of a nearest good one; unchanged if there is none."""
    ids, bad = ids.copy(), bad.copy()
    while bad.any() and not bad.all():
        before, still = ids.copy(), bad.copy()
        for axis in (0, 1):
            for to, source in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
                here = (to, slice(None)) if axis == 0 else (slice(None), to)
                there = (source, slice(None)) if axis == 0 else (slice(None), source)
                take = bad[here] & ~still[there]
                ids[here] = np.where(take, before[there], ids[here])
                bad[here] &= ~take
    return ids


def _as_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB without metadata; deeper pictures are scaled from their own darkest to their brightest value."""
    if image.mode[0] in "IF":
        values = np.asarray(image).astype(np.float64)
        span = max(float(np.ptp(values)), 1e-9)
        image = Image.fromarray(((values - values.min()) / span * 255).round().astype(np.uint8))
    return Image.fromarray(np.asarray(image.convert("RGB")))
