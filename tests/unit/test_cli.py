"""The `smis` command: what it prints and writes, and how it refuses."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import smis.synth.people
from smis.cli import main
from smis.datasets.archive import write_archive
from smis.labels import PEOPLE, LabelSet
from smis.model import GroupDNet
from smis.presets import preset
from smis.synth.seeds import Seeds


def pixels(path: Path) -> np.ndarray:
    return np.array(Image.open(path))


def refuse(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that must fail with one line; returns that line."""
    assert main(words) == 1
    shown = capsys.readouterr()
    assert shown.err.startswith("smis: error: ")
    assert shown.err.count("\n") == 1
    assert "Traceback" not in shown.err
    return shown.err


# --- render -----------------------------------------------------------------------------------------------


def render(out: Path, *more: str) -> np.ndarray:
    assert main(["render", "people", "--seed", "8", "--size", "48", "--out", str(out), *more]) == 0
    return pixels(out)


def test_render_writes_the_person_and_the_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels = tmp_path / "new folder" / "labels.png"
    image = render(tmp_path / "person.png", "--labels", str(labels))
    assert image.shape == (48, 48, 3)
    colours = {tuple(colour) for colour in pixels(labels).reshape(-1, 3).tolist()}
    assert colours <= set(PEOPLE.palette)
    assert PEOPLE.palette[PEOPLE.index("top")] in colours
    assert "48 x 48 pixels; background" in capsys.readouterr().out
    assert np.array_equal(image, render(tmp_path / "again.png"))


def test_render_restyles_one_class_and_nothing_else(tmp_path: Path) -> None:
    before = render(tmp_path / "a.png", "--labels", str(tmp_path / "labels.png"))
    after = render(tmp_path / "b.png", "--restyle", "top=7", "--labels", str(tmp_path / "labels-b.png"))
    labels = pixels(tmp_path / "labels.png")
    assert np.array_equal(labels, pixels(tmp_path / "labels-b.png"))
    top = (labels == PEOPLE.palette[PEOPLE.index("top")]).all(-1)
    coverage = smis.synth.people.render_with_coverage(Seeds(8, (8,) * len(PEOPLE), 8), 48)[1]
    with_a_bit = coverage[PEOPLE.index("top")] > 0
    changed = (before != after).any(-1)
    assert changed[top].mean() > 0.9
    assert not changed[~with_a_bit].any()
    assert with_a_bit.mean() < 0.6


def test_render_takes_the_style_of_another_seed(tmp_path: Path) -> None:
    other = render(tmp_path / "a.png", "--restyle", "top=7", "hair=9", "--light", "5")
    both = render(tmp_path / "b.png", "--restyle", "top=7", "--restyle", "hair=9", "--light", "5")
    assert np.array_equal(other, both)
    assert not np.array_equal(other, render(tmp_path / "c.png", "--restyle", "top=7", "hair=9"))


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["--restyle", "trousers=7"], "its classes are: background, hair"),
        (["--size", "3"], "at least 16"),
        (["--labels", "{folder}/person.png"], "must be two files"),
        (["--labels", "{folder}/labels.jpg"], "must end in .png"),
    ],
)
def test_render_refuses(words: list[str], hint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [word.format(folder=tmp_path) for word in words]
    out = str(tmp_path / "person.png")
    assert hint in refuse(capsys, "render", "people", "--seed", "1", "--out", out, *words)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "person.png").mkdir()
    refuse(capsys, "render", "people", "--seed", "1", "--size", "16", "--out", str(tmp_path / "person.png"))
    assert [path.name for path in tmp_path.iterdir()] == ["person.png"]


def test_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(smis.synth.people, "render_with_coverage", stop)
    assert main(["render", "people", "--seed", "1", "--out", str(tmp_path / "a.png")]) == 130
    assert capsys.readouterr().err == "smis: stopped\n"


def test_debug_and_bugs_show_the_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match=r"must end in \.png"):
        main(["render", "people", "--seed", "1", "--out", str(tmp_path / "a.jpg"), "--debug"])

    def bug(*_: object, **__: object) -> None:
        raise AttributeError("a mistake of ours")

    monkeypatch.setattr(smis.synth.people, "render_with_coverage", bug)
    with pytest.raises(AttributeError):
        main(["render", "people", "--seed", "1", "--out", str(tmp_path / "a.png")])


def test_a_missing_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr(smis.synth.people, "render_with_coverage", missing)
    line = refuse(capsys, "render", "people", "--seed", "1", "--out", str(tmp_path / "a.png"))
    assert "pip install 'smis[synth]'" in line


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["no-such-command"],
        ["render", "people", "--seed", "-1", "--out", "a.png"],
        ["render", "people", "--seed", "1.5", "--out", "a.png"],
        ["render", "people", "--seed", "1"],
        ["render", "people", "--seed", "1", "--out", "a.png", "--restyle", "top"],
        ["train", "smoke", "--hours", "0"],
        ["train", "smoke", "--set", "steps"],
        ["evaluate", "net.safetensors", "--limit", "0"],
    ],
)
def test_a_wrong_command_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert "usage: smis" in capsys.readouterr().err


# --- info -------------------------------------------------------------------------------------------------


def test_info_prints_a_preset(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["info", "people-64"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "model.image_size = [64, 64]" in lines
    assert f"weights.kl = {preset('people-64').weights.kl}" in lines


def test_info_prints_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    GroupDNet(preset("smoke").model).save(tmp_path / "net.safetensors", {"steps": 12})
    assert main(["info", str(tmp_path / "net.safetensors")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "provenance.steps = 12" in lines
    assert "model.norm_hidden = [8, 8, 8, 8, 8]" in lines


def test_info_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there are people-64" in refuse(capsys, "info", "people-65")
    assert "there is no checkpoint" in refuse(capsys, "info", str(tmp_path / "no.safetensors"))
    text = tmp_path / "text.safetensors"
    text.write_text("not a checkpoint")
    assert str(text) in refuse(capsys, "info", str(text))


# --- train ------------------------------------------------------------------------------------------------

THIN = ["--set", "batch_size=2", "tick=2", "weights.perceptual=0"]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Six small pictures with labels, as one archive file."""
    rng = np.random.default_rng(0)
    stripes = np.repeat(np.arange(8, dtype=np.uint8), 8)[None].repeat(64, 0)  # (64, 64): one stripe a class
    samples = [(rng.integers(0, 256, (64, 64, 3), np.uint8), np.roll(stripes, 8 * i, 1)) for i in range(6)]
    write_archive(tmp_path / "tiny.zip", PEOPLE, samples, {})
    return tmp_path / "tiny.zip"


def train(archive: Path, out: Path, *more: str) -> int:
    return main(["train", "smoke", "--data", str(archive), "--out", str(out), *THIN, *more])


def test_train_resume_and_refuse(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert train(archive, out, "steps=2") == 0
    assert "2 of 2 steps done" in capsys.readouterr().out
    model = GroupDNet.load(out / "model.safetensors")
    assert model.config == preset("smoke").model

    assert "already holds a run" in refuse(capsys, "train", "smoke", "--data", str(archive), "--out", str(out))
    # The run's own values count on resume: nothing but the new number of steps has to be said again.
    assert main(["train", "smoke", "--out", str(out), "--resume", "--set", "steps=4"]) == 0
    assert "4 of 4 steps done" in capsys.readouterr().out
    after = GroupDNet.load(out / "model.safetensors")
    assert not all(torch.equal(a, b) for a, b in zip(model.parameters(), after.parameters()))
    steps = [json.loads(line)["step"] for line in (out / "stats.jsonl").read_text().splitlines()]
    assert steps == [2, 4]


def test_train_stops_in_time_and_says_how_to_go_on(
    archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(archive, tmp_path / "run", "steps=1000", "--hours", "1e-7") == 0
    assert f"to go on: smis train smoke --out {tmp_path / 'run'} --resume" in capsys.readouterr().out
    assert (tmp_path / "run" / "model.safetensors").is_file()


def test_ctrl_c_saves(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"

    def interrupt_after_the_first_tick() -> None:
        while not (out / "stats.jsonl").is_file():
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt_after_the_first_tick, daemon=True)
    thread.start()
    assert train(archive, out, "steps=100000") == 130
    thread.join()
    assert "to go on: smis train smoke" in capsys.readouterr().out
    steps = [json.loads(line)["step"] for line in (out / "stats.jsonl").read_text().splitlines()]
    assert (out / "checkpoints" / f"step-{steps[-1]:06d}.pt").is_file()
    assert not list(out.rglob("*.part"))


def test_a_dry_run_writes_nothing(archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(archive, tmp_path / "run", "--dry-run") == 0
    shown = capsys.readouterr().out
    assert "batch_size = 2" in shown
    assert "decoder: " in shown
    assert "the run of 20 steps" in shown
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.zip"]


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["people-65"], "there are people-64"),
        (["smoke", "--set", "weights.kk=1"], "unknown key 'weights.kk'"),
        (["smoke", "--set", "batch_size=many"], "batch_size must be an integer"),
        (["smoke", "--data", "{folder}/no.zip"], "no archive at"),
        (["smoke", "--resume"], "no run to resume"),
    ],
)
def test_train_refuses(
    words: list[str], hint: str, archive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word.format(folder=tmp_path) for word in words]
    if "--data" not in words:
        words += ["--data", str(archive)]
    assert hint in refuse(capsys, "train", *words, "--out", str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


# --- evaluate ---------------------------------------------------------------------------------------------


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    GroupDNet(preset("smoke").model).save(tmp_path / "net.safetensors")
    return tmp_path / "net.safetensors"


def test_evaluate(
    archive: Path, checkpoint: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMIS_DATA", str(archive.parent))  # without training images and swap split
    assert main(["evaluate", str(checkpoint), "--data", str(archive)]) == 0
    shown = capsys.readouterr().out
    assert "6 images" in shown
    assert "Reconstruction" in shown
    assert "Left out: yardsticks made of training images" in shown
    assert main(["evaluate", str(checkpoint), "--data", str(archive), "--limit", "3", "--pairs", "2"]) == 0
    assert "3 images" in capsys.readouterr().out


def test_evaluate_refuses(archive: Path, checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "there is no checkpoint" in refuse(capsys, "evaluate", str(tmp_path / "no.safetensors"))
    assert "is not a complete safetensors file" in refuse(capsys, "evaluate", str(archive))
    other = tmp_path / "other.zip"
    two = LabelSet("two", ("no", "yes"), ((0, 0, 0), (255, 255, 255)))
    write_archive(other, two, [(np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8))], {})
    line = refuse(capsys, "evaluate", str(checkpoint), "--data", str(other))
    assert "has the label set 'two' with 2 classes" in line
    whole = archive.read_bytes()
    archive.write_bytes(whole[: len(whole) // 2])
    assert str(archive) in refuse(capsys, "evaluate", str(checkpoint), "--data", str(archive))
