"""Every place that reads something from outside is known and is tried: a new one fails here until it is listed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What reads, by the last part of its name. `open` with a mode that only writes does not count.
READS = {"open", "read_text", "read_bytes", "fdopen", "safe_open", "load_file", "loadtxt", "genfromtxt", "fromfile"}
READS |= {"memmap", "ZipFile", "TarFile", "urlopen", "urlretrieve", "imread", "unpack_archive", "read_small"}
READS |= {"open_picture", "read_json", "parse_json", "b64decode", "from_json", "read_pth", "read_labels", "getenv"}
QUALIFIED = {"json.load", "json.loads", "np.load", "torch.load", "pickle.load", "pickle.loads", "tarfile.open"}
QUALIFIED |= {
    "gdown.download",
    "gdown.download_folder",
    "yaml.load",
    "yaml.safe_load",
    "os.environ.get",
    "tomllib.load",
}
FORBIDDEN = {"eval", "exec", "os.system", "os.popen", "pickle.load", "pickle.loads", "yaml.load", "__import__"}

# Module: what tries it. A loader of `loaders.py` by its name, else a test.
COVERED = {
    "smis/outside.py": "Archive; folder, an image; label_set_from_json; every other loader of JSON and pictures",
    "smis/files.py": "inception_look: file_sha256 reads any bytes",
    "smis/model.py": "GroupDNet.load; GroupDNet.read_header",
    "smis/segmenter.py": "Segmenter.load",
    "smis/official.py": "official.read_pth; official.fit",
    "smis/parity.py": "parity.read_case",
    "smis/config.py": "GroupDNetConfig.from_dict; TrainConfig.from_dict",
    "smis/commands/arguments.py": "--set KEY=VALUE",
    "smis/commands/convert.py": "official.read_pth",
    "smis/commands/train.py": "WatchedRun, config.json",
    "smis/curves.py": "RunFolder.stats; tests/hostile/test_hostile.py::test_curves_of_a_foreign_run",
    "smis/environment.py": "package.json of an extension",
    "smis/run_folder.py": "RunFolder.open; RunFolder.stats; RunFolder.forget_after",
    "smis/runs.py": "RunFolder.open",
    "smis/training.py": "tests/unit/test_training.py: Trainer.load, by torch.load with weights_only",
    "smis/perceptual.py": "tests/unit/test_perceptual.py: a file of another SHA-256 is refused before it is opened",
    "smis/metrics/inception.py": "inception_look",
    "smis/metrics/lpips.py": "lpips_judge",
    "smis/datasets/archive.py": "Archive",
    "smis/datasets/swaps.py": "Swaps",
    "smis/datasets/cache.py": "tests/unit/test_cache.py: a damaged entry is built again",
    "smis/datasets/checks.py": "folder, an image; folder, a label map; doctor, an image",
    "smis/datasets/download.py": "download, check_file; download --from; tests/hostile/test_servers.py",
    "smis/datasets/folders.py": "read_remap; folder, a label map",
    "smis/datasets/labelsets/__init__.py": "label_set_from_json; its own three files by tests/unit/test_labels.py",
    "smis/datasets/paths.py": "tests/unit/test_archive.py: SMIS_DATA names no folder",
    "smis/datasets/unpack.py": "unpack, zip; unpack, tar",
    "smis_widgets/saving.py": "what was just written is read for the link: tests/widgets/test_mixer.py",
    "smis_widgets/morpher/panel.py": "MorphState.from_json; tests/hostile/test_hostile.py::test_files_for_the_widgets",
    "smis_widgets/morpher/state.py": "MorphState.from_json",
    "smis_widgets/morpher/export.py": "what was just written: tests/widgets/test_morpher.py",
    "smis_widgets/painter/actions.py": "Action.parse",
    "smis_widgets/painter/label_files.py": "read_labels",
    "smis_widgets/painter/panel.py": "read_labels; tests/hostile/test_hostile.py::test_files_for_the_widgets",
    "smis_widgets/painter/state.py": "PainterState.from_json",
    "smis_widgets/plots.py": "a figure drawn in memory: tests/widgets/test_plots.py",
    "smis_widgets/studio/start.py": "pictures of the repository: tests/widgets/test_studio.py",
    "smis_widgets/training/folder.py": "WatchedRun, config.json; WatchedRun, stats.jsonl; WatchedRun, a sheet",
}


def modules() -> Iterator[tuple[str, ast.Module]]:
    """Everything that is installed, but for what draws the rendered worlds: that reads its own `body.npz` only."""
    for path in sorted([*ROOT.glob("smis/**/*.py"), *ROOT.glob("smis_widgets/**/*.py")]):
        if path.relative_to(ROOT).parts[:2] != ("smis", "synth"):
            yield path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))


def reading(tree: ast.Module) -> list[str]:
    """The calls of a module that read, as 'name, line'."""
    found = []
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        name = ast.unparse(call.func)
        last = name.rsplit(".", 1)[-1]
        modes = [a.value for a in (*call.args[:2], *(k.value for k in call.keywords)) if isinstance(a, ast.Constant)]
        only_writes = any(isinstance(mode, str) and mode in ("w", "wb", "xb", "x", "ab", "rb+") for mode in modes)
        class_method = last == "open" and name.split(".")[0] in ("Studio", "Inside", "Atelier", "webbrowser", "os")
        if (last in READS or name in QUALIFIED) and not only_writes and not class_method:
            found.append(f"{name}, line {call.lineno}")
    return found


def test_every_reader_is_known() -> None:
    found = {name: calls for name, tree in modules() if (calls := reading(tree))}
    assert {name: calls for name, calls in found.items() if name not in COVERED} == {}, "try it, then list it"
    assert sorted(set(COVERED) - set(found) - {"smis/config.py"}) == [], "these read nothing any more"


def test_what_is_said_to_cover_is_there() -> None:
    from tests.hostile.loaders import BY_NAME

    for name, said in COVERED.items():
        loaders = [loader for loader in BY_NAME if loader in said]
        files = [word.split(":")[0].rstrip(",") for word in said.split() if word.startswith("tests/")]
        assert loaders or files, name
        for file in files:
            assert (ROOT / file).exists(), (name, file)


def test_nothing_runs_what_it_reads() -> None:
    """No eval, no shell, no pickle but by torch.load with weights_only."""
    for name, tree in modules():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            called = ast.unparse(call.func)
            given = {k.arg: ast.unparse(k.value) for k in call.keywords}
            assert called not in FORBIDDEN, f"{name}, line {call.lineno}: {called}"
            assert given.get("shell") != "True", f"{name}, line {call.lineno}: a shell"
            assert given.get("allow_pickle") != "True", f"{name}, line {call.lineno}: a pickle"
            if called == "torch.load":
                assert given.get("weights_only") == "True", f"{name}, line {call.lineno}: weights_only is missing"


@pytest.mark.parametrize(
    ("source", "reads"),
    [
        ("open(path)", True),
        ("path.open('rb')", True),
        ("open(path, 'w')", False),
        ("Image.open(path)", True),
        ("np.load(path)", True),
        ("json.dumps(x)", False),
        ("Path(x).read_text()", True),
        ("urllib.request.urlopen(x)", True),
    ],
)
def test_readers_are_seen(source: str, reads: bool) -> None:
    assert bool(reading(ast.parse(source))) == reads
