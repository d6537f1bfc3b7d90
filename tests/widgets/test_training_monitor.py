"""The training monitor: charts, a folder that grows, a live run, and what goes wrong on the way. No browser."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pytest
import torch
from PIL import Image

from smis.datasets.archive import write_archive
from smis.runs import train
from smis.sheets import grid
from smis.training import PHASES, Trainer, TrainingError
from smis_widgets import Refused, TrainingMonitor
from smis_widgets.training.charts import Chart, Curve, draw, running_mean
from smis_widgets.training.folder import WatchedRun, l1
from smis_widgets.training.live import LiveRun
from smis_widgets.training.state import MonitorState, Progress, charts, describe, render
from tests.unit.networks import blobs, smoke

LIGHT = {"steps": 1000, "weights.perceptual": 0.0}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def monitor() -> Iterator[TrainingMonitor]:
    made = TrainingMonitor.live(smoke(**LIGHT), blobs(8))
    yield made
    made.close()


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "smis-live-run"]


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def said(monitor: TrainingMonitor) -> str:
    return str(monitor.status.value)


# --- state and charts ----------------------------------------------------------------------------------------


def lines(count: int = 5) -> tuple[dict[str, float], ...]:
    return tuple(
        {"step": k + 1, "seconds": 1.0, "gan": -0.5, "kl": 10.0 - k, "discriminator": 2.0} for k in range(count)
    )


def test_the_words_name_step_losses_and_score() -> None:
    progress = Progress(100, 5, lines(), ((0, 0.8), (3, 0.3), (5, 0.4)), None, "playing", True)
    assert describe(progress) == [
        "Step 5 of 100: playing.",
        "Losses: gan -0.5, kl 6, discriminator 2.",
        "L1 of the fixed batch: 0.400; first 0.800, best 0.300 (images from -1 to 1).",
    ]


def test_each_loss_is_in_one_chart_and_seconds_in_none() -> None:
    game, rest, score = charts(MonitorState(Progress(100, 5, lines(), ((0, 0.8), (5, 0.4)))))
    assert [curve.name for curve in game.curves] == ["discriminator", "gan"]
    assert [curve.name for curve in rest.curves] == ["kl"]
    np.testing.assert_array_equal(rest.curves[0].y, [10, 9, 8, 7, 6])
    np.testing.assert_array_equal(score.curves[0].x, [0, 5])


def curve(y: list[float]) -> Curve:
    return Curve("c", np.arange(len(y), dtype=float), np.array(y), (200, 0, 0))


@pytest.mark.parametrize("y", [[0.013, 7.2], [-3.0, 40.0], [5.0], [5.0, 5.0], [0.0], [1e-7, 2e-7], [-0.4, -0.3]])
@pytest.mark.parametrize("log", [False, True])
def test_ticks_hold_all_values_and_are_few_and_even(y: list[float], log: bool) -> None:
    chart = Chart("", (curve(y),), log=log)
    ticks, values = chart.ticks(), chart.values()
    assert 2 <= len(ticks) <= 8
    if len(values):
        assert ticks[0] <= values.min() * (1 + 1e-9) or ticks[0] <= values.min()
        assert values.max() <= ticks[-1] * (1 + 1e-9) or values.max() <= ticks[-1]
    distances = np.diff(np.log(ticks) if log else ticks)
    np.testing.assert_allclose(distances, distances[0], rtol=1e-6)


def test_a_chart_draws_what_it_is_given_also_what_is_not_a_number() -> None:
    red = lambda image: (image[..., 0] > 150) & (image[..., 1] < 60) & (image[..., 3] > 200)  # noqa: E731
    empty = Chart("", ())
    up, down = (draw((Chart("", (curve(y),)), empty, empty), last=3) for y in ([0, 1, 2, 3.0], [3, 2, 1, 0.0]))
    left, right = slice(100, 200), slice(500, 600)
    rows = lambda image, part: np.flatnonzero(red(image[:260, part]).any(1)).mean()  # noqa: E731
    assert rows(up, left) > rows(up, right) + 20  # a picture's rows count downwards
    assert rows(down, left) < rows(down, right) - 20
    for log in (False, True):
        gaps = Chart("", (curve([1.0, float("nan"), -2.0, 0.0, float("inf"), 3.0]),), log=log)
        assert draw((gaps, gaps, gaps), last=5).shape == draw((empty, empty, empty), last=5).shape
    assert running_mean(np.array([4.0, 0.0, 2.0]), 2).tolist() == [4.0, 2.0, 1.0]


def test_render_is_pure_and_the_scale_shows() -> None:
    state = MonitorState(Progress(100, 5, lines(), ((0, 0.8),), np.zeros((3, 2, 4, 6, 3), np.uint8)))
    a, b = render(state), render(state)
    np.testing.assert_array_equal(a.stats["charts"], b.stats["charts"])
    assert a.image is not None
    assert a.image.shape == (12, 12, 3)
    assert (render(state.scaled(True)).stats["charts"] != a.stats["charts"]).any()
    assert not state.scaled(True).reset().log


# --- a run folder --------------------------------------------------------------------------------------------


def test_a_folder_is_watched_from_before_the_run_to_its_end(tmp_path: Path) -> None:
    out = tmp_path / "run"
    monitor = TrainingMonitor(out)
    assert repr(monitor) == "TrainingMonitor(run folder 'run')"
    assert f"waiting for a run in {out}" in said(monitor)
    go, seen = threading.Semaphore(0), []

    def wait(_: object) -> None:
        seen.append(1)
        assert go.acquire(timeout=60)

    worker = threading.Thread(
        target=train,
        args=(smoke(**{**LIGHT, "steps": 6, "tick": 3}), out, blobs(8), blobs(6, seed=9)),
        kwargs={"progress": False, "on_tick": wait},
    )
    worker.start()
    try:
        until(lambda: len(seen) == 1)
        monitor.refresh()
        assert "Step 3 of 6: last written at" in said(monitor)
        progress = monitor.state.progress
        assert [line["step"] for line in progress.history] == [3]
        assert progress.pictures is not None
        np.testing.assert_array_equal(progress.pictures[0], blobs(6, seed=9).images[:5])  # the sheet's first row
        assert [step for step, _ in progress.scores] == [3]
        assert monitor.source.read() is progress  # nothing new: nothing is read
    finally:
        go.release(2)
        worker.join()
    monitor._drawn = 0.0
    monitor.tick()
    assert "Step 6 of 6: finished" in said(monitor)
    assert [step for step, _ in monitor.state.progress.scores] == [3, 6]
    assert monitor.snapshot().width >= 900
    assert list(out.rglob("*.part")) == []
    monitor.close()


@pytest.mark.slow
def test_a_run_of_another_process_is_watched_while_it_trains(tmp_path: Path) -> None:
    samples, data, out = blobs(8), tmp_path / "blobs.zip", tmp_path / "run"
    write_archive(data, samples.label_set, zip(samples.images, samples.labels), {"origin": "test"})
    command = [sys.executable, "-m", "smis.cli", "train", "smoke", "--cpu", "--out", str(out), "--data", str(data)]
    command += ["--set", "steps=4", "tick=1", "weights.perceptual=0"]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    monitor, heard = TrainingMonitor(out), []
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=env)
    try:
        while not (ended := process.poll() is not None) or "finished" not in said(monitor):
            assert not (ended and process.returncode), "the run failed"
            monitor._drawn = 0.0
            monitor.tick()
            assert "smis-error" not in said(monitor)
            heard.append(monitor.state.progress.step)
            time.sleep(0.05)
    finally:
        process.kill()
        process.wait()
    assert heard == sorted(heard)
    assert len(set(heard)) >= 4, "the ticks were not seen one after the other"
    monitor.close()


def folder(path: Path, stats: str = "") -> Path:
    (path / "samples").mkdir(parents=True)
    (path / "config.json").write_text(json.dumps(smoke().to_dict()))
    (path / "stats.jsonl").write_text(stats)
    return path


def test_a_last_line_that_is_still_being_written_is_left_out(tmp_path: Path) -> None:
    whole = json.dumps({"step": 10, "gan": 1.0}) + "\n"
    out = folder(tmp_path / "run", whole + '{"step": 20, "ga')
    watched = WatchedRun(out)
    assert [line["step"] for line in watched.read().history] == [10]
    (out / "stats.jsonl").write_text(whole + whole.replace("10", "20"))
    assert [line["step"] for line in watched.read().history] == [10, 20]


def test_the_score_is_worked_out_from_the_sheet(tmp_path: Path) -> None:
    out = folder(tmp_path / "run")
    rng = np.random.default_rng(0)
    real, maps, fake, more = (rng.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8) for _ in range(4))
    grid([real, maps, fake, more]).save(out / "samples" / "step-000010.png")
    progress = WatchedRun(out).read()
    assert progress.pictures is not None
    np.testing.assert_array_equal(progress.pictures, np.stack([real, maps, fake]))
    expected = np.abs(real.astype(float) - fake).mean() / 127.5
    assert progress.scores == ((10, pytest.approx(expected, rel=1e-5)),)
    assert l1(np.stack([real, maps, real])) == 0


def test_a_new_run_in_the_same_folder_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    out = folder(tmp_path / "run", json.dumps({"step": 10, "gan": 1.0}) + "\n")
    rng = np.random.default_rng(0)
    old, new = (rng.integers(0, 256, (3, 3, 64, 64, 3), dtype=np.uint8) for _ in range(2))
    sheets = [out / "samples" / f"step-0000{step}.png" for step in (10, 20)]
    for number, sheet in enumerate(sheets):
        grid(list(old)).save(sheet)
        os.utime(sheet, (1000 + number, 1000 + number))
    run = WatchedRun(out)
    assert [score for _, score in run.read().scores] == [pytest.approx(l1(old))] * 2
    grid(list(new)).save(sheets[0])  # a run that began anew has written its first sheet
    sheets[1].unlink()
    progress = run.read()
    assert progress.scores == ((10, pytest.approx(l1(new))),)
    assert progress.pictures is not None
    np.testing.assert_array_equal(progress.pictures, new)


def test_what_cannot_be_read_is_said_and_the_last_good_picture_stays(tmp_path: Path) -> None:
    out = folder(tmp_path / "run", json.dumps({"step": 10, "gan": 1.0}) + "\n")
    monitor = TrainingMonitor(out)
    before, drawn = monitor.state, monitor.view.charts.image.copy()
    (out / "config.json").write_text("{")
    (out / "stats.jsonl").write_text("")
    monitor._drawn = 0.0
    monitor.tick()
    assert "not the config of a run" in said(monitor)
    assert "smis train --out FOLDER" in said(monitor)
    assert monitor.state is before
    np.testing.assert_array_equal(monitor.view.charts.image, drawn)
    Image.new("RGB", (10, 10)).save(out / "samples" / "step-000010.png")
    (out / "config.json").write_text(json.dumps(smoke().to_dict()))
    monitor.refresh()
    assert "too small for three rows" in said(monitor)
    monitor.close()


def test_a_watching_monitor_cannot_train(tmp_path: Path) -> None:
    monitor = TrainingMonitor(folder(tmp_path / "run"))
    with pytest.raises(Refused, match=r"TrainingMonitor\.live"):
        monitor.step("both")
    monitor.pause()
    assert not monitor.view.clock.playing
    assert not monitor.view.playing.value
    monitor.view.playing.value = True
    assert monitor.view.clock.playing
    monitor.reset()
    monitor.close()


# --- a live run ----------------------------------------------------------------------------------------------


def test_a_live_run_gives_the_trainers_own_numbers(monitor: TrainingMonitor) -> None:
    """The thread, the looks at the fixed batch and the changed speed must not change a bit of the training."""
    monitor.step("both", 2)
    monitor.speed(50)
    monitor.step("discriminator")
    monitor.step("generator", 2)
    plain = Trainer(smoke(**LIGHT), blobs(8))
    expected = [plain.step(phases) for phases in (PHASES, PHASES, ("discriminator",), ("generator",), ("generator",))]
    history = monitor.state.progress.history
    assert [{k: v for k, v in line.items() if k != "step"} for line in history] == expected
    state, other = monitor.run.trainer.model.state_dict(), plain.model.state_dict()  # type: ignore[union-attr]
    assert all(torch.equal(state[name], other[name]) for name in other if "num_batches" not in name)


def test_the_discriminators_step_leaves_the_pictures_as_they_are(monitor: TrainingMonitor) -> None:
    monitor.step("both", 3)
    before = monitor.state.progress
    monitor.step("discriminator", 2)
    after = monitor.state.progress
    assert before.pictures is not None
    np.testing.assert_array_equal(before.pictures, after.pictures)
    assert after.scores[-1] == (5, before.scores[-1][1])
    assert "the last one of the discriminator only" in said(monitor)
    monitor.step("generator")
    assert (monitor.state.progress.pictures != before.pictures).any()


def test_play_pause_and_no_thread_while_paused(monitor: TrainingMonitor) -> None:
    run = monitor.run
    assert run is not None
    assert threads() == []
    monitor.view.playing.value = True
    until(lambda: run.read().step >= 2)
    assert threads() == ["smis-live-run"]
    assert monitor.view.clock.playing
    begin = time.monotonic()
    monitor.view.playing.value = False
    assert "pausing after the step" in said(monitor) or "paused" in said(monitor)
    assert time.monotonic() - begin < 1
    assert run.wait(10)
    assert threads() == []
    monitor.refresh()
    step = monitor.state.progress.step
    assert "paused" in said(monitor)
    assert not monitor.view.clock.playing
    assert monitor.view.playing.description == "Play"
    assert monitor.state.progress.scores[-1][0] == step  # the pictures are those of the last step
    time.sleep(0.3)
    assert run.read().step == step


def test_single_steps_to_go_are_counted_before_the_first_begins(monitor: TrainingMonitor) -> None:
    run = monitor.run
    assert run is not None
    run._start = lambda: setattr(run, "_working", True)  # type: ignore[method-assign]  # the thread is a little late
    run.ask(PHASES, 10)
    run._version += 1
    assert run.read().doing == "10 single steps to go"
    run._working = False


def test_slow_play_stops_at_once(monitor: TrainingMonitor) -> None:
    run = monitor.run
    assert run is not None
    monitor.speed(0.05)  # a step in 20 seconds
    monitor.play()
    until(lambda: run.read().step == 1)
    time.sleep(0.3)
    assert run.read().step == 1
    begin = time.monotonic()
    monitor.pause()
    assert run.wait(1)
    assert time.monotonic() - begin < 1


def test_an_interrupt_at_any_moment_leaves_the_lock_free() -> None:
    """Real signals, as the kernel's stop button sends them, while the main thread takes and frees the lock."""
    run, dice, landed = LiveRun(smoke(**LIGHT), blobs(8)), random.Random(0), 0
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for _ in range(300):
            try:
                signal.setitimer(signal.ITIMER_REAL, dice.uniform(5e-6, 1e-4))
                for _ in range(200):
                    run.pause()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except KeyboardInterrupt:
                landed += 1
            free = threading.Thread(target=run.pause, daemon=True)
            free.start()
            free.join(10)
            assert not free.is_alive(), f"the lock is held after interrupt {landed}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert landed > 100
    run.close()


def test_a_new_speed_ends_the_wait(monitor: TrainingMonitor) -> None:
    run = monitor.run
    assert run is not None
    monitor.speed(0.01)
    monitor.play()
    until(lambda: run.read().step == 1)
    time.sleep(0.5)  # now it waits
    monitor.speed(None)
    until(lambda: run.read().step >= 3, 30)


def test_rates_reach_the_optimisers_and_reset_begins_the_same_run_anew(monitor: TrainingMonitor) -> None:
    run = monitor.run
    assert run is not None
    monitor.step("both", 2)
    first = monitor.state.progress.history
    monitor.rates(discriminator=1e-2)
    monitor.view.rates[0].value = 1e-2
    monitor.step()
    for optimiser in (run.trainer.opt_g, run.trainer.opt_d):
        assert optimiser.param_groups[0]["lr"] == 1e-2
    monitor.view.rates[0].value = 1.05e-2  # rounding of the browser's slider
    assert run.trainer.config.lr_generator == 1e-2
    monitor.scale(True)
    monitor.reset()
    assert monitor.state.progress.step == 0
    assert not monitor.state.log
    assert monitor.view.rates[0].value == pytest.approx(smoke().lr_generator)
    monitor.step("both", 2)
    assert monitor.state.progress.history == first


def test_all_steps_done(monitor: TrainingMonitor) -> None:
    short = TrainingMonitor.live(smoke(**{**LIGHT, "steps": 2}), blobs(8))
    short.step("both", 5)
    assert "Step 2 of 2: finished" in said(short)
    with pytest.raises(Refused, match="All 2 steps are done"):
        short.play()
    short.view.playing.value = True
    assert "All 2 steps are done" in said(short)
    assert not short.view.playing.value
    short.close()


def test_an_error_in_the_thread_reaches_the_status_line(
    monitor: TrainingMonitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = monitor.run
    assert run is not None
    monitor.step()
    drawn = monitor.view.pictures.image.copy()

    def fail(_: object) -> None:
        raise TrainingError("a loss is not finite. Lower <lr_generator>")

    monkeypatch.setattr(run.trainer, "step", fail)
    monitor.play()
    run.wait()
    monitor._drawn = 0.0
    monitor.tick()
    assert "Training stopped: TrainingError: a loss is not finite. Lower &lt;lr_generator&gt;" in said(monitor)
    assert "Reset begins anew" in said(monitor)
    assert not monitor.view.clock.playing
    assert threads() == []
    np.testing.assert_array_equal(monitor.view.pictures.image, drawn)
    monitor.view.playing.value = True
    assert "stopped at an error" in said(monitor)
    monitor.reset()
    assert "not started" in said(monitor)
    assert "Training stopped" not in said(monitor)


@pytest.mark.parametrize("place", ["read", "restart", "ask", "set_rates", "set_speed", "play"])
def test_an_error_in_a_callback_reaches_the_status_line(
    monitor: TrainingMonitor, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"broken <{place}>")

    monkeypatch.setattr(monitor.run, place, fail)
    view = monitor.view
    monitor._drawn = 0.0
    deeds: dict[str, Callable[[], object]] = {
        "read": lambda: setattr(view.clock, "value", 1),
        "restart": lambda: button(monitor, "Reset").click(),
        "ask": lambda: button(monitor, "Both").click(),
        "set_rates": lambda: setattr(view.rates[1], "value", 0.05),
        "set_speed": lambda: setattr(view.speed, "value", 1.0),
        "play": lambda: setattr(view.playing, "value", True),
    }
    deeds[place]()
    assert f"RuntimeError: broken &lt;{place}&gt;" in said(monitor)
    assert not view.playing.value


def button(monitor: TrainingMonitor, word: str) -> widgets.Button:
    found: list[widgets.Button] = []

    def look(box: widgets.Widget) -> None:
        found.extend([box] if isinstance(box, widgets.Button) and box.description == word else [])
        for child in getattr(box, "children", ()):
            look(child)

    look(monitor)
    assert len(found) == 1
    return found[0]


def test_the_buttons_step(monitor: TrainingMonitor) -> None:
    run = monitor.run
    assert run is not None
    monitor.view.times.value = 10
    button(monitor, "Discriminator").click()
    run.wait()
    monitor.refresh()
    assert monitor.state.progress.step == 10
    with pytest.raises(Refused, match="There is no phase 'encoder'"):
        monitor.step("encoder")


def test_at_most_five_drawings_a_second(monitor: TrainingMonitor, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[float] = []
    monkeypatch.setattr(monitor.run, "read", lambda: replace(monitor.state.progress))  # there is always something new
    monkeypatch.setattr(monitor.view.charts, "show", lambda _: drawn.append(time.monotonic()))
    monkeypatch.setattr("smis_widgets.training.monitor.render", lambda _: monitor.frame)  # and drawing takes no time
    begin = time.monotonic()
    while time.monotonic() - begin < 2:
        monitor.tick()
        time.sleep(0.002)
    assert 2 <= len(drawn) <= 10
    assert min(np.diff(drawn)) >= 0.19


def test_close_while_it_trains_leaves_no_thread_and_no_widget() -> None:
    known = set(widgets.widget._instances)
    monitor = TrainingMonitor.live(smoke(**LIGHT), blobs(8))
    run = monitor.run
    assert run is not None
    monitor.play()
    until(lambda: run.read().step >= 1)
    monitor.close()
    assert threads() == []
    monitor.close()
    left = [w for key, w in widgets.widget._instances.items() if key not in known]
    assert [type(w).__name__ for w in left] == []
    for deed in (
        monitor.refresh,
        monitor.play,
        monitor.pause,
        monitor.reset,
        monitor.step,
        lambda: monitor.rates(1e-3),
    ):
        with pytest.raises(RuntimeError, match="is closed"):
            deed()
    assert threads() == []


def test_what_a_reader_sees(monitor: TrainingMonitor) -> None:
    assert repr(monitor) == "TrainingMonitor(live run, people, 64 x 64, 8 images)"
    plain = monitor.snapshot()
    assert plain.mode == "RGB"
    assert plain.width >= 900
    assert monitor.snapshot(2).size == (2 * plain.width, 2 * plain.height)
    with pytest.raises(ValueError, match="fewer than one batch"):
        LiveRun(smoke(), blobs(2))


def test_a_page_that_comes_back_starts_its_timer(monitor: TrainingMonitor) -> None:
    heard: list[bool] = []
    monitor.view.clock.playing = True
    monitor.view.clock.observe(lambda change: heard.append(change.new), "playing")
    monitor.view.pictures.widget._handle_frontend_event(None, {"event": "client_ready"}, [])
    assert heard == [False, True]


def test_the_other_widgets_need_nothing_that_training_needs() -> None:
    code = "import sys; sys.modules['accelerate'] = None; import smis_widgets; print(smis_widgets.Mixer.__name__); "
    code += "smis_widgets.TrainingMonitor"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "Mixer"
    assert "pip install 'smis[train,widgets]'" in done.stderr.splitlines()[-1]
