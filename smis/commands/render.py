"""`smis render`: draw one more picture of a rendered world, with exact labels."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from smis.commands import Commands
from smis.commands.arguments import restyle, seed

if TYPE_CHECKING:
    import numpy as np

MOST = 2048  # pixels


def add(commands: Commands) -> None:
    """Declare the command."""
    sub = commands.add("render", run, "draw one more picture of a rendered world, with exact labels")
    sub.add_argument("world", choices=["people", "rooms", "streets"])
    sub.add_argument("--seed", type=seed, required=True, help="decides the label map, and every style")
    sub.add_argument("--light", type=seed, help="the seed of the light (default: --seed)")
    sub.add_argument(
        "--restyle",
        type=restyle,
        nargs="+",
        action="extend",
        default=[],
        metavar="CLASS=SEED",
        help="another style for one class, such as top=7 or bed=3; nothing else changes",
    )
    sub.add_argument("--size", type=int, default=128, help="height and width in pixels (default: 128)")
    sub.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    sub.add_argument("--labels", type=Path, metavar="FILE.png", help="also write the label map, in its palette")


def run(args: argparse.Namespace) -> int:
    """Draw one picture, and its label map if asked for."""
    outputs = [path for path in (args.out, args.labels) if path is not None]
    for path in outputs:
        if path.suffix.lower() != ".png":
            raise ValueError(f"pictures are written as PNG, so {str(path)!r} must end in .png")
    if args.size > MOST:
        raise ValueError(
            f"--size is at most {MOST} pixels, got {args.size}: the pixels are drawn several times as fine"
        )
    if args.labels is not None and args.out.resolve() == args.labels.resolve():
        raise ValueError(f"--out and --labels must be two files, both are {args.out}")

    from smis.synth.seeds import Seeds
    from smis.synth.worlds import world

    here = world(args.world)
    label_set = here.label_set
    light = args.seed if args.light is None else args.light
    seeds = Seeds(args.seed, (args.seed,) * len(label_set), light, label_set).restyled(dict(args.restyle))
    image, labels = here.render(seeds, args.size)
    _write_png(args.out, image)
    if args.labels is not None:
        _write_png(args.labels, label_set.colorize(labels))
    shares = [(name, (labels == number).mean()) for number, name in enumerate(label_set.classes)]
    share = [f"{name} {part:.0%}" for name, part in shares if part > 0]
    print(f"{', '.join(map(str, outputs))}: {args.size} x {args.size} pixels; {', '.join(share)}")
    return 0


def _write_png(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 (H, W, 3) as PNG, whole or not at all."""
    from PIL import Image

    from smis.files import whole_file

    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        Image.fromarray(pixels).save(part, "PNG")
