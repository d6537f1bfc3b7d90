"""Every loader that takes a file or a text from outside: how to feed it, and with what it may refuse.

`attempt` gives one loader one file and says how it went: 'accepted', 'refused', or the fault.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import resource
import signal
import sys
import tarfile
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image

from smis.commands.arguments import setting
from smis.config import ConfigError, GroupDNetConfig, TrainConfig
from smis.datasets.archive import Archive, ArchiveError, encode_sample, write_archive, write_encoded
from smis.datasets.checks import DataError
from smis.datasets.doctor import examine
from smis.datasets.download import DownloadError, check_file, download, published
from smis.datasets.folders import folder, read_remap
from smis.datasets.labelsets import label_set_from_json
from smis.datasets.swaps import Swaps
from smis.datasets.unpack import UnpackError, unpack
from smis.environment import _javascript_version
from smis.metrics.inception import inception_look
from smis.metrics.lpips import lpips_judge
from smis.model import CheckpointError, GroupDNet
from smis.official import Mismatch, fit, network_config, old_names, patch_discriminator, read_pth
from smis.outside import parse_json
from smis.parity import CaseError, compare, read_case
from smis.presets import preset
from smis.priors import CodePrior
from smis.runs import RunFolder
from smis.segmenter import Segmenter, SegmenterConfig
from smis.training import TrainingError
from smis_widgets import Refused
from smis_widgets.morpher.state import MorphState
from smis_widgets.painter.actions import Action, map_to_text
from smis_widgets.painter.label_files import label_png, read_labels
from smis_widgets.painter.state import PainterState, Scenes
from smis_widgets.training.folder import WatchedRun
from tests.hostile import mutations as m
from tests.widgets.fake import LABELS, toys

SECONDS = 2.0  # of processor time, for one file
BYTES = 2**30  # more than before, for one file
STUCK = 30.0  # seconds by the clock after which a loader is stopped
LONGEST = 3000  # letters of a message


@dataclass(frozen=True)
class Loader:
    """A loader, sound files for it, what damages them, and the only types of exception that it may raise."""

    name: str
    feed: Callable[[bytes, Path], object]  # the file's bytes, and an empty folder to put it into
    sound: Callable[[], list[bytes]]
    mutations: tuple[m.Mutation, ...]
    allowed: tuple[type[Exception], ...]


@dataclass(frozen=True)
class Outcome:
    """What a loader did with one file: 'accepted', 'refused', or else `fault` says what went wrong."""

    verdict: str
    message: str
    seconds: float

    @property
    def survived(self) -> bool:
        return self.verdict in ("accepted", "refused")


class Stuck(BaseException):
    """Raised in the middle of a loader that never ends; no `except Exception` catches it."""


def attempt(loader: Loader, data: bytes) -> Outcome:
    """Feed one file to one loader, with a limit of memory and of time, in a folder that is looked over afterwards."""
    with tempfile.TemporaryDirectory() as top:
        top = os.path.realpath(top)
        guard, inside = Path(top, "guard"), Path(top, "a", "b")
        guard.write_text("untouched")
        inside.mkdir(parents=True)
        start, message, verdict = time.process_time(), "", "accepted"
        deeds: list[str] = []
        try:
            with _watched(str(inside)) as deeds, _limits(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                loader.feed(data, inside)
        except Stuck:
            verdict = f"stuck for more than {STUCK:g} s"
        except Exception as error:
            message = str(error)
            verdict = _judged(error, loader)
        seconds = time.process_time() - start
        if verdict in ("accepted", "refused") and seconds > SECONDS:
            verdict = f"took {seconds:.1f} s"
        if deeds:
            verdict = f"did what no loader does: {deeds[0]}"
        around = sorted(os.listdir(top)), os.listdir(inside.parent), guard.read_text()
        if around != (["a", "guard"], ["b"], "untouched"):
            verdict = f"wrote outside its folder: {around}"
        elif verdict != "accepted" and [path for path in inside.rglob("*") if path.name.endswith(".part")]:
            verdict = "left debris"
        return Outcome(verdict, message, seconds)


def _judged(error: Exception, loader: Loader) -> str:
    """Refused is one of the documented types itself, not some subclass such as UnicodeDecodeError, and says why."""
    if type(error) not in loader.allowed:
        return f"{type(error).__name__}: {str(error)[:200]}"
    if not 20 <= len(str(error)) <= LONGEST:
        return f"a message of {len(str(error)):,} letters: {str(error)[:80]}"
    return "refused"


# What Python tells of before it does it: writing, and what a loader has no business to do at all.
WRITES = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "shutil.rmtree")
NEVER = (
    *("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "pty.spawn"),
    *("socket.connect", "socket.getaddrinfo", "pickle.find_class", "ctypes.dlopen"),
)
_seen: list[tuple[str, list[str]]] = []  # the folder of the loader under test, and its misdeeds


def _audit(event: str, args: tuple[object, ...]) -> None:
    if not _seen:
        return
    inside, deeds = _seen[-1]
    if event in NEVER:
        deeds.append(f"{event} {str(args[0])[:200]}")
    elif event in WRITES or (event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR)):
        path = args[0] if isinstance(args[0], (str, bytes, os.PathLike)) else ""
        name = os.path.realpath(os.path.join(_folder_of(args), os.fsdecode(path))) if path else inside
        if not name.startswith(inside) and "__pycache__" not in name and not name.startswith("/dev/"):
            deeds.append(f"{event} {name[:200]}")


def _folder_of(args: tuple[object, ...]) -> str:
    """What a relative path starts from: `shutil.rmtree` names files by the number of an open folder."""
    number = args[-1] if isinstance(args[-1], int) and args[-1] > 2 else None
    here = f"/proc/self/fd/{number}"
    return os.path.realpath(here) if number is not None and os.path.isdir(here) else ""


sys.addaudithook(_audit)


@contextmanager
def _watched(inside: str) -> Iterator[list[str]]:
    """Collects what is written outside of a folder, and every program, connection and pickled class."""
    deeds: list[str] = []
    _seen.append((inside, deeds))
    try:
        yield deeds
    finally:
        _seen.pop()


@contextmanager
def _limits() -> Iterator[None]:
    """A GiB more of memory than now (on Linux), and a clock that stops what hangs."""

    def stop(number: int, frame: object) -> None:
        raise Stuck

    pages = Path("/proc/self/statm")
    before, hard = resource.getrlimit(resource.RLIMIT_AS)
    handler = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, STUCK)
    if pages.exists():
        now = int(pages.read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, hard))
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)


# --- sound files --------------------------------------------------------------------------------------------------
def _made(write: Callable[[Path], object]) -> bytes:
    """What is written to a path, as bytes."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place, "file.zip")
        write(path)
        return path.read_bytes()


@cache
def checkpoint() -> list[bytes]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = GroupDNet(preset("smoke", {}).model)
    plain = _sorted(_made(lambda path: model.save(path, {"step": 20, "data": "people"})))
    model.prior = CodePrior(model.config.code_shape)
    return [plain, _sorted(_made(lambda path: model.save(path, {"step": 20, "data": "people", "prior": "a test"})))]


@cache
def segmenter() -> list[bytes]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = Segmenter(SegmenterConfig(LABELS, (16, 16), (4, 4)))
    return [_sorted(_made(lambda path: network.save(path, {"step": 1})))]


@cache
def cases() -> list[bytes]:
    return [_sorted(Path(__file__).parents[1].joinpath("parity", "small_cityscapes.safetensors").read_bytes())]


@cache
def judge() -> torch.nn.Module:
    """A small discriminator as the authors' options describe it."""
    config = network_config("deepfashion", {"ngf": 4, "enc_ndf": 16})
    return patch_discriminator(config, {"ndf": 4, "n_layers_D": 2, "num_D": 1})


@cache
def old_judge() -> list[bytes]:
    """Its weights by the authors' names, as torch 1.0 wrote them (without v) and as it is today."""
    names = old_names(judge())
    state = {names[ours]: value.clone() for ours, value in judge().state_dict().items()}
    before = {name: value for name, value in state.items() if not name.endswith("weight_v")}
    return [_made(lambda path: torch.save(one, path)) for one in (before, state)]  # noqa: B023


def _sorted(data: bytes) -> bytes:
    """A safetensors file with its header in alphabetical order: as written, the order is another one every time."""
    return m.with_header(data, lambda header: json.loads(json.dumps(header, sort_keys=True)))


@cache
def pickled() -> list[bytes]:
    weights = {"fc.weight": torch.ones(4, 4), "fc.bias": torch.zeros(4)}
    return [
        _made(lambda path: torch.save(weights, path)),
        _made(lambda path: torch.save(weights, path, _use_new_zipfile_serialization=False)),
    ]


def _pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    people = toys(3)
    return list(zip(people.images, people.labels))


@cache
def archive() -> list[bytes]:
    return [_made(lambda path: write_archive(path, LABELS, _pairs(), {"origin": "a test"}))]


@cache
def swap_archive() -> list[bytes]:
    table = [[0, None, 0], [0, "hat", 1], [0, "hat", 2]]
    encoded = [encode_sample(image, labels, LABELS) for image, labels in _pairs()]
    masks = {"masks/000-hat.png": m.picture("1")}
    return [_made(lambda path: write_encoded(path, LABELS, encoded, {"swaps": table}, masks))]


@cache
def tars() -> list[bytes]:
    members = [("a.txt", tarfile.REGTYPE, b"x" * 900), ("b", tarfile.DIRTYPE, b""), ("b/c", tarfile.REGTYPE, b"y")]
    return [m.tarred(members, mode) for mode in ("w", "w:gz", "w:bz2", "w:xz")]


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def scenes() -> Scenes:
    return Scenes(LABELS, toys().labels)


@cache
def painted() -> list[bytes]:
    state = PainterState.start(scenes())
    for line in LINES:
        state = state.do(Action.parse(line))
    return [state.undo().undo().to_json().encode()]


LINES = (
    *(
        "brush hat 3 8,8 12,8",
        "erase 2 9,8",
        "fill shoes 0.5,0.5",
        "rectangle coat 1,1 4,4",
        "polygon hat 0,16 8,16 0,9",
    ),
    *("replace coat ground", "move 0.5,15.5 3.5,15.5", "stamp coat B 7 8,8", "mirror coat B 7 4,4", "scene C"),
    f"load {map_to_text(toys().labels[1])}",
)
MORPH = MorphState(LABELS.classes, ((True,) * 4,) * 3)
CLASSES = _json({"name": "mine", "classes": list(LABELS.classes), "palette": [list(c) for c in LABELS.palette]})
ITEM = published("checkpoints")
REMAP = _json({"0": 0, "1": 1, "2": 2, "3": 3})
STATS = b"\n".join(_json({"step": step, "seconds": 1.5 * step, "kl": 0.25}) for step in (10, 20, 30))
CONFIG = _json(preset("smoke", {}).to_dict())


# --- feeding ---------------------------------------------------------------------------------------------------------
def _file(load: Callable[[Path], object], name: str = "file") -> Callable[[bytes, Path], object]:
    """For a loader that takes a path."""

    def feed(data: bytes, inside: Path) -> object:
        (inside / name).write_bytes(data)
        return load(inside / name)

    return feed


def _text(load: Callable[[str], object]) -> Callable[[bytes, Path], object]:
    """For a loader that takes text."""
    return lambda data, inside: load(data.decode("utf-8", "replace"))


def _values(load: Callable[[dict], object]) -> Callable[[bytes, Path], object]:  # type: ignore[type-arg]
    """For a loader that takes what JSON became; text that is no JSON never reaches it."""

    def feed(data: bytes, inside: Path) -> object:
        try:
            values = parse_json(data)
        except ValueError as error:
            raise ConfigError(f"not JSON, so not tried: {error}") from error
        return load(values)

    return feed


def _read_archive(path: Path) -> object:
    return Archive(path)[0], Archive(path).load()


def _data_folder(which: str, load: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """A folder of one sample, in which one of the files is the hostile one."""

    def feed(data: bytes, inside: Path) -> object:
        labels = _pairs()[0][1]
        files = {
            "images/one.png": m.picture("RGB"),
            "labels/one.png": label_png(labels, LABELS),
            "classes.json": CLASSES,
            "remap.json": REMAP,
        }
        if which == "labels alone":  # no classes.json: the doctor has to find out which ids there are
            files = {"images/one.png": files["images/one.png"]}
        for name, content in {**files, which.replace("labels alone", "labels/one.png"): data}.items():
            (inside / name).parent.mkdir(exist_ok=True)
            (inside / name).write_bytes(content)
        return load(inside)

    return feed


def _resume(path: Path) -> object:
    return RunFolder(path.parent).open(preset("smoke", {}), resume=True)


def _run(which: str, load: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """A run folder, in which one of the files is the hostile one."""

    def feed(data: bytes, inside: Path) -> object:
        sheet = m.picture("RGB", (66 * 4, 66 * 3))
        files = {"config.json": CONFIG, "stats.jsonl": STATS, "samples/step-00000010.png": sheet, which: data}
        for name, content in files.items():
            (inside / name).parent.mkdir(exist_ok=True)
            (inside / name).write_bytes(content)
        return load(inside)

    return feed


def _package(data: bytes, inside: Path) -> object:
    (inside / "package.json").write_bytes(data)
    return _javascript_version(inside)


def _option(text: str) -> object:
    return preset("smoke", dict([setting(text)]))


def _from_file(path: Path) -> object:
    return download(published("deepfashion-sample"), path.with_name("out"), source=path)


def _sound_labels() -> list[bytes]:
    labels = toys().labels[0]
    coloured = io.BytesIO()
    Image.fromarray(LABELS.colorize(labels)).save(coloured, "WEBP", lossless=True)
    return [label_png(labels, LABELS), m.picture("L"), coloured.getvalue()]


TENSORS = (*m.BYTES, m.tensor_header, m.metadata, m.other_values)
ZIPS = (*m.BYTES, m.zip_entries, m.zip_entries, m.zip_entries)
JSONS = (*m.BYTES, m.json_text, m.json_text, m.json_text, m.json_text)
IMAGES = (*m.BYTES, m.other_picture)
LOAD = lambda path: folder(path, (16, 16)).load()  # noqa: E731

IMAGE = lambda: [m.picture("RGB"), m.turned()]  # noqa: E731
DOCTOR = lambda path: str(examine(path))  # noqa: E731
TARS = (*m.BYTES, m.tar_members, m.tar_members, m.tar_header)
LINES_OF_JSON = (*m.BYTES, m.json_line, m.json_line)
UNPACK = lambda path: unpack(path, path.with_name("out"))  # noqa: E731
MODEL = lambda: [_json(json.loads(CONFIG)["model"])]  # noqa: E731
FORGET = lambda path: RunFolder(path.parent).forget_after(20)  # noqa: E731

WATCH = lambda path: WatchedRun(path).read()  # noqa: E731
LPIPS = lambda path: lpips_judge(path, path)  # noqa: E731
FIT = lambda path: fit(judge(), read_pth(path), "the file")  # noqa: E731
COMPARE = lambda path: compare(read_case(path))  # noqa: E731
SHEET = lambda: [m.picture("RGB", (66 * 4, 66 * 3))]  # noqa: E731
OPTIONS = lambda: [b"batch_size=4", b"weights.kl=0.5", b"betas=[0.5,0.9]", b"model.latent_dim=8", b"data=people"]  # noqa: E731

LOADERS: tuple[Loader, ...] = (
    Loader("GroupDNet.load", _file(GroupDNet.load), checkpoint, TENSORS, (CheckpointError,)),
    Loader("GroupDNet.read_header", _file(GroupDNet.read_header), checkpoint, TENSORS, (CheckpointError,)),
    Loader("Segmenter.load", _file(Segmenter.load), segmenter, TENSORS, (CheckpointError,)),
    Loader("official.read_pth", _file(read_pth), pickled, m.BYTES, (CheckpointError,)),
    Loader("official.fit", _file(FIT), old_judge, m.BYTES, (CheckpointError, Mismatch)),
    Loader("parity.read_case", _file(read_case), cases, TENSORS, (CaseError,)),
    Loader("inception_look", _file(inception_look), pickled, m.BYTES, (ValueError,)),
    Loader("lpips_judge", _file(LPIPS), pickled, m.BYTES, (ValueError,)),
    Loader("GroupDNetConfig.from_dict", _values(GroupDNetConfig.from_dict), MODEL, JSONS[4:], (ConfigError,)),
    Loader("TrainConfig.from_dict", _values(TrainConfig.from_dict), lambda: [CONFIG], JSONS[4:], (ConfigError,)),
    Loader("Archive", _file(_read_archive), archive, ZIPS, (ArchiveError,)),
    Loader("Swaps", _file(lambda path: list(Swaps(path))), swap_archive, ZIPS, (ArchiveError,)),
    Loader("unpack, zip", _file(UNPACK), archive, ZIPS, (UnpackError,)),
    Loader("unpack, tar", _file(UNPACK), tars, TARS, (UnpackError,)),
    Loader("download, check_file", _file(lambda path: check_file(path, ITEM)), archive, ZIPS, (DownloadError,)),
    Loader("download --from", _file(_from_file), tars, TARS, (DownloadError, UnpackError)),
    Loader("folder, an image", _data_folder("images/one.png", LOAD), IMAGE, IMAGES, (DataError,)),
    Loader("folder, a label map", _data_folder("labels/one.png", LOAD), _sound_labels, IMAGES, (DataError,)),
    Loader("doctor, an image", _data_folder("images/one.png", DOCTOR), IMAGE, IMAGES, (DataError,)),
    Loader("doctor, a label map", _data_folder("labels alone", DOCTOR), _sound_labels, IMAGES, (DataError,)),
    Loader(
        "doctor, classes.json", _data_folder("classes.json", DOCTOR), lambda: [CLASSES], JSONS, (DataError, ValueError)
    ),
    Loader("doctor, remap.json", _data_folder("remap.json", DOCTOR), lambda: [REMAP], JSONS, (DataError,)),
    Loader("label_set_from_json", _file(label_set_from_json), lambda: [CLASSES], JSONS, (ValueError,)),
    Loader("read_remap", _file(read_remap), lambda: [REMAP], JSONS, (DataError,)),
    Loader("read_labels", lambda data, _: read_labels(data, LABELS), _sound_labels, IMAGES, (Refused,)),
    Loader(
        "Action.parse", _text(Action.parse), lambda: [line.encode() for line in LINES], (*m.BYTES, m.words), (Refused,)
    ),
    Loader("PainterState.from_json", _text(PainterState.start(scenes()).from_json), painted, JSONS, (Refused,)),
    Loader("MorphState.from_json", _text(MORPH.from_json), lambda: [MORPH.to_json().encode()], JSONS, (Refused,)),
    Loader(
        "RunFolder.stats",
        _file(lambda path: RunFolder(path.parent).stats(), "stats.jsonl"),
        lambda: [STATS],
        LINES_OF_JSON,
        (TrainingError,),
    ),
    Loader("RunFolder.forget_after", _file(FORGET, "stats.jsonl"), lambda: [STATS], LINES_OF_JSON, (TrainingError,)),
    Loader("WatchedRun, config.json", _run("config.json", WATCH), lambda: [CONFIG], JSONS, (ValueError,)),
    Loader("WatchedRun, stats.jsonl", _run("stats.jsonl", WATCH), lambda: [STATS], LINES_OF_JSON, (ValueError,)),
    Loader("WatchedRun, a sheet", _run("samples/step-00000020.png", WATCH), SHEET, IMAGES, (ValueError,)),
    Loader("--set KEY=VALUE", _text(_option), OPTIONS, (*m.BYTES, m.words), (ConfigError, argparse.ArgumentTypeError)),
    Loader("package.json of an extension", _package, lambda: [_json({"version": "1.2"})], JSONS, (ValueError,)),
    Loader("RunFolder.open", _file(_resume, "config.json"), lambda: [CONFIG], JSONS, (TrainingError,)),
)
BY_NAME = {loader.name: loader for loader in LOADERS}


def mutated(loader: Loader, number: int, seed: int = 0) -> tuple[str, bytes]:
    """Hostile file `number` for a loader: the name of its mutation, and its bytes. The same ones for the same seed."""
    random = Random(f"{loader.name} {number}" if seed == 0 else f"{loader.name} {number} {seed}")
    mutation = loader.mutations[number % len(loader.mutations)]
    return mutation.__name__, mutation(random.choice(loader.sound()), random)
