"""Run folders: what bad luck leaves behind, and what a run can show of itself."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from smis import GroupDNet
from smis.budget import budget
from smis.cli import main
from smis.runs import RunFolder, train
from smis.sheets import training_sheet
from smis.summary import summarise
from smis.training import TrainingError, accelerator_for
from tests.unit.networks import blobs, smoke

ROOT = Path(__file__).resolve().parents[2]


def run(out: Path, **options):
    config = options.pop("config", smoke(steps=4, tick=2))
    return train(config, out, blobs(8), blobs(4, seed=9), progress=False, **options)


def weights(out: Path) -> dict[str, torch.Tensor]:
    return GroupDNet.load(out / "model.safetensors").state_dict()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"cannot write the run's files in .*file"):
        run(tmp_path / "file" / "run")


def test_hooks_see_every_step_and_stop_within_one(tmp_path: Path) -> None:
    seen, ticks = [], []
    result = run(
        tmp_path,
        config=smoke(steps=50, tick=2),
        on_step=lambda step, losses: seen.append((step, set(losses))),
        on_tick=ticks.append,
        should_stop=lambda: len(seen) == 5,
    )
    assert [step for step, _ in seen] == [1, 2, 3, 4, 5]
    assert result.step == 5
    assert {"gan", "pixel", "discriminator"} <= seen[0][1]
    assert [line["step"] for line in ticks] == [2, 4, 5]


def test_a_line_cut_off_by_a_crash_is_left_out(tmp_path: Path) -> None:
    run(tmp_path)
    with open(tmp_path / "stats.jsonl", "a") as stats:
        stats.write('{"step": 6, "pix')
    assert [line["step"] for line in RunFolder(tmp_path).stats()] == [2, 4]


def test_the_environment_is_written_down(tmp_path: Path) -> None:
    run(tmp_path)
    text = (tmp_path / "environment.txt").read_text()
    assert f"torch {torch.__version__}\n" in text
    assert "processes 1\n" in text


def test_runs_show_draws_curves_and_samples(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(tmp_path / "run")
    assert main(["runs", "show", str(tmp_path / "run")]) == 0
    assert "step 4: " in capsys.readouterr().out
    picture = np.array(Image.open(tmp_path / "run" / "curves.png"))
    sheet = np.array(Image.open(tmp_path / "run" / "samples" / "step-000004.png").convert("RGB"))
    assert np.array_equal(picture[: sheet.shape[0], -sheet.shape[1] :], sheet)
    assert (picture[:, : -sheet.shape[1]] != 255).any()
    assert main(["runs", "show", str(tmp_path)]) == 1
    assert "holds no finished tick" in capsys.readouterr().err


def test_the_budget_counts_what_it_says() -> None:
    config, samples = smoke(), blobs(8)
    cost = budget(config, samples, accelerator_for(config))
    model = GroupDNet(config.model)
    assert cost.parameters["decoder"] == sum(p.numel() for p in model.decoder.parameters())
    assert (cost.steps, cost.epoch_steps) == (config.steps, 2)
    twice = budget(config.replace(batch_size=8), samples, accelerator_for(config))
    assert 1.5 < twice.activations / cost.activations < 2.5
    in_parts = budget(config.replace(batch_size=8, accumulate=2), samples, accelerator_for(config))
    assert in_parts.activations == pytest.approx(cost.activations, rel=0.1)
    assert "the run of 20 steps" in str(cost)
    layers = summarise(config.model, config.discriminator_widths)
    assert cost.multiply_adds == sum(layer.multiply_adds for layer in layers) > 10**6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_on_the_command_line_saves_and_says_how_to_go_on(
    tmp_path: Path, number: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from smis import runs
    from smis.datasets.archive import write_archive
    from smis.labels import PEOPLE

    samples = blobs(8)
    write_archive(tmp_path / "a.zip", PEOPLE, zip(samples.images, samples.labels, strict=True), {})
    sent: list[int] = []

    def press(_accelerator: object, stop: bool) -> bool:
        if not sent:
            sent.append(os.kill(os.getpid(), number))  # type: ignore[func-returns-value]
        return stop

    monkeypatch.setattr(runs, "_agreed", press)
    words = ["train", "smoke", "--data", str(tmp_path / "a.zip"), "--out", str(tmp_path / "run"), "--cpu"]
    assert main(words) == 130
    shown = capsys.readouterr().out
    assert "to go on: smis train smoke" in shown
    assert json.loads((tmp_path / "run" / "config.json").read_text())["steps"] == 20
    assert RunFolder(tmp_path / "run").checkpoints()


def test_the_sheet_of_a_network_with_one_code_swaps_the_whole_style() -> None:
    changes = {"controllers": 1, "latent_size": (1, 1), "encoder_input": "image", "encoder_groups": 1}
    groups = {"decoder_groups": (1,) * 6, "norm_groups": ((1, 1),) * 5}
    config = smoke(**{f"model.{key}": value for key, value in {**changes, **groups}.items()})
    model, samples = GroupDNet(config.model).eval(), blobs(4)
    sheet = training_sheet(model, samples)
    assert sheet.height == pytest.approx(5 * sheet.width / 4, rel=0.01)  # image, mask, rebuilt, swapped, sampled
