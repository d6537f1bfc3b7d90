"""Six ways to get one controller per class, at equal size, and the pages about them.

    python benchmarks/compare.py train NAME              train one: runs/people-64-NAME (hours on a CPU)
    python benchmarks/compare.py run NAME CHECKPOINT     measure it, write benchmarks/results/people-64/NAME.json
    python benchmarks/compare.py speed                   images a second, memory: benchmarks/results/speed.json
    python benchmarks/compare.py readme                  write benchmarks/results/README.md and its part of README.md

The networks are the presets people-64 (groupdnet) and people-64-NAME: the same data, the same losses, parameters within
3 %. Protocols: `smis.metrics`. The one that is shipped can be measured at once:

    python benchmarks/compare.py run groupdnet data/checkpoints/people-64.safetensors
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from pages import page, placed
from tables import NETWORKS, RESULTS, ROOT

from smis.config import TrainConfig
from smis.files import file_sha256, whole_file
from smis.metrics import evaluate_with_all
from smis.model import GroupDNet
from smis.presets import preset
from smis.summary import summarise


def preset_name(name: str) -> str:
    """Of the rival."""
    return "people-64" if name == "groupdnet" else f"people-64-{name}"


def environment() -> dict[str, Any]:
    """What the numbers depend on."""

    def git(*words: str) -> str:
        return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, check=False).stdout.strip()

    cpu = platform.processor()
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), cpu)
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "platform": platform.platform(),
        "cpu": cpu or platform.machine(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "commit": git("rev-parse", "HEAD") or None,
        "changed": bool(git("status", "--porcelain", "--", "smis", "benchmarks/*.py")),
    }


def write(file: Path, values: dict[str, Any]) -> None:
    """As JSON, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(file) as part:
        part.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def train(name: str) -> int:
    """Train one with the command that is printed."""
    words = ["train", preset_name(name), "--out", f"runs/people-64-{name}"]
    print("smis", shlex.join(words), flush=True)
    return subprocess.run([sys.executable, "-m", "smis.cli", *words], cwd=ROOT, check=False).returncode


def measure(name: str, checkpoint: Path) -> None:
    """Evaluate one network on the test split of people at 64 px."""
    model = GroupDNet.load(checkpoint)
    model.prior = None  # all rivals draw codes from N(0, 1), as in the paper
    made = GroupDNet.read_header(checkpoint)[1]
    layers = summarise(model.config)
    report = evaluate_with_all(model, progress=lambda what: print("...", what, flush=True))
    values = {
        "name": name,
        "sha256": file_sha256(checkpoint),
        "steps": made.get("step", made.get("steps")),  # of a run's network, or of a shipped one
        "trained_on": made.get("device", made.get("on")),
        "torch": torch.__version__,
        "environment": environment(),
        "parameters": sum(layer.parameters for layer in layers),
        "multiply_adds": sum(layer.multiply_adds for layer in layers),
        **report.to_dict(),
    }
    write(RESULTS / "people-64" / f"{name}.json", values)
    print(report)


def speed(rounds: int) -> None:
    """Time a training step and the drawing of a batch, network after network, round after round."""
    from classes import alone
    from gpu_step import mosaics

    from smis.training import Trainer, accelerator_for

    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    configs: dict[str, TrainConfig] = {name: preset(preset_name(name)) for name in NETWORKS}
    batch = configs["groupdnet"].batch_size
    # first, while this process is small: a child's peak of memory begins with its parent's
    memory = {name: alone(config, 3)["memory_mib"] for name, config in configs.items()}
    trainers = {
        name: Trainer(config, mosaics(config.model.labels, 2 * batch, config.model.image_size), accelerator_for(config))
        for name, config in configs.items()
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in configs}

    def clock() -> float:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return time.perf_counter()

    for number in range(rounds + 2):
        for name, trainer in trainers.items():
            labels, codes = trainer.batch(0)[1], trainer.averaged.sample(batch)
            start = clock()
            trainer.step()
            middle = clock()
            with torch.no_grad():
                trainer.averaged.eval().decode(codes, labels)
            end = clock()
            if number >= 2:  # the first ones warm up
                times[name].append((middle - start, end - middle))
    found = {}
    for name, both in times.items():
        step, draw = (statistics.median(column) for column in zip(*both))
        found[name] = {"training_images_s": batch / step, "sampling_images_s": batch / draw, "memory_mib": memory[name]}
        print(f"{name:10s}{batch / step:8.1f}{batch / draw:8.1f} images/s{memory[name]:8.0f} MiB", flush=True)
    about = {"environment": environment(), "load": load, "batch": batch, "rounds": rounds}
    write(RESULTS / "speed.json", {**about, "networks": found})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="what", required=True)
    for what in ("train", "run"):
        command = commands.add_parser(what)
        command.add_argument("name", choices=NETWORKS)
        if what == "run":
            command.add_argument("checkpoint", type=Path)
    commands.add_parser("speed").add_argument("--rounds", type=int, default=15)
    commands.add_parser("readme")
    options = parser.parse_args()
    if options.what == "train":
        return train(options.name)
    if options.what == "run":
        measure(options.name, options.checkpoint)
    elif options.what == "speed":
        speed(options.rounds)
    else:
        (RESULTS / "README.md").write_text(page(), encoding="utf-8")
        top = ROOT / "README.md"
        top.write_text(placed(top.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
