"""A small live run: a `Trainer` in a thread of its own, which exists only while there is something to do."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Collection

import numpy as np
import torch
from torch import nn

from smis.config import TrainConfig
from smis.datasets.archive import Samples
from smis.sheets import colour_maps, to_uint8
from smis.training import PHASES, Trainer
from smis_widgets.base import Refused
from smis_widgets.training.folder import SHOWN, l1
from smis_widgets.training.state import Progress

LOOK = 0.25  # seconds between two looks at the fixed batch


class LiveRun:
    """Play, pause and single phases of one training run. All methods return at once, but `wait`, `restart`, `close`.

    Args:
        config: the run; small enough for this machine.
        samples: the training data, at the network's size.
        shown: the fixed batch whose reconstructions are shown; default: the first images of `samples`.

    Raises:
        ValueError: data that does not fit the network or the batch.
    """

    def __init__(self, config: TrainConfig, samples: Samples, shown: Samples | None = None) -> None:
        self.config, self.samples = config, samples
        self.shown = (samples if shown is None else shown).first(SHOWN)
        self.speed: float | None = None  # steps a second; None: as fast as it goes
        # Guards what both threads touch. `with self._change` would do the same, but not when the kernel is interrupted:
        # a Condition's own `with` is Python code, and an interrupt inside it leaves the lock held for ever.
        self._lock = threading.RLock()
        self._change = threading.Condition(self._lock)  # notified when something changes
        self._thread: threading.Thread | None = None
        self.trainer = Trainer(self.config, self.samples)
        self.playing = False
        self.error: Exception | None = None
        self._asked: deque[Collection[str]] = deque()  # phases of single steps
        self._working, self._stepping, self._version = False, False, 0  # a thread is there; a step is under way
        self._history: list[dict[str, float]] = []
        self._scores: list[tuple[int, float]] = []
        self._times: deque[float] = deque(maxlen=10)  # when the last steps ended
        self._last: Collection[str] = PHASES
        self._progress: tuple[int, Progress] | None = None
        self._look()

    @property
    def image_size(self) -> tuple[int, int]:
        """(H, W) of the pictures."""
        return self.config.model.image_size

    # --- what one can do -----------------------------------------------------------------------------------------
    def play(self) -> None:
        """Go on, step after step."""
        self._check()
        with self._lock:
            self._start()  # the thread waits for this lock
            self.playing = True

    def pause(self) -> None:
        """Stop after the step that is running now, if there is one; single steps that were asked for are dropped."""
        with self._lock:
            self.playing = False
            self._asked.clear()
            self._version += 1
            self._change.notify_all()

    def ask(self, phases: Collection[str], times: int = 1) -> None:
        """Single steps that update these networks only, one after the other. Playing ends."""
        self._check()
        with self._lock:
            self._start()
            self.playing = False
            self._asked.extend([phases] * times)
            self._change.notify_all()

    def set_rates(self, generator: float | None = None, discriminator: float | None = None) -> None:
        """Other learning rates from the next step on. Raises ConfigError for a rate that is not above zero."""
        changes = {"lr_generator": generator, "lr_discriminator": discriminator}
        config = self.trainer.config.replace(**{name: rate for name, rate in changes.items() if rate is not None})
        with self._lock:
            self.trainer.config = config
            self._version += 1

    def set_speed(self, speed: float | None) -> None:
        """At most so many steps a second; None: as fast as it goes."""
        if speed is not None and not speed > 0:
            raise ValueError(f"the speed is a number of steps a second above zero, or None, got {speed!r}")
        with self._lock:
            self.speed = speed
            self._version += 1
            self._change.notify_all()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is left to do; False when that took longer."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)
        return thread is None or not thread.is_alive()

    def restart(self) -> None:
        """Begin anew: the same seed, so the same run. Waits for the step that is running now."""
        self.close()
        self.__dict__.update(LiveRun(self.config, self.samples, self.shown).__dict__)  # all of it, or nothing

    def close(self) -> None:
        """Stop, and wait for the step that is running now: no thread is left."""
        self.pause()
        self.wait()

    def read(self) -> Progress:
        """The run as it is now; the very same object as long as nothing has changed."""
        with self._lock:
            if self._progress is None or self._progress[0] != self._version:
                config = self.trainer.config
                settings = {
                    "generator": config.lr_generator,
                    "discriminator": config.lr_discriminator,
                    "speed": self.speed,
                    "playing": self.playing,
                }
                progress = Progress(
                    config.steps,
                    self._history[-1]["step"] if self._history else 0,  # type: ignore[arg-type]
                    tuple(self._history),
                    tuple(self._scores),
                    self._pictures,
                    self._doing(),
                    self._working,
                    settings,
                )
                self._progress = self._version, progress
            return self._progress[1]

    # --- inside ----------------------------------------------------------------------------------------------------
    def _check(self) -> None:
        if self.error is not None:
            raise Refused("Training stopped at an error. Reset begins anew, with the rates of the start.")
        if self.trainer.steps_done >= self.config.steps:
            raise Refused(f"All {self.config.steps:,} steps are done. Reset begins anew; config.steps allows more.")

    def _doing(self) -> str:
        only = "" if len(self._last) == len(PHASES) else f", the last one of the {next(iter(self._last))} only"
        if self.error is not None:
            return "stopped by an error"
        if self._working and not self.playing and not self._asked:
            return "pausing after the step that is running now"
        if self._working:
            took = (self._times[-1] - self._times[0]) / (len(self._times) - 1) if len(self._times) > 1 else 0
            pace = f", {1 / took:.2g} steps a second" if took > 0 else ""
            left = len(self._asked) + self._stepping
            return ("playing" if self.playing else f"{left} single step{'s' if left > 1 else ''} to go") + pace
        if self.trainer.steps_done >= self.config.steps:
            return "finished"
        return "paused" + only if self._history else "not started"

    def _start(self) -> None:
        self._version += 1
        if not self._working:
            self._times.clear()
            thread = threading.Thread(target=self._work, name="smis-live-run", daemon=True)
            try:
                self._thread, self._working = thread, True
                thread.start()
            except BaseException:  # no thread to be had, or an interrupt right here
                if not thread.is_alive():
                    self._thread, self._working = None, False
                raise

    def _work(self) -> None:
        """The thread: steps as long as there are some to do, looks at the fixed batch now and then and at the end."""
        try:
            while (phases := self._next()) is not None:
                began = time.monotonic()
                losses = self.trainer.step(phases)
                with self._lock:
                    self._last, self._stepping = phases, False
                    self._times.append(time.monotonic())
                    self._history.append({"step": self.trainer.steps_done, **losses})
                    self._version += 1
                if time.monotonic() - self._looked > LOOK:
                    self._look()
                self._keep_pace(began)
        except Exception as error:
            with self._lock:
                self.error, self.playing, self._working, self._stepping = error, False, False, False
                self._asked.clear()
                self._version += 1

    def _next(self) -> Collection[str] | None:
        """The phases of the next step, or None: then the thread ends."""
        while True:
            with self._lock:
                if self.trainer.steps_done >= self.config.steps:
                    self.playing = False
                    self._asked.clear()
                if self._asked or self.playing:
                    self._stepping = True
                    return self._asked.popleft() if self._asked else PHASES
                if self._scores[-1][0] == self.trainer.steps_done:
                    self._working = False
                    self._version += 1
                    return None
            self._look()

    def _keep_pace(self, began: float) -> None:
        """While playing, wait until the next step is due; a change of speed, a pause or a single step ends it."""
        with self._lock:
            speed = self.speed
            if self.playing and speed is not None:
                left = began + 1 / speed - time.monotonic()
                self._change.wait_for(lambda: not self.playing or self.speed != speed, timeout=max(0.0, left))

    @torch.no_grad()
    def _look(self) -> None:
        """Reconstruct the fixed batch with the network as it is, with the batch's own statistics, as in training.

        Nothing of the network changes: no power iteration, and with momentum 0 running statistics stay.
        """
        model, device = self.trainer.model, self.trainer.device
        norms = {module: module.momentum for module in model.modules() if isinstance(module, nn.BatchNorm2d)}
        images, labels = (value.to(device) for value in self.shown.tensors())
        edges = None if self.shown.edges is None else torch.from_numpy(self.shown.edges).to(device)
        model.eval()
        for norm in norms:
            norm.train().momentum = 0.0
        try:
            mu, _ = model.encoder(images, labels)
            made = model.decoder(mu, labels, edges if self.config.model.instance_edges else None)
        finally:
            model.train()
            for norm, momentum in norms.items():
                norm.momentum = momentum
        rows = (self.shown.images, colour_maps(self.shown.labels, self.shown.label_set), to_uint8(made))
        pictures = np.stack(rows)
        with self._lock:
            self._pictures = pictures
            self._scores.append((self.trainer.steps_done, l1(pictures)))
            self._looked = time.monotonic()
            self._version += 1
