"""What can go wrong around a training run: the run stops and says so, nothing is lost, and it goes on."""

from __future__ import annotations

import errno
import os
import pickle
import re
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch

from smis import GroupDNet, run_folder, training
from smis.advice import advice_on_company, advice_on_memory
from smis.cli import main
from smis.datasets.archive import Archive
from smis.datasets.cache import cached
from smis.run_folder import RunFolder
from smis.runs import TrainResult, train
from smis.training import Trainer, TrainingError
from tests.luck import tiny
from tests.luck.looks import debris, differences, half_written
from tests.two_processes import start_two

Row = Callable[..., None]  # called with fault, told, found


@pytest.fixture
def row(record_property: Callable[[str, object], None]) -> Row:
    """The test's row in the table of tests/README.md: the fault, what the user is told, and what was wrong before."""

    def say(fault: str, told: str, found: str = "") -> None:
        for name, text in (("fault", fault), ("told", told), ("found", found)):
            record_property(name, text)

    return say


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    real = tiny.quick_average()
    yield
    Trainer.evaluated_model = real  # type: ignore[method-assign]


def run(out: Path, **options: Any) -> TrainResult:
    config = options.pop("config", tiny.tiny())
    return train(config, out, tiny.pictures(), tiny.pictures(2, seed=9), progress=False, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, quick: None) -> Path:
    """A run that nothing disturbed."""
    out = tmp_path_factory.mktemp("whole")
    run(out)
    return out


def goes_on(out: Path, whole: Path) -> None:
    """Nothing is half-written, and resumed the run ends as the undisturbed one."""
    nowhere = out.parent / "no cache"
    assert half_written(out, nowhere) == []
    assert not list(out.rglob("*.part"))
    assert run(out, resume=True).finished
    assert differences(out, whole) == []
    assert debris(out, nowhere) == []


@contextmanager
def longest_file(size: int) -> Iterator[None]:
    """No file may get longer: what is written beyond fails as on a full disk."""
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))


# -- the disk ---------------------------------------------------------------------------------------------------------

WRITERS: dict[str, tuple[object, str]] = {
    "stats.jsonl": (RunFolder, "write"),
    "the sample sheet": (run_folder, "training_sheet"),
    "model.safetensors": (GroupDNet, "save"),
    "the checkpoint": (Trainer, "save"),
}
DISK_FOUND = {
    "model.safetensors": "a traceback of safetensors' own error, without advice",
    "the checkpoint": "a traceback of PyTorch's own error (`unexpected pos 576 vs 534`), without advice",
}


@pytest.mark.parametrize("file", WRITERS)
def test_no_room_for_a_file(file: str, tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    row(
        f"the disk is full while {file} is written",
        "`cannot write the run's files in DIR: [Errno 27] File too large. The state of step-000001.pt is whole: "
        "go on with --resume`",
        DISK_FOUND.get(file, ""),
    )
    owner, name = WRITERS[file]
    real, steps = getattr(owner, name), list[int]()

    def cramped(*args: Any, **options: Any) -> Any:
        if len(steps) < 2:
            return real(*args, **options)
        if file == "the sample sheet":  # the picture is drawn here, and saved later
            picture = real(*args, **options)
            picture.save = lambda *where, save=picture.save: small(save, *where)
            return picture
        return small(real, *args, **options)

    def small(work: Callable[..., Any], *args: Any, **options: Any) -> Any:
        with longest_file(50):
            return work(*args, **options)

    monkeypatch.setattr(owner, name, cramped)
    with pytest.raises(TrainingError, match=r"File too large.*step-000001\.pt is whole: go on with --resume"):
        run(tmp_path / "run", on_step=lambda step, _: steps.append(step))
    monkeypatch.undo()
    goes_on(tmp_path / "run", whole)


def test_no_room_at_any_place_of_a_checkpoint(tmp_path: Path, row: Row) -> None:
    row("the disk is full at 50 places of a checkpoint", "the same", "the same")
    trainer, path = Trainer(tiny.tiny(), tiny.pictures()), tmp_path / "step-000001.pt"
    trainer.step()
    trainer.save(path)
    sound = path.read_bytes()
    for place in range(0, len(sound), len(sound) // 50):
        with longest_file(place), pytest.raises(OSError, match="File too large"):
            trainer.save(path)
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == sound


def test_a_device_without_room(monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    row("a checkpoint is written to `/dev/full`", "`No space left on device`", "a RuntimeError about positions")
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    trainer = Trainer(tiny.tiny(), tiny.pictures())
    trainer.step()
    monkeypatch.setattr(training, "whole_file", lambda path: nullcontext(path))
    with pytest.raises(OSError, match="No space left on device"):
        trainer.save(Path("/dev/full"))


def test_no_room_for_the_cache(tmp_path: Path, row: Row) -> None:
    row(
        "the disk is full while the cache is built",
        "`cannot write the cache in DIR: ... Make room, or set SMIS_CACHE to a folder on another disk`",
        "the bare `[Errno 28]`, without a folder and without advice",
    )
    source, root = Archive(tiny.archive(tmp_path / "two.zip")), tmp_path / "cache"
    for size in (50, 200, 3000):  # in the header, in the labels, in the images
        with longest_file(size), pytest.raises(OSError, match=r"cannot write the cache in .*too large.*set SMIS_CACHE"):
            cached(source, root=root)
        assert [path for path in root.iterdir() if path.is_dir()] == []
    assert cached(source, root=root).images.shape == (len(source), 16, 16, 3)


def test_no_room_at_the_start(tmp_path: Path, whole: Path, row: Row) -> None:
    row("the disk is full when a run begins, or goes on", "the same", "on resume the bare `[Errno 28]`")
    with longest_file(10), pytest.raises(TrainingError, match=r"File too large.*Nothing was saved yet"):
        run(tmp_path / "run")
    run(tmp_path / "run", should_stop=lambda: True)
    with longest_file(10), pytest.raises(TrainingError, match=r"File too large.*step-000001\.pt is whole"):
        run(tmp_path / "run", resume=True)
    goes_on(tmp_path / "run", whole)


# -- the folder -------------------------------------------------------------------------------------------------------


def test_the_folder_is_moved_in_the_middle(tmp_path: Path, whole: Path, row: Row) -> None:
    row(
        "the run's folder is moved or removed in the middle",
        "`The folder is gone. If it was moved, go on where it is now: --out FOLDER --resume`",
        "a traceback of PyTorch's own error, or `Nothing was saved yet`",
    )
    out, moved = tmp_path / "run", tmp_path / "moved"

    def move(step: int, _: object) -> None:
        if step == 2:
            out.rename(moved)

    with pytest.raises(TrainingError, match=r"The folder is gone. If it was moved, go on where it is now"):
        run(out, on_step=move)
    assert not out.exists()
    goes_on(moved, whole)


@pytest.mark.parametrize("inside", ["checkpoints", "samples", ""])
def test_the_contents_are_removed_in_the_middle(inside: str, tmp_path: Path, whole: Path, row: Row) -> None:
    row(
        f"{'the folder ' + inside if inside else 'all that is in the run folder'} is removed in the middle",
        "nothing: it is made again at the next tick",
        "the run stopped, and could not be resumed",
    )
    out = tmp_path / "run"

    def remove(step: int, _: object) -> None:
        if step == 2:
            for path in [out / inside] if inside else [path for path in out.iterdir() if path.name != "run.lock"]:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    assert run(out, on_step=remove).finished
    again = run(out, resume=True, config=tiny.tiny(steps=4))
    assert again.step == 4
    assert RunFolder(whole).checkpoints()[0].name == "step-000003.pt"


def test_the_folder_becomes_read_only(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    row(
        "the run's folder becomes read-only in the middle",
        "`Read-only file system: ... The state of step-000001.pt is whole: go on with --resume`",
    )
    steps: list[int] = []
    real = os.replace

    def replace(one: Path, other: Path) -> None:
        if len(steps) == 2:
            raise OSError(errno.EROFS, "Read-only file system", str(other))
        real(one, other)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(TrainingError, match=r"Read-only file system.*step-000001\.pt is whole"):
        run(tmp_path / "run", on_step=lambda step, _: steps.append(step))
    monkeypatch.setattr(os, "replace", real)
    goes_on(tmp_path / "run", whole)


def test_two_runs_in_one_folder(tmp_path: Path, whole: Path, row: Row) -> None:
    row(
        "a second process trains into the same folder",
        "`DIR is in use: process 4711 on HOST, since ... trains in it. Wait for its end, or stop it ... and go on with "
        "--resume; or choose another folder by --out`",
        "both wrote, each over the other's files",
    )
    out, refused = tmp_path / "run", []

    def second(step: int, _: object) -> None:
        for resume in (False, True):
            with pytest.raises(
                TrainingError, match=rf"in use: process {os.getpid()} on .*go on with --resume"
            ) as error:
                run(out, resume=resume)
            refused.append(str(error.value))

    assert run(out, on_step=second).finished
    assert len(refused) == 6
    assert differences(out, whole) == []


def test_a_lock_that_a_killed_process_left(tmp_path: Path, whole: Path, row: Row) -> None:
    row("a killed process left its lock", "nothing: the lock holds nobody up")
    out = tmp_path / "run"
    run(out, should_stop=lambda: True)
    (out / "run.lock").write_text("12345")
    (out / "environment.txt").write_text("process 12345 on elsewhere, since 2020-01-01 00:00:00\n")
    goes_on(out, whole)


def test_the_files_of_others_stay(tmp_path: Path, row: Row) -> None:
    row("other programs' `.part` files lie in the run's folder", "nothing: they stay", "they were removed on resume")
    out = tmp_path / "run"
    run(out, should_stop=lambda: True)
    for name in ("film.mkv.part", "samples/film.mkv.part"):
        (out / name).write_text("a download")
    (out / "checkpoints" / "step-000002.pt.99.part").write_text("ours")
    run(out, resume=True)
    assert sorted(path.name for path in out.rglob("*.part")) == ["film.mkv.part", "film.mkv.part"]


def test_a_finished_run_without_its_network(tmp_path: Path, whole: Path, row: Row) -> None:
    row(
        "`model.safetensors` of a finished run is removed",
        "nothing: --resume writes it again",
        "a second line of stats",
    )
    out = tmp_path / "run"
    run(out)
    (out / "model.safetensors").unlink()
    goes_on(out, whole)


# -- the clock --------------------------------------------------------------------------------------------------------


def test_the_clock_jumps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    row(
        "the clock jumps an hour ahead and back at every step",
        "nothing: `--hours` and the seconds of `stats.jsonl` follow a clock that cannot be set",
        "on resume the seconds began at 0 again",
    )
    real, jumps = time.time, [0.0]
    monkeypatch.setattr(time, "time", lambda: real() + jumps[0])

    def jump(step: int, _: object) -> None:
        jumps[0] = (3600, -3600)[step % 2]

    out = tmp_path / "run"
    assert run(out, on_step=jump, hours=0.5, config=tiny.tiny(steps=6)).finished
    seconds = [line["seconds"] for line in RunFolder(out).stats()]
    assert seconds == sorted(seconds)
    assert 0 <= seconds[-1] < 600
    (out / "stats.jsonl").write_text((out / "stats.jsonl").read_text().replace(f": {seconds[-1]},", ": 5000.0,"))
    assert run(out, on_step=jump, hours=1e-9, resume=True, config=tiny.tiny(steps=9)).step == 7
    assert RunFolder(out).stats()[-1]["seconds"] >= 5000


# -- the memory, and other processes ----------------------------------------------------------------------------------


def test_no_memory_on_the_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], row: Row
) -> None:
    row(
        "a GPU out of memory, at the first step and at a later one (raised by hand)",
        "`out of memory (...). What was saved is whole. To go on from it: --resume --set accumulate=2 (now 1 ...). Or "
        "start anew with smaller values of batch_size (now 4), model.image_size (now 16 x 16), ...`",
        "a traceback without advice; accumulate and precision could not be changed on resume",
    )
    monkeypatch.setenv("SMIS_CACHE", str(tmp_path / "cache"))
    data, out, real = tiny.archive(tmp_path / "two.zip"), tmp_path / "run", Trainer._gradients
    limit = [0]

    def full(self: Trainer, *args: Any) -> Any:
        if self.steps_done >= limit[0]:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return real(self, *args)

    monkeypatch.setattr(Trainer, "_gradients", full)
    for limit[0] in (0, 2):
        assert main(tiny.words(data, out, batch_size=4)) == 1
        said = capsys.readouterr().err.splitlines()[-1]
        for part in (
            "batch_size (now 4)",
            "16 x 16",
            "decoder_widths (now (4, 4, 4))",
            "discriminator_widths (now (8, 8))",
        ):
            assert part in said
        assert "Tried to allocate 2.00 GiB" in said
    advice = re.search(r"--resume --set (accumulate=2) \(now 1", said)
    assert advice
    monkeypatch.setattr(Trainer, "_gradients", real)
    assert RunFolder(out).checkpoints()[0].name == "step-000002.pt"
    assert main([*tiny.words(data, out, batch_size=4), "--set", advice[1]]) == 0
    assert RunFolder(out).checkpoints()[0].name == "step-000003.pt"


def test_no_memory_in_the_machine(monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    row("the machine out of memory, in a step", "the same advice", "a traceback without advice")
    trainer = Trainer(tiny.tiny(), tiny.pictures())
    trainer.gradients = lambda *_: {"gan": torch.empty(2**48, dtype=torch.uint8)}
    with pytest.raises(TrainingError, match=r"out of memory \(.*batch_size \(now 2\)"):
        trainer.step()
    with pytest.raises(TrainingError, match=r"out of memory \(MemoryError\)"), advice_on_memory(tiny.tiny()):
        raise MemoryError
    with pytest.raises(RuntimeError, match=r"^another bug$"), advice_on_memory(tiny.tiny()):
        raise RuntimeError("another bug")


COMPANY = """
import os, signal, sys, torch
from pathlib import Path
from smis.runs import train
from smis.training import accelerator_for
from tests.luck.tiny import pictures, tiny
out, config = Path(sys.argv[1]), tiny(steps=4)
accelerator = accelerator_for(config, cpu=True)
resume = (out / "config.json").exists()
def die(step, losses):
    if not resume and accelerator.process_index == 1 and step == 3:
        os.kill(os.getpid(), signal.SIGKILL)
train(config, out, pictures(), pictures(2), accelerator=accelerator, on_step=die, progress=False, resume=resume)
"""


@pytest.mark.slow
def test_one_of_two_processes_dies(tmp_path: Path, row: Row) -> None:
    row(
        "one of two training processes is killed (data are read by threads: there is no worker to die)",
        "`another of the 2 processes of this run ended ... start all of them again with --resume`, no hang",
        "a checkpoint of several processes on CPUs could not be loaded again (`tagged with cpu:0`)",
    )
    script = tmp_path / "company.py"
    script.write_text(COMPANY)
    for expected in (1, 0):  # the second start resumes
        ended = start_two(script, str(tmp_path / "run"), seconds=300)
        assert ended.returncode == expected, ended.stderr[-3000:]
    assert RunFolder(tmp_path / "run").checkpoints()[0].name == "step-000004.pt"
    assert [line["step"] for line in RunFolder(tmp_path / "run").stats()] == [1, 2, 3, 4]
    lost = "[gloo/transport/tcp/pair.cc:537] Read error [127.0.0.1]:23461: Connection reset by peer"
    with pytest.raises(TrainingError, match=r"another of the 2 processes.*--resume"), advice_on_company(2):
        raise RuntimeError(lost)
    with pytest.raises(RuntimeError, match=r"^another bug$"), advice_on_company(2):
        raise RuntimeError("another bug")


# -- the numbers ------------------------------------------------------------------------------------------------------


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: Row) -> None:
    row(
        "a gradient is not finite while the losses still are, right before a tick",
        "`weights are not finite after step 2 ... Nothing of it was saved. Lower lr_generator or ... clip=1`",
        "the weights were saved, and the run could not be resumed any more; lr and clip could not be changed on resume",
    )
    out, real = tmp_path / "run", Trainer._gradients

    def spoilt(self: Trainer, *args: Any) -> Any:
        losses = real(self, *args)
        if self.steps_done == 1:
            grad = next(self.model.decoder.parameters()).grad
            assert grad is not None
            grad[0] = float("nan")
        return losses

    monkeypatch.setattr(Trainer, "_gradients", spoilt)
    with pytest.raises(TrainingError, match=r"not finite after step 2.*Lower lr_generator.*clip=1"):
        run(out)
    monkeypatch.setattr(Trainer, "_gradients", real)
    assert [path.name for path in RunFolder(out).checkpoints()] == ["step-000001.pt"]
    assert all(value.isfinite().all() for value in GroupDNet.load(out / "model.safetensors").state_dict().values())
    assert run(out, resume=True, config=tiny.tiny(lr_generator=1e-5, lr_discriminator=1e-5, clip=1.0)).finished


def test_losses_that_are_not_finite_stop_the_run(tmp_path: Path, whole: Path, row: Row) -> None:
    row("a loss is not finite", "`a loss is not finite at step 2: ... Nothing was updated. Lower lr_generator or ...`")
    real, out = Trainer._mean, tmp_path / "run"

    def mean(self: Trainer, losses: Any) -> Any:
        return {name: float("inf") if self.steps_done == 2 else loss for name, loss in real(self, losses).items()}

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_mean", mean)
        with pytest.raises(TrainingError, match=r"not finite at step 2: .*Nothing was updated"):
            run(out)
    goes_on(out, whole)


# -- damaged checkpoints ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["cut off", "a bit turned over", "empty"])
def test_a_damaged_newest_checkpoint(damage: str, tmp_path: Path, whole: Path, row: Row) -> None:
    row(
        f"the newest checkpoint is damaged: {damage}",
        "`cannot resume from step-000002.pt: ... Going on from the state before it, step-000001.pt`",
        "training went on with wrong weights"
        if "bit" in damage
        else "the run stopped; the user had to remove the file",
    )
    out, done = tmp_path / "run", []
    run(out, on_step=lambda step, _: done.append(step), should_stop=lambda: len(done) == 2)
    newest = RunFolder(out).checkpoints()[0]
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 4
    newest.write_bytes({"cut off": bytes(data[:-100]), "empty": b"", "a bit turned over": bytes(data)}[damage])
    with pytest.warns(UserWarning, match=r"cannot resume from .*step-000002\.pt.*Going on from .*step-000001\.pt"):
        run(out, resume=True)
    assert differences(out, whole) == []


def test_no_checkpoint_is_whole(tmp_path: Path, row: Row) -> None:
    row(
        "all checkpoints are damaged",
        "`cannot resume from ... No state before it is left: remove DIR to begin this run again`",
    )
    run(tmp_path)
    before = {path: path.write_bytes(b"damaged") for path in RunFolder(tmp_path).checkpoints()}
    with (
        pytest.warns(UserWarning, match="Going on from"),
        pytest.raises(TrainingError, match=r"step-000002\.pt.*No state before it is left: remove .*checkpoints"),
    ):
        run(tmp_path, resume=True)
    assert RunFolder(tmp_path).checkpoints() == list(before)


class _Code:
    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch /tmp/owned",)


def test_every_damage_of_a_checkpoint_is_named(tmp_path: Path, row: Row) -> None:
    row(
        "a checkpoint cut off at each percent, a bit turned over at 100 places, pickles with code, foreign files",
        "`TrainingError: cannot resume from FILE: REASON`",
        "`pickle.UnpicklingError` came through; a bit turned over was not noticed",
    )
    trainer, path = Trainer(tiny.tiny(), tiny.pictures()), tmp_path / "step-000000.pt"
    trainer.save(path)
    trainer.load(path)
    sound = path.read_bytes()
    state = torch.load(path, weights_only=True)
    damaged = [sound[: len(sound) * percent // 100] for percent in range(100)]
    damaged += [pickle.dumps(_Code()), b"PK\x03\x04", b"{}", pickle.dumps({"step": 1})]
    changes: list[dict[str, Any]] = [{"step": -1}, {"step": 1.5}, {"step": True}, {"model": {}}, {"opt_g": None}]
    for change in [*changes, {"averaged": 7}]:
        torch.save({**state, **change}, path)
        damaged.append(path.read_bytes())
    torch.save([1, 2], path)
    damaged.append(path.read_bytes())
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(TrainingError, match=r"cannot resume from .*step-000000.pt: .") as error:
            trainer.load(path)
        assert len(str(error.value)) < 1000
    path.unlink()
    path.mkdir()
    with pytest.raises(TrainingError, match="cannot resume from"):
        trainer.load(path)
    path.rmdir()
    for place in range(0, len(sound), len(sound) // 100):  # of the archive's own bookkeeping not every bit counts
        flipped = bytearray(sound)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        try:
            trainer.load(path)
        except TrainingError:
            continue
        assert all(torch.equal(value, state["model"][name]) for name, value in trainer.model.state_dict().items()), (
            place
        )


def test_more_than_a_million_steps(tmp_path: Path, row: Row) -> None:
    row(
        "a run of more than 999,999 steps",
        "nothing",
        "sorted as text, the newest checkpoint was the one that was removed",
    )
    (tmp_path / "checkpoints").mkdir()
    for step in (999_998, 999_999, 1_000_000):
        (tmp_path / "checkpoints" / f"step-{step:06d}.pt").touch()
    RunFolder(tmp_path).forget_after(1_000_000)
    assert [path.name for path in RunFolder(tmp_path).checkpoints()] == ["step-1000000.pt", "step-999999.pt"]
