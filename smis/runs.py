"""A training run and its folder: everything that happened, in files that appear whole or not at all.

config.json        the run's TrainConfig
environment.txt    versions, device, processes
stats.jsonl        one line a tick: step, seconds, mean losses
samples/           the same images at every tick
checkpoints/       the last two states, for --resume
model.safetensors  the averaged network
"""

from __future__ import annotations

import json
import os
import platform
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from tqdm import tqdm

from smis.config import TrainConfig
from smis.datasets.archive import Samples
from smis.files import whole_file
from smis.outside import parse_json, read_json, shortened
from smis.sheets import training_sheet
from smis.training import Losses, Trainer, TrainingError, accelerator_for

__all__ = ["RunFolder", "TrainResult", "train"]

MAY_CHANGE = ("steps", "decay_from", "tick", "graph")  # on resume
KEPT = 2  # checkpoints


@dataclass(frozen=True)
class TrainResult:
    """Where a run stands: steps done, whether that is all of them, and the averaged network's file."""

    step: int
    finished: bool
    model: Path


@dataclass(frozen=True)
class RunFolder:
    """The files of a run."""

    path: Path

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    def checkpoints(self) -> list[Path]:
        """The saved states, newest first."""
        return sorted((self.path / "checkpoints").glob("step-*.pt"), reverse=True)

    def stats(self) -> list[dict[str, float]]:
        """The lines of `stats.jsonl`, up to the first that is none: a crash may have cut it off."""
        file = self.path / "stats.jsonl"
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.exists() else []
        read = []
        for line in lines:
            try:
                entry = parse_json(line)
            except ValueError:
                break
            if not isinstance(entry, dict) or type(entry.get("step")) is not int:
                break
            if not all(isinstance(value, (int, float)) for value in entry.values()):
                break
            read.append(entry)
        return read

    def open(self, config: TrainConfig, resume: bool) -> None:
        """Make the folder, or check that it holds this run and tidy up after a crash. Raises `TrainingError`."""
        described = self.path / "config.json"
        if described.exists() and not resume:
            raise TrainingError(
                f"{self.path} already holds a run: go on with it by --resume, or choose another folder by --out"
            )
        if resume and not described.exists():
            raise TrainingError(f"{self.path} holds no run to resume: start one without --resume")
        if resume:
            try:
                before = read_json(described)
            except ValueError as error:
                raise TrainingError(f"{described} cannot be read ({error}): start anew in another folder") from error
            if not isinstance(before, dict):
                raise TrainingError(f"{described} holds no config ({shortened(before)}): start anew in another folder")
            now = json.loads(json.dumps(config.to_dict()))
            differ = [k for k in now if k not in MAY_CHANGE and before.get(k) != now[k]]
            if differ:
                raise TrainingError(
                    f"{self.path} holds a run with another {', '.join(differ)}: "
                    f"only {', '.join(MAY_CHANGE)} may change on resume"
                )
            for debris in self.path.rglob("*.part"):
                debris.unlink()
        with self.writing():
            for folder in ("checkpoints", "samples"):
                (self.path / folder).mkdir(parents=True, exist_ok=True)
            self.write("config.json", json.dumps(config.to_dict(), indent=1))

    def write(self, name: str, text: str) -> None:
        """One text file, whole or not at all."""
        with whole_file(self.path / name) as part:
            part.write_text(text, encoding="utf-8")

    def forget_after(self, step: int) -> None:
        """Drop the lines of `stats.jsonl` that are newer than the state a run goes on from."""
        kept = [json.dumps(line) + "\n" for line in self.stats() if line["step"] <= step]
        self.write("stats.jsonl", "".join(kept))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A full disk or a folder that may not be written stops the run with advice."""
        try:
            yield
        except OSError as error:
            saved = self.checkpoints()
            state = f"The state of {saved[0].name} is whole: go on with --resume" if saved else "Nothing was saved yet"
            raise TrainingError(f"cannot write the run's files in {self.path}: {error}. {state}") from error

    def record(self, trainer: Trainer, shown: Samples, line: dict[str, Any]) -> None:
        """One tick. The checkpoint comes last: what is newer than it is made again after a crash."""
        model = trainer.evaluated_model()  # all processes take part
        if not trainer.accelerator.is_main_process:
            return
        with self.writing():
            lines = [*self.stats(), line]
            self.write("stats.jsonl", "".join(json.dumps(entry) + "\n" for entry in lines))
            with whole_file(self.path / "samples" / f"step-{trainer.steps_done:06d}.png") as part:
                training_sheet(model, shown).save(part, "PNG")
            provenance = {"step": trainer.steps_done, "config": trainer.config.to_dict(), **_versions(trainer)}
            model.save(self.model, provenance)
            trainer.save(self.path / "checkpoints" / f"step-{trainer.steps_done:06d}.pt")
            for old in self.checkpoints()[KEPT:]:
                old.unlink()


def train(
    config: TrainConfig,
    out: str | os.PathLike[str],
    samples: Samples,
    shown: Samples,
    *,
    resume: bool = False,
    hours: float | None = None,
    accelerator: Accelerator | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    on_step: Callable[[int, Losses], None] = lambda _step, _losses: None,
    on_tick: Callable[[dict[str, Any]], None] = lambda _: None,
    progress: bool = True,
) -> TrainResult:
    """Train in a run folder, or go on with the run that is there.

    Args:
        out: the run folder.
        samples: the training data, at the network's size.
        shown: at least 2 images whose reconstructions, swaps and samples are drawn at every tick.
        resume: go on with the run in `out`. Only `steps`, `decay_from`, `tick` and `graph` may differ from its config.
        hours: stop (with everything saved) after so many hours.
        accelerator: processes, device and number format; default: as the launcher set them up.
        should_stop: asked after every step.
        on_step: called with the step's number and losses.
        on_tick: called with each line of `stats.jsonl`, in the main process.

    Raises:
        TrainingError: the folder holds another run or cannot be written, a loss is not finite, or a checkpoint is
            damaged.
    """
    folder, accelerator = RunFolder(Path(out)), accelerator or accelerator_for(config)
    with accelerator.main_process_first():
        if accelerator.is_main_process:
            folder.open(config, resume)
    trainer = Trainer(config, samples, accelerator)
    saved = folder.checkpoints()
    if saved:
        trainer.load(saved[0])
    if accelerator.is_main_process:
        folder.forget_after(trainer.steps_done)
        folder.write("environment.txt", "".join(f"{k} {v}\n" for k, v in _versions(trainer).items()))
    started, sums, count = time.monotonic(), dict[str, float](), 0

    def tick() -> None:
        nonlocal sums, count
        seconds = round(time.monotonic() - started, 1)
        line = {"step": trainer.steps_done, "seconds": seconds, **{k: round(v / count, 5) for k, v in sums.items()}}
        folder.record(trainer, shown, line)
        sums, count = {}, 0
        if accelerator.is_main_process:
            on_tick(line)

    hidden = not progress or not accelerator.is_main_process
    bar = tqdm(total=config.steps, initial=trainer.steps_done, disable=hidden, unit="step", dynamic_ncols=True)
    with bar, _stop_on_signal() as asked:
        while trainer.steps_done < config.steps:
            losses = trainer.step()
            sums = {k: sums.get(k, 0.0) + v for k, v in losses.items()}
            count += 1
            bar.update()
            bar.set_postfix({k[:4]: f"{v:.2f}" for k, v in losses.items()}, refresh=False)
            on_step(trainer.steps_done, losses)
            late = hours is not None and time.monotonic() - started > hours * 3600
            if _agreed(accelerator, asked.is_set() or late or should_stop()):
                break
            if trainer.steps_done % config.tick == 0 and trainer.steps_done < config.steps:
                tick()
        if count or not folder.model.exists():
            count = max(count, 1)
            tick()
    accelerator.wait_for_everyone()
    return TrainResult(trainer.steps_done, trainer.steps_done >= config.steps, folder.model)


def _agreed(accelerator: Accelerator, stop: bool) -> bool:
    """Whether any process wants to stop: they all stop after the same step."""
    if accelerator.num_processes == 1:
        return stop
    votes: torch.Tensor = accelerator.reduce(torch.tensor(float(stop), device=accelerator.device))
    return bool(votes > 0)


def _versions(trainer: Trainer) -> dict[str, Any]:
    device = trainer.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": f"{device.type}, {name}",
        "processes": trainer.accelerator.num_processes,
    }


@contextmanager
def _stop_on_signal() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM ask for a stop after the current step; a second Ctrl-C stops at once."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, _: Any) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
