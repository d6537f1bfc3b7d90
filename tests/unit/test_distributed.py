"""Two processes together train the same network as one process with the same batches."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from smis.distributed import GlobalBatchNorm, share_batch_statistics
from smis.training import Trainer
from tests.two_processes import start_two
from tests.unit.networks import blobs, smoke

OVERRIDES = {"steps": 4, "batch_size": 4, "model.encoder_norm": "instance", "betas": (0.0, 0.9)}

WORKER = """
import json, sys, torch
torch.set_num_threads(1)
from smis.training import Trainer, accelerator_for
from tests.unit.networks import blobs, smoke
config = smoke(**json.loads(sys.argv[1]))
trainer = Trainer(config, blobs(8), accelerator_for(config, cpu=True))
assert trainer.accelerator.num_processes == 2
losses = [trainer.step() for _ in range(config.steps)]
state = {"losses": losses, "model": trainer.model.state_dict(), "averaged": trainer.evaluated_model(2).state_dict()}
torch.save(state, f"{sys.argv[2]}/{trainer.accelerator.process_index}.pt")
"""


def launch(folder: Path, overrides: dict[str, object]) -> list[dict]:
    """Run WORKER in two processes over gloo; what each of them ended with."""
    script = folder / "worker.py"
    script.write_text(WORKER)
    done = start_two(script, json.dumps(overrides), str(folder))
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(folder / f"{number}.pt", weights_only=True) for number in (0, 1)]


def distance(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor], start: dict[str, torch.Tensor]) -> float:
    """How far two networks ended from each other, as a share of how far training moved them."""
    apart = sum(float((a[k].double() - b[k].double()).square().sum()) for k in start)
    moved = sum(float((a[k].double() - start[k].double()).square().sum()) for k in start)
    return (apart / moved) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_end_with_the_weights_of_one(tmp_path: Path, accumulate: int) -> None:
    # with accumulation each part has its own batch statistics, so there one process is compared part by part
    overrides = {**OVERRIDES, "batch_size": 4 * accumulate, "accumulate": accumulate}
    first, second = launch(tmp_path, overrides)
    for key in ("model", "averaged"):
        assert all(torch.equal(first[key][k], second[key][k]) for k in first[key])
    if accumulate > 1:
        return
    torch.set_num_threads(1)
    trainer = Trainer(smoke(**overrides), blobs(8))
    start = {k: v.clone() for k, v in trainer.model.state_dict().items() if v.is_floating_point()}
    alone = [trainer.step() for _ in range(4)]
    for one, two in zip(alone, first["losses"], strict=True):
        assert one == pytest.approx(two, rel=1e-3)
    print(distance(trainer.model.state_dict(), first["model"], start))
    assert distance(trainer.model.state_dict(), first["model"], start) < 1e-2
    assert distance(trainer.evaluated_model(2).state_dict(), first["averaged"], start) < 1e-2


def test_batch_statistics_are_shared_in_place_of_batch_norm_only() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4, affine=False), nn.InstanceNorm2d(4))
    network[1].running_mean.fill_(2.0)
    share_batch_statistics(network)
    assert type(network[1]) is GlobalBatchNorm
    assert (network[1].running_mean == 2).all()
    assert type(network[2]) is nn.InstanceNorm2d
