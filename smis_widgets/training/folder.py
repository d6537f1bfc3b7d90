"""Watching a run folder that another thread or process writes, or has written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from smis.config import TrainConfig
from smis.outside import PictureError, open_picture, read_json
from smis.runs import RunFolder
from smis_widgets.training.state import Progress

SHOWN = 5  # images of the fixed batch
GAP = 2  # white pixels between the pictures of a sheet


class WatchedRun:
    """Reads what is new in a run folder. Nothing is written, and no file stays open.

    The folder need not exist yet: then `read` says what it waits for.
    """

    def __init__(self, path: Path) -> None:
        self.folder = RunFolder(path)
        self.config: TrainConfig | None = None
        self._seen: tuple[object, ...] = ()
        self._scores: dict[tuple[str, int], float] = {}  # of each sheet, by its name and when it was written
        self._pictures: tuple[tuple[str, int], np.ndarray] | None = None  # the newest sheet
        self._progress = Progress()

    @property
    def image_size(self) -> tuple[int, int]:
        """(H, W) of the run's pictures; square while there is no run yet."""
        return (64, 64) if self.config is None else self.config.model.image_size

    def read(self) -> Progress:
        """The run as it is now; the very same object as long as nothing has changed.

        Raises ValueError when `config.json` or a sheet cannot be read.
        """
        path = self.folder.path
        if not (path / "config.json").is_file():
            return self._once(("none",), Progress(doing=f"waiting for a run in {path}", moving=True))
        stats = path / "stats.jsonl"
        sheets = dict(self._sheets())
        stamp = (stats.stat().st_mtime_ns, stats.stat().st_size) if stats.is_file() else ()
        seen = (stamp, tuple(sheets))
        if seen == self._seen:
            return self._progress
        self.config = self._read_config(path / "config.json")
        history = tuple(self.folder.stats())  # a last line that is still being written is left out
        step = int(history[-1]["step"]) if history else 0
        finished = step >= self.config.steps
        if finished:
            doing = "finished"
        elif stamp:
            written = time.strftime("%H:%M:%S", time.localtime(stats.stat().st_mtime))
            doing = f"last written at {written}, the next line comes after {self.config.tick:,} steps"
        else:
            doing = f"started; the first line comes after {self.config.tick:,} steps"
        newest = list(sheets)[-1:]
        for key, sheet in sheets.items():
            if key not in self._scores or (key in newest and (self._pictures is None or self._pictures[0] != key)):
                self._pictures = key, self._read_sheet(sheet)
                self._scores[key] = l1(self._pictures[1])
        progress = Progress(
            self.config.steps,
            step,
            history,
            tuple((int(name[5:-4]), self._scores[name, written]) for name, written in sheets),
            self._pictures[1][:, :SHOWN] if newest and self._pictures is not None else None,
            doing,
            moving=not finished,
        )
        return self._once(seen, progress)

    def close(self) -> None:
        """Nothing to let go of."""

    def _sheets(self) -> Iterator[tuple[tuple[str, int], Path]]:
        """Each sheet by its name and when it was written. What has another name than training gives is left out."""
        for sheet in sorted((self.folder.path / "samples").glob("step-*.png")):
            try:
                int(sheet.name[5:-4])
                yield (sheet.name, sheet.stat().st_mtime_ns), sheet
            except (ValueError, FileNotFoundError):  # removed at this very moment
                continue

    def _once(self, seen: tuple[object, ...], progress: Progress) -> Progress:
        if seen != self._seen:
            self._seen, self._progress = seen, progress
        return self._progress

    def _read_config(self, path: Path) -> TrainConfig:
        try:
            return TrainConfig.from_dict(read_json(path))
        except ValueError as error:
            raise ValueError(
                f"{path} is not the config of a run that this version can read: {error}. "
                "Choose the folder that `smis train --out FOLDER` has made"
            ) from error

    def _read_sheet(self, sheet: Path) -> np.ndarray:
        """The first three rows of a sheet, uint8 (3, N, H, W, 3): images, label maps, reconstructions."""
        height, width = self.image_size
        try:
            pixels = np.array(open_picture(sheet).convert("RGB"))
        except PictureError as error:
            raise ValueError(
                f"{sheet} is no sheet of samples: {error}. Remove it, or watch the folder of one run only"
            ) from error
        count = pixels.shape[1] // (width + GAP)
        if count < 1 or pixels.shape[0] < 3 * (height + GAP):
            raise ValueError(
                f"{sheet} is {pixels.shape[1]} x {pixels.shape[0]} pixels, too small for three rows of {width} x "
                f"{height}: it is not this run's. Remove it, or watch the folder of one run only"
            )
        rows = pixels[: 3 * (height + GAP), : count * (width + GAP)]
        cells = rows.reshape(3, height + GAP, count, width + GAP, 3).transpose(0, 2, 1, 3, 4)
        return cells[:, :, :height, :width]


def l1(pictures: np.ndarray) -> float:
    """Mean |reconstruction - image| of uint8 (3, N, H, W, 3), with images scaled to [-1, 1]."""
    real, _, fake = pictures.astype(np.float32)
    return float(np.abs(fake - real).mean() / 127.5)
