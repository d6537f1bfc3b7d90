"""The `smis` command: train, evaluate, render, info.

Each command parses its arguments, calls one function of the library and prints what it gives back. Heavy
imports stand inside the commands that need them.

Exit status: 0; 1 with one line `smis: error: ...`; 2 for a wrong command line; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from smis.config import TrainConfig
    from smis.datasets.archive import Archive

__all__ = ["main"]

# What to install when a module of an optional part is missing.
EXTRA_OF = {"scipy": "synth", "numba": "synth"}
STOPPED = 130  # the exit status after Ctrl-C


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, given as words (default: those of the command line). Returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        status: int = args.run(args)
    except KeyboardInterrupt:
        print("smis: stopped", file=sys.stderr)
        return STOPPED
    except Exception as error:
        message = _message(error)
        if message is None or args.debug:
            raise
        print(f"smis: error: {message}", file=sys.stderr)
        return 1
    return status


def _message(error: Exception) -> str | None:
    """One line about an error that the user can mend; None for what must be a bug of ours."""
    if isinstance(error, ModuleNotFoundError) and error.name in EXTRA_OF:
        return f"this needs the package {error.name!r}: pip install 'smis[{EXTRA_OF[error.name]}]'"
    if isinstance(error, (ValueError, OSError)) or type(error).__module__.startswith("smis."):
        return " ".join(str(error).split()) or type(error).__name__
    return None


# --- the commands -----------------------------------------------------------------------------------------


def _train(args: argparse.Namespace) -> int:
    """Train a preset in a run folder, or go on with the run that is there."""
    import torch

    from smis.config import TrainConfig, preset
    from smis.training import train

    out = args.out or Path("runs") / args.preset
    settings = dict(args.set)
    if args.data is not None:
        settings["data"] = str(args.data)
    stored = out / "config.json"
    if args.resume and stored.is_file():  # the run's own values, not the preset's
        config = TrainConfig.from_dict(json.loads(stored.read_text(encoding="utf-8"))).replace(**settings)
    else:
        config = preset(args.preset, settings)

    device = "cuda" if torch.cuda.is_available() else "cpu"
    archive, size = _archive(config.data, "train"), config.model.image_size[0]
    if args.dry_run:
        _rehearse(config, archive, device)
        return 0
    print(f"reading {len(archive)} images from {archive.path}", flush=True)
    samples = archive.load(size)
    others = _archive(config.data, "val")
    shown = others.load(size, range(min(8, len(others))))
    start = time.monotonic()
    result = train(config, out, samples, shown, resume=args.resume, hours=args.hours, device=device)
    print(f"{result.step} of {config.steps} steps done; the network is in {result.model}")
    if result.finished:
        return 0
    print(f"to go on: smis train {args.preset} --out {out} --resume")
    out_of_time = args.hours is not None and time.monotonic() - start >= args.hours * 3600
    return 0 if out_of_time else STOPPED


def _archive(data: str, split: str) -> Archive:
    """The archive that `data` names: itself, for every split, if it ends in .zip; else data/NAME-SPLIT.zip."""
    from smis.datasets.archive import Archive
    from smis.datasets.paths import data_file

    return Archive(data if data.endswith(".zip") else data_file(f"{data}-{split}.zip"))


def _rehearse(config: TrainConfig, archive: Archive, device: str) -> None:
    """Print the config and the time that it would take, after two steps that leave nothing behind."""
    from smis.training import Trainer

    _print_values(config.to_dict())
    samples = archive.load(config.model.image_size[0], range(min(config.batch_size, len(archive))))
    trainer = Trainer(config, samples, device)
    trainer.step()  # the first one is slower
    start = time.monotonic()
    trainer.step()
    seconds = time.monotonic() - start
    parts = {"encoder": trainer.model.encoder, "decoder": trainer.model.decoder}
    for name, part in {**parts, "discriminator": trainer.discriminator}.items():
        print(f"{name}: {sum(value.numel() for value in part.parameters()):,} parameters")
    print(f"{archive.path}: {len(archive)} images")
    hours = seconds * config.steps / 3600
    print(f"{seconds:.2f} s a step on {device}: {config.steps} steps take {hours:.2g} h")


def _evaluate(args: argparse.Namespace) -> int:
    """Print how well a checkpoint reconstructs, and what each class's code controls, on images it has not seen."""
    import torch

    from smis.metrics import evaluate
    from smis.model import GroupDNet

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = GroupDNet.load(args.checkpoint, device)
    config = model.config
    archive = _archive(config.labels.name if args.data is None else str(args.data), "test")
    if archive.label_set != config.labels:
        raise ValueError(
            f"{archive.path} has the label set {archive.label_set.name!r} with {len(archive.label_set)} classes, "
            f"{args.checkpoint} was trained for {config.labels.name!r} with {len(config.labels)}"
        )
    count = len(archive) if args.limit is None else min(args.limit, len(archive))
    print(f"{args.checkpoint} on {archive.path}")
    print(evaluate(model, archive.load(config.image_size[0], range(count))))
    return 0


def _render(args: argparse.Namespace) -> int:
    """Draw one person, and its label map if asked for."""
    outputs = [path for path in (args.out, args.labels) if path is not None]
    for path in outputs:
        if path.suffix.lower() != ".png":
            raise ValueError(f"pictures are written as PNG, so {str(path)!r} must end in .png")
    if args.labels is not None and args.out.resolve() == args.labels.resolve():
        raise ValueError(f"--out and --labels must be two files, both are {args.out}")

    from smis.labels import PEOPLE
    from smis.synth.people import Seeds, render_person

    light = args.seed if args.light is None else args.light
    seeds = Seeds(geometry=args.seed, styles=(args.seed,) * len(PEOPLE), light=light)
    seeds = seeds.restyled(dict(args.restyle))
    image, labels = render_person(seeds, size=args.size)
    _write_png(args.out, image)
    if args.labels is not None:
        _write_png(args.labels, PEOPLE.colorize(labels))
    share = [f"{name} {(labels == number).mean():.0%}" for number, name in enumerate(PEOPLE.classes)]
    print(f"{', '.join(map(str, outputs))}: {args.size} x {args.size} pixels; {', '.join(share)}")
    return 0


def _write_png(path: Path, pixels: np.ndarray) -> None:
    """Write uint8 (H, W, 3) as PNG, whole or not at all."""
    from PIL import Image

    from smis.files import whole_file

    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part:
        Image.fromarray(pixels).save(part, "PNG")


def _info(args: argparse.Namespace) -> int:
    """Print a preset, or a checkpoint's config and origin, as lines `key = value`."""
    if Path(args.what).is_file() or args.what.endswith(".safetensors"):
        from smis.model import GroupDNet

        config, provenance = GroupDNet.read_header(args.what)
        _print_values({"model": config.to_dict(), "provenance": provenance})
    else:
        from smis.config import preset

        _print_values(preset(args.what).to_dict())
    return 0


def _print_values(values: dict[str, Any], prefix: str = "") -> None:
    for key, value in values.items():
        if isinstance(value, dict):
            _print_values(value, f"{prefix}{key}.")
        else:
            print(f"{prefix}{key} = {json.dumps(value)}")


# --- the command line -------------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smis", description="Semantically Multi-modal Image Synthesis.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.add_argument("--debug", action="store_true", help="show the whole traceback of an error")
        sub.set_defaults(run=run)
        return sub

    sub = command("train", _train, "train a network; Ctrl-C saves, --resume goes on")
    sub.add_argument("preset", metavar="PRESET", help="such as people-64; see `smis info PRESET`")
    sub.add_argument("--out", type=Path, metavar="DIR", help="the run's folder (default: runs/PRESET)")
    sub.add_argument("--resume", action="store_true", help="go on with the run in that folder")
    sub.add_argument(
        "--set",
        type=_setting,
        nargs="+",
        action="extend",
        default=[],
        metavar="KEY=VALUE",
        help="other values than the preset's, such as weights.kl=0.01 batch_size=8",
    )
    sub.add_argument("--data", type=Path, metavar="ARCHIVE", help="train on this archive (.zip) instead")
    sub.add_argument("--hours", type=_hours, help="stop after so many hours, with everything saved")
    sub.add_argument("--dry-run", action="store_true", help="print values and expected time; write nothing")

    sub = command("evaluate", _evaluate, "measure reconstruction and control on images not seen in training")
    sub.add_argument("checkpoint", type=Path, metavar="CHECKPOINT", help="a .safetensors file")
    sub.add_argument("--data", type=Path, metavar="ARCHIVE", help="another archive (.zip) than the test split")
    sub.add_argument("--limit", type=_count, metavar="N", help="only the first N images")

    sub = command("render", _render, "draw one more picture of a rendered world, with exact labels")
    sub.add_argument("world", choices=["people"])
    sub.add_argument("--seed", type=_seed, required=True, help="body, pose, camera, garments, and every style")
    sub.add_argument("--light", type=_seed, help="the seed of the light (default: --seed)")
    sub.add_argument(
        "--restyle",
        type=_restyle,
        nargs="+",
        action="extend",
        default=[],
        metavar="CLASS=SEED",
        help="another style for one class, such as top=7; nothing else changes",
    )
    sub.add_argument("--size", type=int, default=128, help="height and width in pixels (default: 128)")
    sub.add_argument("--out", type=Path, required=True, metavar="FILE.png")
    sub.add_argument("--labels", type=Path, metavar="FILE.png", help="also write the label map, in its palette")

    sub = command("info", _info, "print the config of a preset, or the config and origin of a checkpoint")
    sub.add_argument("what", metavar="PRESET_OR_CHECKPOINT")
    return parser


def _seed(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"a seed is a whole number from 0, not {text!r}")
    return int(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"a number of images is a whole number from 1, not {text!r}")
    return int(text)


def _hours(text: str) -> float:
    try:
        hours = float(text)
    except ValueError:
        hours = 0.0
    if not 0 < hours < float("inf"):
        raise argparse.ArgumentTypeError(f"hours are a number above 0, not {text!r}")
    return hours


def _restyle(text: str) -> tuple[str, int]:
    name, equals, seed = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"expected CLASS=SEED, such as top=7, got {text!r}")
    return name, _seed(seed)


def _setting(text: str) -> tuple[str, Any]:
    """'weights.kl=0.01' -> ('weights.kl', 0.01); what is no JSON stays text."""
    key, equals, value = text.partition("=")
    if not (key and equals):
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, such as weights.kl=0.01, got {text!r}")
    try:
        return key, json.loads(value)
    except json.JSONDecodeError:
        return key, value


if __name__ == "__main__":
    sys.exit(main())
