"""Render an archive of a world, or a contact sheet of it.

    python -m smis.synth.build people --split train --out data/people-train.zip --jobs 2
    python -m smis.synth.build rooms --split swap --out data/rooms-swap.zip
    python -m smis.synth.build sheet --world streets --split test --out data/streets.webp

The bytes do not depend on --jobs.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

Encoded = tuple[bytes, bytes, tuple[int, int]]
VISIBLE = 24  # a class is swapped in scenes where it has this many pixels


def render_encoded(name: str, split: str, size: int, index: int) -> Encoded:
    """One sample, encoded."""
    from smis.datasets.archive import encode_sample
    from smis.synth.worlds import world

    here = world(name)
    return encode_sample(*here.render(here.seeds(split, index), size), here.label_set, here.quality)


def render_swaps(name: str, size: int, index: int) -> list[tuple[Encoded, str | None, int, bytes]]:
    """Scene `index` of the swap split: the base (class None), then for each class in it the same mask with only that
    class restyled: encoded sample, class, style number, and a PNG of the pixels that may differ from the base."""
    import numpy as np
    from PIL import Image

    from smis.datasets.archive import encode_sample
    from smis.synth.worlds import world

    here = world(name)
    seeds = here.seeds("swap", index)
    image, coverage = next(here.render_styles([seeds], size))
    labels = coverage.argmax(0).astype(np.uint8)
    plan: list[tuple[str | None, int]] = [(None, 0)]
    for number, kind in enumerate(here.label_set.classes):
        if (labels == number).sum() >= VISIBLE:
            plan += [(kind, style) for style in range(1, here.swap[1] + 1)]
    versions = [
        seeds if kind is None else seeds.restyled({kind: seeds.styles[here.label_set.index(kind)] + style})
        for kind, style in plan
    ]
    done: list[tuple[Encoded, str | None, int, bytes]] = []
    for (chosen, style), (image, _) in zip(plan, here.render_styles(versions, size)):
        mask = io.BytesIO()
        if chosen is not None:
            Image.fromarray(coverage[here.label_set.index(chosen)] > 0).save(mask, "PNG", optimize=True)
        done.append((encode_sample(image, labels, here.label_set, here.quality), chosen, style, mask.getvalue()))
    return done


def build_archive(name: str, split: str, out: Path, count: int, size: int, jobs: int) -> None:
    """Render samples 0 .. count - 1 of a split (for the swap split: that many scenes) into an archive."""
    from smis.datasets.archive import write_encoded
    from smis.synth.worlds import world

    here = world(name)
    meta: dict[str, Any] = {
        "origin": "rendered by smis.synth",
        "renderer_version": here.version,
        "split": split,
        "licence": "CC0-1.0",
        "command": f"python -m smis.synth.build {name} --split {split} --count {count} --size {size}",
        **here.credits,
    }
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        if split == "swap":
            scenes = pool.imap(partial(render_swaps, name, size), range(count))
            extra: dict[str, bytes] = {}
            meta["swaps"] = []
            samples = _note_swaps(_with_progress(scenes, count, str(out)), meta["swaps"], extra)
            write_encoded(out, here.label_set, samples, meta, extra)
        else:
            ready = pool.imap(partial(render_encoded, name, split, size), range(count), chunksize=8)
            write_encoded(out, here.label_set, _with_progress(ready, count, str(out)), meta)


def _note_swaps(scenes: Iterator[Any], table: list[list[Any]], extra: dict[str, bytes]) -> Iterator[Encoded]:
    """The samples of some scenes. Meanwhile `table` gets their [scene, class, style], and `extra` their masks."""
    for scene, versions in enumerate(scenes):
        for encoded, kind, style, mask in versions:
            if style == 1:
                extra[f"masks/{scene:03d}-{kind}.png"] = mask
            table.append([scene, kind, style])
            yield encoded


def _with_progress(samples: Iterator[Any], count: int, name: str) -> Iterator[Any]:
    start = time.monotonic()
    for done, sample in enumerate(samples, 1):
        yield sample
        if done % 100 == 0 or done == count:
            left = (time.monotonic() - start) / done * (count - done)
            print(f"{name}: {done}/{count}, {left:.0f} s left", file=sys.stderr, flush=True)


def build_sheet(name: str, split: str, out: Path, rows: int, columns: int, size: int) -> None:
    """A picture of rows x columns samples, each image above its label map. For the swap split each row is a scene: its
    label map, its base, and one version for each of its largest classes, with only that class restyled."""
    import numpy as np
    from PIL import Image

    from smis.files import whole_file
    from smis.synth.worlds import world

    here = world(name)
    lines = []
    for row in range(rows):
        if split == "swap":
            seeds = here.seeds(split, row)
            _, labels = here.render(seeds, size)
            order = np.argsort(-np.bincount(labels.ravel(), minlength=len(here.label_set)), kind="stable")
            chosen = [int(c) for c in sorted(order[: columns - 2])]
            styles = [seeds.restyled({here.label_set.classes[c]: seeds.styles[c] + 1}) for c in chosen]
            cells = [here.label_set.colorize(labels)]
            cells += [image for image, _ in here.render_styles([seeds, *styles], size)]
        else:
            samples = [here.render(here.seeds(split, row * columns + column), size) for column in range(columns)]
            cells = [np.concatenate([image, here.label_set.colorize(labels)]) for image, labels in samples]
        lines.append(np.concatenate([np.pad(c, ((2, 2), (2, 2), (0, 0)), constant_values=128) for c in cells], 1))
    with whole_file(out) as part:
        Image.fromarray(np.concatenate(lines)).save(part, out.suffix[1:].upper())


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    from smis.synth.worlds import WORLDS, world

    parser = argparse.ArgumentParser(prog="python -m smis.synth.build", description="Render a world.")
    parser.add_argument("what", choices=[*WORLDS, "sheet"])
    parser.add_argument("--split", choices=["train", "val", "test", "swap"], required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--world", choices=list(WORLDS), default="people", help="of the sheet")
    parser.add_argument("--rows", type=int, default=4, help="of the sheet")
    parser.add_argument("--columns", type=int, default=10, help="of the sheet")
    parser.add_argument("--count", type=int, help="number of samples, or of scenes of the swap split (default: all)")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args(arguments)
    if given.what == "sheet":
        build_sheet(given.world, given.split, given.out, given.rows, given.columns, given.size)
        return
    here = world(given.what)
    count = given.count or (here.swap[0] if given.split == "swap" else here.counts[given.split])
    build_archive(given.what, given.split, given.out, count, given.size, given.jobs)


if __name__ == "__main__":
    main()
