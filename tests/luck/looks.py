"""What a run's folder and its cache look like: nothing half-written, and the same as if nothing had happened."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch
from filelock import FileLock
from PIL import Image
from safetensors import safe_open

from smis.config import TrainConfig
from smis.datasets.cache import _length_and_crc
from smis.model import GroupDNet


def half_written(run: Path, cache: Path) -> list[str]:
    """Files that have their final name and are not whole. To be asked right after a kill."""
    found = []
    for pattern, read in READERS.items():
        for path in run.glob(pattern):
            try:
                read(path)
            except Exception as error:
                found.append(f"{path.name}: {type(error).__name__}: {error}")
    for meta in cache.glob("*[0-9]/meta.json"):
        for name, check in json.loads(meta.read_text())["arrays"].items():
            if _length_and_crc(meta.with_name(f"{name}.npy"), check[0]) != check:
                found.append(f"the cache's {name}.npy")
    return found


def debris(run: Path, cache: Path) -> list[str]:
    """Temporary files, and locks that are still held or that a run left. To be asked at the end."""
    found = [
        str(path) for top in (run, cache) for path in top.rglob("*") if ".part" in path.name or ".tmp" in path.name
    ]
    found += [str(path) for path in run.glob("*.lock")]
    for path in cache.glob("*.lock"):
        lock = FileLock(path, timeout=0)
        lock.acquire()  # raises when it is held
        lock.release()
    return found


def differences(run: Path, whole: Path) -> list[str]:
    """Files of a run that do not hold the same as those of another one, to the last bit; times and processes apart."""
    here, there = ({path.relative_to(top): path for path in top.rglob("*") if path.is_file()} for top in (run, whole))
    found = [f"{name}: only in one" for name in sorted(here.keys() ^ there.keys())]
    return found + [
        f"{name} differs" for name in sorted(here.keys() & there.keys()) if not same(here[name], there[name])
    ]


def same(one: Path, other: Path) -> bool:
    """Whether two files of a run hold the same."""
    if one.suffix in (".pt", ".safetensors"):  # their bytes depend on which equal texts are one object, and on hashes
        read = _tensors_of_checkpoint if one.suffix == ".pt" else _tensors_of_network
        return read(one) == read(other)
    special = {"stats.jsonl": timeless, "environment.txt": versions}
    return special.get(one.name, Path.read_bytes)(one) == special.get(other.name, Path.read_bytes)(other)


def _tensors_of_network(path: Path) -> dict[str, object]:
    with safe_open(path, framework="pt") as file:
        tensors = {name: _bits(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118 (not a dict)
        return {**tensors, "metadata": file.metadata()}


def _tensors_of_checkpoint(path: Path) -> object:
    return _bits(torch.load(path, weights_only=True))


def _bits(value: object) -> object:
    """Tensors, also those inside lists and dictionaries, as type, shape and bytes."""
    if isinstance(value, torch.Tensor):
        return value.dtype, value.shape, value.contiguous().numpy().tobytes()
    if isinstance(value, dict):
        return {key: _bits(inner) for key, inner in value.items()}
    return [_bits(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def timeless(stats: Path) -> list[dict[str, float]]:
    """The lines of a run's statistics without the seconds."""
    lines = [json.loads(line) for line in stats.read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def versions(environment: Path) -> object:
    """The lines of `environment.txt` without the process."""
    return [line for line in environment.read_text().splitlines() if not line.startswith("process ")]


def _stats(path: Path) -> None:
    steps = [json.loads(line)["step"] for line in path.read_text().splitlines()]
    assert steps == sorted(set(steps)), f"steps {steps}"


def _picture(path: Path) -> None:
    with Image.open(path) as picture:
        picture.load()


def _checkpoint(path: Path) -> None:
    with zipfile.ZipFile(path) as stored:
        assert stored.testzip() is None, "a check sum is wrong"
    assert torch.load(path, weights_only=True)["step"] == int(path.stem[5:])


READERS: dict[str, Callable[[Path], object]] = {
    "config.json": lambda path: TrainConfig.from_dict(json.loads(path.read_text())),
    "environment.txt": lambda path: path.read_text().index("since"),
    "stats.jsonl": _stats,
    "samples/*.png": _picture,
    "model.safetensors": GroupDNet.load,
    "checkpoints/*.pt": _checkpoint,
}
