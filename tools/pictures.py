"""Draw the pictures of README.md. After a new checkpoint: python tools/pictures.py [--only rooms]

docs/hero.webp, docs/rooms.webp, docs/streets.webp: one scene, restyled class by class from others.
docs/painter.webp: the Painter after two edits of a room, without a kernel.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from smis.datasets.archive import open_archive
from smis.editing import ClassCodes, mix
from smis.model import GroupDNet
from smis.sheets import to_uint8

ROOT = Path(__file__).resolve().parent.parent
SIDE, GAP, TEXT = 160, 8, 26  # pixels of a picture, of a gap, of a line of text


@dataclass(frozen=True)
class Plan:
    """One picture: the test images `base` and `donors`, and a row of mixtures for each class in `rows`."""

    checkpoint: str
    thing: str
    base: int
    donors: tuple[int, ...]
    rows: tuple[str, str, str]


PLANS = {
    "hero": Plan("people-128", "a person", 10, (24, 40, 37, 118, 77, 20), ("hair", "top", "bottom")),
    "rooms": Plan("rooms-128", "a room", 36, (9, 22, 33, 15, 12, 5), ("wall", "bed", "floor")),
    "streets": Plan("streets-128", "a street", 25, (9, 28, 7, 16, 19, 3), ("sky", "tree", "building")),
}


def restyled(
    model: GroupDNet, codes: ClassCodes, label: torch.Tensor, base: int, number: int
) -> list[np.ndarray | None]:
    """The person `base` with class `number` of each person, uint8 (H, W, 3) each; None where there is no such class."""
    pictures: list[np.ndarray | None] = []
    for donor in range(len(codes)):
        if not codes.present[donor, number]:
            pictures.append(None)
            continue
        sources = [base] * len(model.config.labels)
        sources[number] = donor
        with torch.no_grad():
            pictures.append(to_uint8(model.decode(mix(codes, sources), label))[0])
    return pictures


def draw_plan(model: GroupDNet, plan: Plan) -> Image.Image:
    """Columns are scenes to take from; each row takes one class of them. The label map never changes."""
    archive, side = open_archive(model.config.labels.name, "test"), model.config.image_size[0]
    donors, chosen = plan.donors, [plan.base, *plan.donors]
    samples = archive.load(side, chosen)
    photos = archive.load(None, chosen).images
    images, labels = samples.tensors()
    with torch.no_grad():
        codes = model.encode(images, labels)
        rebuilt = to_uint8(model.decode(codes[0].values, labels[:1]))[0]
    names = model.config.labels
    rows = [list(photos[1:])] + [restyled(model, codes, labels[:1], 0, names.index(name))[1:] for name in plan.rows]
    left = [photos[0], names.colorize(samples.labels[0]), rebuilt]
    captions = ["take from"] + [f"its {name}" for name in plan.rows]

    width = (SIDE + GAP) * (len(donors) + 1) + 3 * GAP + GAP
    height = (SIDE + TEXT + GAP) * len(rows) + GAP
    sheet = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(16)

    def put(picture: np.ndarray, column: int, row: int, caption: str) -> None:
        x = GAP + column * (SIDE + GAP) + (3 * GAP if column else 0)
        y = GAP + row * (SIDE + TEXT + GAP)
        draw.text((x, y + 3), caption, fill="#222222", font=font)
        method = Image.Resampling.NEAREST if caption == "its label map" else Image.Resampling.BICUBIC
        sheet.paste(Image.fromarray(picture).resize((SIDE, SIDE), method), (x, y + TEXT))

    for row, (picture, caption) in enumerate(zip(left, (plan.thing, "its label map", "encoded, decoded"))):
        put(picture, 0, row, caption)
    for row, (pictures, caption) in enumerate(zip(rows, captions)):
        for column, picture in enumerate(pictures):
            if picture is not None:
                put(picture, column + 1, row, caption)
    return sheet


def painted() -> Image.Image:
    """A bed put where a sofa was, and the picture on the wall replaced by a window."""
    from smis_widgets import Painter

    model = GroupDNet.load(ROOT / "data/checkpoints/rooms-128.safetensors")
    painter = Painter(model, open_archive("rooms", "test").load(indices=range(10)), strict=True)
    painter.do("stamp bed F 52 84,92")
    painter.do("replace picture window")
    return painter.snapshot()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=[*PLANS, "painter"], help="one of them")
    options = parser.parse_args()
    for name, plan in PLANS.items():
        if options.only in (None, name):
            model = GroupDNet.load(ROOT / f"data/checkpoints/{plan.checkpoint}.safetensors")
            out = ROOT / f"docs/{name}.webp"
            out.parent.mkdir(exist_ok=True)
            draw_plan(model, plan).save(out, quality=88)
            print(out)
    if options.only in (None, "painter"):
        painted().convert("RGB").save(ROOT / "docs/painter.webp", quality=90)
        print(ROOT / "docs/painter.webp")


if __name__ == "__main__":
    main()
