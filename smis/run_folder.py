"""The folder of a training run: everything that happened, in files that appear whole or not at all.

config.json        the run's TrainConfig
environment.txt    versions, device, processes; which process trains here, since when
stats.jsonl        one line a tick: step, seconds of training so far, mean losses
samples/           the same images at every tick
checkpoints/       the last two states, for --resume
model.safetensors  the averaged network
run.lock           there while a process trains
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from smis.advice import TrainingError
from smis.config import TrainConfig
from smis.datasets.archive import Samples
from smis.files import whole_file
from smis.outside import parse_json, read_json, shortened
from smis.sheets import training_sheet
from smis.training import Trainer

__all__ = ["MAY_CHANGE", "RunFolder"]

# On resume: the length, the grain, and what helps a run that ran out of memory or into values that are not finite.
MAY_CHANGE = (
    "steps",
    "decay_from",
    "tick",
    "graph",
    "lr_generator",
    "lr_discriminator",
    "clip",
    "precision",
    "accumulate",
)
KEPT = 2  # checkpoints
OURS = ("config.json", "environment.txt", "stats.jsonl", "model.safetensors", "samples/step-*", "checkpoints/step-*")


@dataclass(frozen=True)
class RunFolder:
    """The files of a run."""

    path: Path

    @property
    def model(self) -> Path:
        return self.path / "model.safetensors"

    @property
    def described(self) -> Path:
        return self.path / "config.json"

    def checkpoints(self) -> list[Path]:
        """The saved states, newest first."""
        saved = [path for path in (self.path / "checkpoints").glob("step-*.pt") if step_of(path) >= 0]
        return sorted(saved, key=step_of, reverse=True)

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
            if not all(isinstance(v, float) or (isinstance(v, int) and abs(v) < 2**63) for v in entry.values()):
                break
            read.append(entry)
        return read

    # -- who may write ------------------------------------------------------------------------------------------------

    @contextmanager
    def held(self, resume: bool) -> Iterator[None]:
        """One process at a time trains in a folder; one that was killed holds nothing. Raises `TrainingError`."""
        if resume and not self.described.exists():
            raise TrainingError(f"{self.path} holds no run to resume: start one without --resume")
        lock = FileLock(self.path / "run.lock", timeout=0)
        with self.writing():
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                lock.acquire()
            except Timeout:
                raise TrainingError(
                    f"{self.path} is in use: {self._holder()} trains in it. Wait for its end, or stop it (Ctrl-C there "
                    "or SIGTERM: it saves first) and go on with --resume; or choose another folder by --out"
                ) from None
        try:
            yield
        finally:
            with suppress(OSError):  # the folder may be gone
                Path(lock.lock_file).unlink()
            lock.release()

    def _holder(self) -> str:
        with suppress(OSError):
            for line in (self.path / "environment.txt").read_text(encoding="utf-8", errors="replace").splitlines():
                if line.startswith("process "):
                    return shortened(line)
        return "another process"

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A full disk or a folder that may not be written stops the run with advice."""
        try:
            yield
        except OSError as error:
            saved = self.checkpoints()
            if saved:
                state = f"The state of {saved[0].name} is whole: go on with --resume"
            elif self.path.exists():
                state = "Nothing was saved yet"
            else:
                state = "The folder is gone. If it was moved, go on where it is now: --out FOLDER --resume"
            raise TrainingError(f"cannot write the run's files in {self.path}: {error}. {state}") from error

    # -- start --------------------------------------------------------------------------------------------------------

    def open(self, config: TrainConfig, resume: bool) -> None:
        """Make the files of a run, or check that the folder holds this one and tidy up after a crash.

        Call it while the folder is `held`. Raises `TrainingError`.
        """
        if not resume and (self.described.exists() or self.checkpoints()):
            raise TrainingError(
                f"{self.path} already holds a run: go on with it by --resume, or choose another folder by --out"
            )
        if resume:
            self._check(config)
        with self.writing():
            for name in OURS:
                for debris in self.path.glob(f"{name}.*.part"):
                    debris.unlink()
            self._furnish(config)

    def _check(self, config: TrainConfig) -> None:
        try:
            before = read_json(self.described)
        except (ValueError, OSError) as error:
            raise TrainingError(f"{self.described} cannot be read ({error}): start anew in another folder") from error
        if not isinstance(before, dict):
            raise TrainingError(f"{self.described} holds no config ({shortened(before)}): start anew in another folder")
        now = json.loads(json.dumps(config.to_dict()))
        differ = [k for k in now if k not in MAY_CHANGE and before.get(k) != now[k]]
        if differ:
            raise TrainingError(
                f"{self.path} holds a run with another {', '.join(differ)}: "
                f"only {', '.join(MAY_CHANGE)} may change on resume"
            )

    def _furnish(self, config: TrainConfig) -> None:
        for folder in ("checkpoints", "samples"):
            (self.path / folder).mkdir(exist_ok=True)
        self.write("config.json", json.dumps(config.to_dict(), indent=1))

    def restore(self, trainer: Trainer) -> None:
        """Load the newest state that is whole, if there is any; say which ones are not. Raises `TrainingError`."""
        saved = self.checkpoints()
        for checkpoint, before in zip(saved, [*saved[1:], None]):
            try:
                return trainer.load(checkpoint)
            except TrainingError as error:
                if before is None:
                    raise TrainingError(
                        f"{error}. No state before it is left: remove {checkpoint.parent} to begin this run again"
                    ) from error
                warnings.warn(f"{error}. Going on from the state before it, {before.name}", stacklevel=2)

    def forget_after(self, step: int) -> None:
        """Drop what is newer than the state a run goes on from, but for states, and states that are too old."""
        with self.writing():
            kept = [json.dumps(line) + "\n" for line in self.stats() if line["step"] <= step]
            self.write("stats.jsonl", "".join(kept))
            for sheet in (self.path / "samples").glob("step-*.png"):
                if step_of(sheet) > step:
                    sheet.unlink()
            self._drop_old(step)

    # -- a tick -------------------------------------------------------------------------------------------------------

    def write(self, name: str, text: str) -> None:
        """One text file, whole or not at all."""
        with whole_file(self.path / name) as part:
            part.write_text(text, encoding="utf-8")

    def record(self, trainer: Trainer, shown: Samples, line: dict[str, Any] | None, provenance: dict[str, Any]) -> None:
        """One tick. The checkpoint comes last: what is newer than it is made again after a crash.

        Args:
            shown: images for the samples.
            line: of `stats.jsonl`; None adds none.
            provenance: what the network's file says of itself.

        Raises `TrainingError` when the files cannot be written, or the weights are not finite.
        """
        trainer.check_finite()
        model = trainer.evaluated_model()  # all processes take part
        if not trainer.accelerator.is_main_process:
            return
        sheet, step = training_sheet(model, shown), trainer.steps_done
        with self.writing():
            if not all((self.path / name).exists() for name in ("config.json", "checkpoints", "samples")):
                self._furnish(trainer.config)  # somebody removed some of it
            if line is not None:
                lines = [*(entry for entry in self.stats() if entry["step"] < step), line]
                self.write("stats.jsonl", "".join(json.dumps(entry) + "\n" for entry in lines))
            with whole_file(self.path / "samples" / f"step-{step:06d}.png") as part:
                sheet.save(part, "PNG")
            model.save(self.model, {"step": step, "config": trainer.config.to_dict(), **provenance})
            trainer.save(self.path / "checkpoints" / f"step-{step:06d}.pt")
            for newer in self.checkpoints():  # damaged ones, from which the run could not go on
                if step_of(newer) > step:
                    newer.unlink()
            self._drop_old(step)

    def _drop_old(self, step: int) -> None:
        for old in [saved for saved in self.checkpoints() if step_of(saved) <= step][KEPT:]:
            old.unlink()


def step_of(path: Path) -> int:
    """
    >>> step_of(Path("checkpoints/step-000200.pt")), step_of(Path("step-x.pt"))
    (200, -1)
    """
    digits = path.stem.removeprefix("step-")
    return int(digits) if digits.isdecimal() else -1
