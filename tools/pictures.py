"""Draw docs/hero.png: one person, restyled class by class from other people. Run after a new checkpoint.

python tools/pictures.py [--checkpoint data/checkpoints/people-64.safetensors] [--base 44] [--donors 41 210 217]
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont

from smis.datasets.archive import people
from smis.editing import ClassCodes, mix
from smis.model import GroupDNet
from smis.sheets import to_uint8

ROOT = Path(__file__).resolve().parent.parent
SIDE, GAP, TEXT = 160, 8, 26  # pixels of a picture, of a gap, of a line of text
ROWS = ("hair", "top", "bottom")  # one row of mixtures for each of these classes


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


def hero(model: GroupDNet, base: int, donors: Sequence[int]) -> Image.Image:
    """Columns are people to take from; each row takes one class of them. The label map never changes."""
    archive, side = people("test"), model.config.image_size[0]
    chosen = [base, *donors]
    samples = archive.load(side, chosen)
    photos = archive.load(None, chosen).images
    images, labels = samples.tensors()
    with torch.no_grad():
        codes = model.encode(images, labels)
        rebuilt = to_uint8(model.decode(codes[0].values, labels[:1]))[0]
    names = model.config.labels
    rows = [list(photos[1:])] + [restyled(model, codes, labels[:1], 0, names.index(name))[1:] for name in ROWS]
    left = [photos[0], names.colorize(samples.labels[0]), rebuilt]
    captions = ["take from"] + [f"its {name}" for name in ROWS]

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

    for row, (picture, caption) in enumerate(zip(left, ("a person", "its label map", "encoded, decoded"))):
        put(picture, 0, row, caption)
    for row, (pictures, caption) in enumerate(zip(rows, captions)):
        for column, picture in enumerate(pictures):
            if picture is not None:
                put(picture, column + 1, row, caption)
    return sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", default=ROOT / "data/checkpoints/people-64.safetensors")
    parser.add_argument("--base", type=int, default=44)
    parser.add_argument("--donors", type=int, nargs="+", default=[41, 210, 217, 236, 374, 386])
    parser.add_argument("--out", type=Path, default=ROOT / "docs/hero.png")
    options = parser.parse_args()
    options.out.parent.mkdir(exist_ok=True)
    hero(GroupDNet.load(options.checkpoint), options.base, options.donors).save(options.out)
    print(options.out)


if __name__ == "__main__":
    main()
