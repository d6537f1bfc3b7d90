"""`smis segment`: train the network that reads label maps off images; `smis evaluate` asks it about generated ones."""

from __future__ import annotations

import argparse
from pathlib import Path

from smis.commands import Commands
from smis.commands.arguments import count, seed


def add(commands: Commands) -> None:
    """Declare the command."""
    sub = commands.add(
        "segment", run, "train a small network that reads label maps off images, to judge generated ones"
    )
    sub.add_argument("data", metavar="DATA", help="people, rooms, streets or other data; see docs/your-data.md")
    sub.add_argument("--size", type=count, default=128, metavar="N", help="image height in pixels (default: 128)")
    sub.add_argument("--steps", type=count, default=3000, metavar="N", help="default: 3000")
    sub.add_argument("--batch", type=count, default=64, metavar="N", help="images a step (default: 64)")
    sub.add_argument("--lr", type=float, default=2e-3, help="first learning rate (default: 0.002)")
    sub.add_argument("--seed", type=seed, default=0, help="default: 0")
    sub.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1 (default: auto)")
    sub.add_argument(
        "--out", type=Path, metavar="FILE", help="default: data/checkpoints/segmenter-DATA-SIZE.safetensors"
    )


def run(args: argparse.Namespace) -> int:
    """Train on the train split, print how well it reads the real images of the test split, write the file."""
    import time

    import torch

    from smis.datasets.cache import cached
    from smis.datasets.paths import data_dir
    from smis.datasets.sources import open_source
    from smis.metrics.agreement import Counter
    from smis.segmenter import SegmenterTraining, train_segmenter

    device = args.device if args.device != "auto" else "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.zeros((), device=device)
    except (AssertionError, RuntimeError) as error:
        why = str(error).partition("\n")[0][:200]
        raise ValueError(f"--device {device} cannot be used ({why}): auto, cpu, cuda or cuda:1 are expected") from error
    size = (args.size, args.size)
    training = SegmenterTraining(args.steps, args.batch, args.lr, seed=args.seed)
    out = args.out or data_dir() / "checkpoints" / f"segmenter-{Path(args.data).stem}-{args.size}.safetensors"
    train, test = (cached(open_source(args.data, split, size), size, progress=True) for split in ("train", "test"))
    print(f"{len(train)} images of {args.data} at {args.size} x {args.size}, on {device}", flush=True)
    start = time.monotonic()

    def report(step: int, loss: float) -> None:
        print(f"step {step:6d} of {args.steps}   loss {loss:.4f}   {time.monotonic() - start:6.1f} s", flush=True)

    segmenter = train_segmenter(train, training, device=device, report=report)
    seconds = time.monotonic() - start
    images, labels = test.tensors()
    found = Counter(segmenter).add(images, labels).agreement()
    miou, accuracy = found.miou().value, found.accuracy().value
    print(f"real images of the test split, {len(test)}: mIoU {miou:.4f}, accuracy {accuracy:.4f}")
    for name, iou in zip(train.label_set.classes, found.iou(), strict=True):
        print(f"  {name:<12} IoU {iou:.3f}")
    provenance = {
        "data": args.data,
        "train_images": len(train),
        "training": training.to_dict(),
        "device": device,
        "seconds": round(seconds, 1),
        "torch": torch.__version__,
        "test": {"images": len(test), "miou": round(miou, 4), "accuracy": round(accuracy, 4)},
        "licence": "CC BY 4.0",
    }
    segmenter.save(out, provenance)
    print(f"{out}, {out.stat().st_size / 1e6:.2f} MB, {sum(p.numel() for p in segmenter.parameters()):,} parameters")
    return 0
