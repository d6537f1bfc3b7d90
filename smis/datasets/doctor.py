"""The doctor: reads a folder of images and label maps, says what is in it and what is wrong.

`examine(folder)` gives a `Report`; printed, it shows sizes, modes, how often each id occurs, and each problem with its
files, its cause and the command that mends it. The kinds of problems are in `smis.datasets.checks`; the mended copy is
written by `smis.datasets.mending`.
"""

from __future__ import annotations

import difflib
import json
import os
import shlex
import textwrap
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from tqdm import tqdm

from smis.datasets.checks import IGNORE_IDS, KINDS, DataError, LabelMap, Problem, count_values, read_image
from smis.datasets.folders import Files, beside, find_folders, pair_files, read_remap
from smis.datasets.labelsets import label_set_from_json
from smis.labels import LabelSet

__all__ = ["Report", "examine"]

SHOWN = 5  # files named under each problem


@dataclass
class Report:
    """What `examine` found. `str(report)` is the table that `smis doctor data` prints.

    Attributes:
        images, labels: the two folders.
        pairs: name -> files.
        label_set, remap: from classes.json and remap.json, or None.
        command: what mends a copy.
        sizes, modes: how many files have them.
        pixels, maps, blocks: for each id, its pixels, the label maps that have it, and its pixels in blocks of 2 x 2.
        colours, colour_blocks: the same for label maps in colours, by 65536 R + 256 G + B.
        palettes: for each index of palette pictures, pixels and pixels in blocks of each colour that stands there.
        files_with: for each id the first files that have it.
        strange: ids that are no class.
        problems: what is wrong.
    """

    images: Path
    labels: Path
    pairs: dict[str, Files]
    label_set: LabelSet | None
    remap: dict[int, int] | None
    command: str
    sizes: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    pixels: Counter[int] = field(default_factory=Counter)
    maps: Counter[int] = field(default_factory=Counter)
    blocks: Counter[int] = field(default_factory=Counter)
    colours: Counter[int] = field(default_factory=Counter)
    colour_blocks: Counter[int] = field(default_factory=Counter)
    palettes: dict[int, dict[int, list[int]]] = field(default_factory=lambda: defaultdict(dict))
    files_with: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    strange: list[int] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def grave(self) -> list[Problem]:
        """The problems that make a loader refuse."""
        return [problem for problem in self.problems if KINDS[problem.kind].grave]

    def has(self, kind: str) -> bool:
        """Whether there is a problem of this kind."""
        return any(problem.kind == kind for problem in self.problems)

    def solid(self, *, colours: bool = False) -> list[int]:
        """The ids (or colours) that lie in areas, most frequent first: not those that exist only in blurred seams."""
        found, blocks = (self.colours, self.colour_blocks) if colours else (self.pixels, self.blocks)
        return [value for value, number in found.most_common() if 2 * blocks[value] >= number]

    def classes(self) -> dict[int, int]:
        """The ids that occur and mean a class -> class id."""
        if self.remap is not None:
            return self.remap
        if self.label_set is not None:
            return {i: i for i in range(len(self.label_set))}
        return {i: i for i in sorted(self.pixels)}

    def __str__(self) -> str:
        lines = [f"images      {self.images}", f"label maps  {self.labels}", f"pairs       {len(self.pairs)}"]
        lines.append("sizes       " + _counted(self.sizes))
        lines.append("modes       " + _counted(self.modes))
        lines += ["", *self._histogram(), ""]
        if not self.problems:
            return "\n".join([*lines, "Nothing is wrong."])
        by_kind: dict[str, list[Problem]] = defaultdict(list)
        for problem in self.problems:
            by_kind[problem.kind].append(problem)
        for kind, problems in by_kind.items():
            about = KINDS[kind]
            word = "PROBLEM" if about.grave else "note"
            lines.append(f"{word}: {about.title} ({len(problems)})")
            lines += [f"    {p.file}: {p.found}" for p in problems[:SHOWN]]
            if len(problems) > SHOWN:
                lines.append(f"    ... and {len(problems) - SHOWN} more")
            lines += textwrap.wrap(f"  cause: {about.cause}.", 116, subsequent_indent=" " * 9)
            lines += [f"  mend:  {self.command}", f"         {about.mend}."]
        return "\n".join(lines)

    def _histogram(self) -> list[str]:
        if not self.pixels:
            return ["no ids: no label map could be read as ids"]
        total, table = sum(self.pixels.values()), self.classes()
        lines = [f"{'id':>6}  {'class':24} {'pixels':>8}  {'maps':>6}"]
        for number in sorted(self.pixels.keys() | (table.keys() if self.label_set is not None else set())):
            name = "-"
            if self.label_set is not None and number in table:
                name = self.label_set.classes[table[number]]
            share = self.pixels[number] / total
            lines.append(f"{number:6}  {name:24} {share:8.2%}  {self.maps[number]:6}")
            if len(lines) > 260:
                return [*lines, "   ..."]
        if self.label_set is None and not self.problems:
            names = [f"class {i}" for i in sorted(self.pixels)]
            lines += ["", "classes.json is missing. This one fits: " + json.dumps({"name": "mine", "classes": names})]
        return lines


def examine(
    folder: str | os.PathLike[str] | None = None,
    *,
    images: str | os.PathLike[str] | None = None,
    labels: str | os.PathLike[str] | None = None,
    fix: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Report:
    """Read every image and label map of `folder` (or of two folders, `images` and `labels`) and list what is wrong.

    `classes.json` and `remap.json` count if they lie in the folder or above it. `fix` is the folder that the printed
    command names, `progress` shows a bar. Raises DataError when there is nothing to examine.
    """
    if images is not None and labels is not None:
        chosen = Path(images), Path(labels)
        place = chosen[1]
    elif folder is not None:
        chosen, place = find_folders(Path(folder)), Path(folder)
    else:
        raise DataError("name a folder that holds images/ and labels/, or both --images and --labels")
    words = ["smis", "doctor", "data"]
    words += [str(folder)] if folder is not None else []
    words += ["--images", str(images), "--labels", str(labels)] if images is not None else []
    words += ["--fix", str(fix or f"{place}-mended")]
    classes, table = beside(place, "classes.json"), beside(place, "remap.json")
    pairs, lonely_images, lonely_labels = pair_files(*chosen)
    report = Report(
        *chosen,
        pairs=dict(pairs),
        label_set=label_set_from_json(classes) if classes else None,
        remap=read_remap(table) if table else None,
        command=" ".join(map(shlex.quote, words)),
    )
    for kind, lonely, others in (
        ("unmatched image", lonely_images, lonely_labels),
        ("unmatched labels", lonely_labels, lonely_images),
    ):
        for name in lonely:
            near = _alike(name, others)
            report.problems.append(Problem(kind, name, f"did you mean {near}?" if near else "no partner"))
    if not pairs and not report.problems:
        raise DataError(f"there are no pictures in {chosen[0]} and {chosen[1]}")
    if report.remap and report.label_set and max(report.remap.values()) >= len(report.label_set):
        raise DataError(f"{table} leads to ids above {len(report.label_set) - 1}, the last class of {classes}")
    for files in tqdm(report.pairs.values(), disable=not progress, unit="pair"):
        _examine_pair(report, files)
    _judge_palettes(report)
    _judge_ids(report)
    return report


def _alike(name: str, others: list[str]) -> str:
    """The most similar name: one that only adds a word (photo, photo_mask), else one spelt nearly the same, else ''."""
    for other in others:
        short, long = sorted((name, other), key=len)
        if long.startswith(short) and not long[len(short)].isalnum():
            return other
    return next(iter(difflib.get_close_matches(name, others, 1)), "")


def _examine_pair(report: Report, files: Files) -> None:
    file = os.path.relpath(files.labels, report.labels.parent)
    labels = LabelMap.read(files.labels, file)
    if isinstance(labels, Problem):
        report.problems.append(labels)
    size = None if isinstance(labels, Problem) else labels.size
    image, problems = read_image(files.image, size, os.path.relpath(files.image, report.images.parent))
    report.problems += problems
    if image is not None:
        report.sizes[f"images {image.height} x {image.width}"] += 1
        report.modes[f"images {image.mode}"] += 1
    if isinstance(labels, Problem):
        return
    report.sizes[f"label maps {labels.size[0]} x {labels.size[1]}"] += 1
    report.modes[f"label maps {labels.mode}"] += 1
    report.problems += labels.problems(None)
    pixels = count_values(labels.values)
    blocks = count_values(labels.values[_in_blocks(labels.values)])
    if labels.coloured:
        report.colours.update(pixels)
        report.colour_blocks.update(blocks)
    elif not labels.lossy:
        report.pixels.update(pixels)
        report.blocks.update(blocks)
        report.maps.update(pixels.keys())
        for number in pixels:
            if len(report.files_with[number]) < SHOWN:
                report.files_with[number].append(file)
    for number, colour in labels.colours.items():
        sums = report.palettes[number].setdefault(colour, [0, 0])
        sums[0] += pixels[number]
        sums[1] += blocks.get(number, 0)


def _judge_palettes(report: Report) -> None:
    """Palettes disagree where one index has several colours and one colour several indices: then each file was
    quantised by itself, and colours mean classes. (One index in several colours alone is only drawn differently.)"""
    several = [number for number, colours in sorted(report.palettes.items()) if len(colours) > 1]
    indices_of: Counter[int] = Counter()
    for colours in report.palettes.values():
        indices_of.update(colours.keys())
    if not several or max(indices_of.values()) < 2:
        return
    shown = " and ".join(f"#{colour:06x}" for colour in sorted(report.palettes[several[0]])[:2])
    report.problems.append(Problem("palettes", str(report.labels), f"index {several[0]} is {shown}"))
    for colours in report.palettes.values():
        for colour, (pixels, blocks) in colours.items():
            report.colours[colour] += pixels
            report.colour_blocks[colour] += blocks


def _in_blocks(values: np.ndarray) -> np.ndarray:
    """Which pixels (H, W) belong to a block of 2 x 2 equal ones. Seams of interpolation hardly ever do."""
    inside = np.zeros(values.shape, bool)
    corner = values[:-1, :-1]
    equal = (corner == values[1:, :-1]) & (corner == values[:-1, 1:]) & (corner == values[1:, 1:])
    for down in (0, 1):
        for right in (0, 1):
            inside[down : values.shape[0] - 1 + down, right : values.shape[1] - 1 + right] |= equal
    return inside


def _judge_ids(report: Report) -> None:
    """What only the whole folder shows: 0/255 masks, ignore ids, strange ids, gaps, classes that never occur."""
    place, ids = str(report.labels), sorted(report.pixels)
    if report.has("mixed"):  # what exists only in seams is no id
        ids = sorted(report.solid())
    declared = report.remap is not None or report.label_set is not None
    if declared:
        strange = [i for i in ids if i not in report.classes()]
    else:
        strange = [i for i in ids if i in IGNORE_IDS and i - 1 not in ids]
    if set(ids) == {0, 255} and 255 in strange:
        report.problems.append(Problem("0/255", place, "the only ids are 0 and 255"))
        ids, strange = [0, 1], []
    report.strange = strange
    for number in strange:
        files = ", ".join(report.files_with[number]) + (", ..." if report.maps[number] > SHOWN else "")
        found = f"id {number} on {report.pixels[number]:,} pixels of {report.maps[number]} label maps: {files}"
        report.problems.append(Problem("ignore" if number in IGNORE_IDS else "range", place, found))
    regular = [i for i in ids if i not in strange]
    if not declared and regular != list(range(len(regular))):
        found = f"ids {_ranges(regular)} occur, {_gaps(regular)} do not"
        report.problems.append(Problem("gap", place, found))
    if report.label_set is not None and ids:
        occurring = {report.classes().get(i, -1) for i in ids}
        for number, name in enumerate(report.label_set.classes):
            if number not in occurring:
                report.problems.append(Problem("empty", place, f"class {number} ({name})"))


def _ranges(ids: list[int]) -> str:
    """'0-2, 5'"""
    parts: list[list[int]] = []
    for number in ids:
        if parts and number == parts[-1][-1] + 1:
            parts[-1] = [parts[-1][0], number]
        else:
            parts.append([number])
    return ", ".join("-".join(map(str, part)) for part in parts)


def _gaps(ids: list[int]) -> str:
    """Which numbers from 0 lie between ascending ids, as text: '3-4, 7'. An id may be two thousand million."""
    around = zip([-1, *ids], ids)
    return ", ".join(f"{a + 1}-{b - 1}" if b > a + 2 else f"{a + 1}" for a, b in around if b > max(a, -1) + 1) or "none"


def _counted(counter: Counter[str]) -> str:
    return ", ".join(f"{what} ({number})" for what, number in sorted(counter.items())) or "none"
