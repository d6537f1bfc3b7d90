"""A training run in its folder: start it, stop it, go on with it."""

from __future__ import annotations

import os
import platform
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from tqdm import tqdm

from smis.advice import advice_on_company, advice_on_memory
from smis.config import TrainConfig
from smis.datasets.archive import Samples
from smis.run_folder import MAY_CHANGE, RunFolder
from smis.training import Losses, Trainer, accelerator_for

__all__ = ["MAY_CHANGE", "RunFolder", "TrainResult", "train"]


@dataclass(frozen=True)
class TrainResult:
    """Where a run stands: steps done, whether that is all of them, and the averaged network's file."""

    step: int
    finished: bool
    model: Path


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
        resume: go on with the run in `out`. Only what `MAY_CHANGE` names may differ from its config.
        hours: stop (with everything saved) after so many hours.
        accelerator: processes, device and number format; default: as the launcher set them up.
        should_stop: asked after every step.
        on_step: called with the step's number and losses.
        on_tick: called with each line of `stats.jsonl`, in the main process.

    Raises:
        TrainingError: the folder holds another run, is in use or cannot be written; a loss or a weight is not finite;
            the memory is full; or no checkpoint is whole.
    """
    folder, accelerator = RunFolder(Path(out)), accelerator or accelerator_for(config)
    main, versions = accelerator.is_main_process, _versions(accelerator)
    held = folder.held(resume) if main else nullcontext()
    with advice_on_memory(config), advice_on_company(accelerator.num_processes), held:
        with accelerator.main_process_first():
            if main:
                folder.open(config, resume)
                with folder.writing():
                    folder.write("environment.txt", "".join(f"{k} {v}\n" for k, v in (versions | _holder()).items()))
        trainer = Trainer(config, samples, accelerator)
        folder.restore(trainer)
        if main:
            folder.forget_after(trainer.steps_done)
        before = folder.stats()
        earlier = before[-1].get("seconds", 0.0) if before else 0.0
        started, sums, count = time.monotonic(), dict[str, float](), 0

        def tick() -> None:
            nonlocal sums, count
            seconds = round(earlier + time.monotonic() - started, 1)
            line = {"step": trainer.steps_done, "seconds": seconds, **{k: round(v / count, 5) for k, v in sums.items()}}
            folder.record(trainer, shown, line, versions)
            sums, count = {}, 0
            if main:
                on_tick(line)

        bar = tqdm(
            total=config.steps,
            initial=trainer.steps_done,
            disable=not (progress and main),
            unit="step",
            dynamic_ncols=True,
        )
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
            if count:
                tick()
            elif not folder.model.exists():  # finished before, and its network was removed since
                folder.record(trainer, shown, None, versions)
        accelerator.wait_for_everyone()
    return TrainResult(trainer.steps_done, trainer.steps_done >= config.steps, folder.model)


def _agreed(accelerator: Accelerator, stop: bool) -> bool:
    """Whether any process wants to stop: they all stop after the same step."""
    if accelerator.num_processes == 1:
        return stop
    votes: torch.Tensor = accelerator.reduce(torch.tensor(float(stop), device=accelerator.device))
    return bool(votes > 0)


def _versions(accelerator: Accelerator) -> dict[str, Any]:
    device = accelerator.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "device": f"{device.type}, {name}",
        "processes": accelerator.num_processes,
    }


def _holder() -> dict[str, str]:
    """Who trains here: for whoever finds the folder in use."""
    return {"process": f"{os.getpid()} on {socket.gethostname()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}"}


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
