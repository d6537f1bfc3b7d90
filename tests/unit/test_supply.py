"""Where everything comes from: licences, sums of the data, what the audit says; and nothing loads what could run."""

from __future__ import annotations

import ast
import importlib.metadata
import json
import re
import subprocess
from pathlib import Path

import pytest

from smis.files import file_sha256
from tools import licences, supply

ROOT = Path(__file__).resolve().parents[2]
PAGE = licences.PAGE.read_text(encoding="utf-8")
ROW = r"^\| \[(?P<name>[a-z0-9._-]+)\]\([^)]+\) \| (?P<versions>[^|]+) \| (?P<licence>[^|]+) \| (?P<source>[^|]+) \|$"
LISTED = {row["name"]: row for row in re.finditer(ROW, PAGE, re.MULTILINE)}


def locked() -> dict[str, list[str]]:
    versions: dict[str, list[str]] = {}
    for name, version in supply.pins(supply.LOCK, supply.CUDA_LOCK):
        versions.setdefault(name, []).append(version)
    return versions


# --- licences ---------------------------------------------------------------------------------------------


def test_every_locked_package_is_listed_with_an_allowed_licence() -> None:
    pinned = locked()
    assert len(pinned) > 150
    assert {name: row["versions"].split(", ") for name, row in LISTED.items()} == pinned, "run `make licences`"
    wrong = {name: row["licence"] for name, row in LISTED.items() if not licences.allowed(row["licence"])}
    assert not wrong, f"no allowed licence: {wrong}"


def test_the_list_says_what_the_packages_say() -> None:
    compared = 0
    for name, versions in locked().items():
        licence, source, _ = licences.said(name)
        if source not in ("", "by hand") and versions == [importlib.metadata.version(name).split("+")[0]]:
            assert (LISTED[name]["licence"], LISTED[name]["source"]) == (licence, source), (
                f"{name}: run `make licences`"
            )
            compared += 1
    assert compared > 100


def test_nobody_is_judged_by_hand_for_nothing() -> None:
    assert set(licences.BY_HAND) <= set(locked())


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("MIT", True),
        ("MIT AND PSF-2.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("Artistic-1.0 OR GPL-2.0-or-later", True),
        ("GPL-3.0-only", False),
        ("LGPL-2.1-or-later", False),
        ("MIT AND GPL-2.0-only", False),
        ("AGPL-3.0-only OR SSPL-1.0", False),
        ("GPL-3.0-or-later WITH GCC-exception-3.1", False),
        ("(MIT OR GPL-2.0-only) AND GPL-3.0-only", False),
        ("BSD", False),
        ("", False),
    ],
)
def test_which_expressions_are_allowed(expression: str, fits: bool) -> None:
    assert licences.allowed(expression) == fits


def test_every_gpl_inside_a_package_is_explained() -> None:
    explained = PAGE.split("## Where the GPL is named")[1]
    named = {
        name
        for name in locked()
        if licences.said(name)[1] not in ("", "by hand")
        for _, text in licences.licence_files(name)
        if re.search(r"GPL|GNU (Lesser |Affero |Library )?General Public", text)
    }
    assert "numpy" in named, "the search finds nothing"
    unknown = {name for name in named if not re.search(rf"^\|[^|]*\b{name}\b", explained, re.MULTILINE)}
    assert not unknown, f"say in docs/licences.md what the GPL has to do with {unknown}"


# --- the data ---------------------------------------------------------------------------------------------


def test_every_data_file_has_its_sum_in_a_readme() -> None:
    files = [path for path in (ROOT / "data").rglob("*") if path.is_file() and path.suffix != ".md"]
    assert len(files) > 20
    for path in [*files, ROOT / "smis" / "synth" / "body.npz"]:
        readme = (path.parent if path in files else ROOT / "data") / "README.md"
        text = readme.read_text(encoding="utf-8")
        found = re.findall(rf"`(?:[^`\n]*/)?{re.escape(path.name)}`[^`\n]*`([0-9a-f]{{64}})`", text)
        assert found == [file_sha256(path)], f"{readme} has no sum, or another one, of {path.name}"


# --- the audit --------------------------------------------------------------------------------------------


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, dict[str, object]]:
    """Stands in for pip-audit; returns what it says of a package, to be filled. Nothing is found in the files."""
    says: dict[str, dict[str, object]] = {}

    def tool(package: str, *command: str) -> subprocess.CompletedProcess[str]:
        asked = Path(command[command.index("-r") + 1]).read_text(encoding="utf-8").split()
        assert len(asked) == len({line.split("==")[0] for line in asked}), "pip-audit refuses a package twice"
        answer = [{"name": name, "version": version, "vulns": []} for name, version in (p.split("==") for p in asked)]
        for entry in answer:
            entry.update(says.get(str(entry["name"]), {}))
        if "down" not in says:
            Path(command[command.index("-o") + 1]).write_text(json.dumps({"dependencies": answer}), encoding="utf-8")
        return subprocess.CompletedProcess(command, 1, "", "warning\nERROR: no connection\n")

    for name, text in {"LOCK": "a==1 ; x \\\n    --hash=sha256:0\na==2\nb==3\n", "CUDA_LOCK": "c==4\n"}.items():
        monkeypatch.setattr(supply, name, tmp_path / name)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.setattr(supply, "tool", tool)
    monkeypatch.setattr(supply, "secrets", lambda: (7, []))
    return says


def test_a_clean_audit(database: dict[str, dict[str, object]], capsys: pytest.CaptureFixture[str]) -> None:
    assert supply.audit(record=False) == 0
    assert "0 known weaknesses in 4 pins" in capsys.readouterr().out


def test_a_weakness_is_told(database: dict[str, dict[str, object]], capsys: pytest.CaptureFixture[str]) -> None:
    database["a"] = {"vulns": [{"id": "PYSEC-1"}]}
    assert supply.audit(record=False) == 1
    assert re.search(r"2 known weaknesses.*\na 1: PYSEC-1\na 2: PYSEC-1\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("name", "said", "why"),
    [("b", {"skip_reason": "not found"}, "no answer for 1 of 3 packages, among them b"), ("down", {}, "no connection")],
)
def test_no_answer_is_not_taken_for_a_clean_one(
    name: str,
    said: dict[str, object],
    why: str,
    database: dict[str, dict[str, object]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    database[name] = said
    assert supply.audit(record=False) == 2
    error = capsys.readouterr().err
    assert "NOT DONE" in error
    assert why in error


def test_a_secret_fails_the_audit(
    database: dict[str, dict[str, object]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supply, "secrets", lambda: (7, ["now-x.py, line 3: AWS Access Key"]))
    assert supply.audit(record=False) == 1
    assert "now-x.py, line 3: AWS Access Key" in capsys.readouterr().out


def test_the_search_sees_files_history_and_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, out = tmp_path / "there", tmp_path / "out"
    there.mkdir()
    out.mkdir()

    def git(*words: str) -> None:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", there, *who, *words], check=True, capture_output=True)

    git("init")
    (there / "a.txt").write_text("first", encoding="utf-8")
    (there / "picture").write_bytes(b"\0first")
    git("add", ".")
    git("commit", "-m", "a message")
    git("rm", "-q", "a.txt")
    git("commit", "-m", "gone")
    (there / "b.txt").write_text("old", encoding="utf-8")
    git("add", ".")
    git("commit", "-m", "b")
    (there / "b.txt").write_text("changed", encoding="utf-8")
    monkeypatch.setattr(supply, "ROOT", there)
    assert supply.export(out) == 4
    texts = {path.read_text(encoding="utf-8").strip() for path in out.iterdir()}
    assert texts >= {"first", "old", "changed"}
    assert "a message" in (out / "messages.txt").read_text(encoding="utf-8")


# --- nothing loads what could run; ruff's S rules see the rest --------------------------------------------


def unsafe(source: str) -> list[str]:
    """The calls of torch.load without weights_only=True, and of numpy.load with allow_pickle."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "load":
            options = {word.arg: word.value for word in node.keywords}
            safe = options.get("weights_only")
            module = ast.unparse(node.func.value)
            if module == "torch" and not (isinstance(safe, ast.Constant) and safe.value is True):
                found.append(ast.unparse(node))
            pickled = options.get("allow_pickle", ast.Constant(False))
            if not (isinstance(pickled, ast.Constant) and pickled.value is False):
                found.append(ast.unparse(node))
    return found


def test_nothing_unpickles() -> None:
    loads = 0
    for folder in ("smis", "smis_widgets", "tools", "benchmarks", "notebooks"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            loads += text.count("torch.load(")
            assert ".load(" not in text or unsafe(text) == [], f"{path.relative_to(ROOT)}: may run what it reads"
            assert not re.search(r"from (torch|numpy) import .*\bload\b", text), f"{path}: write torch.load, np.load"
    assert loads >= 5


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(a)",
        "torch.load(a, weights_only=False)",
        "torch.load(a, weights_only=flag)",
        "np.load(a, allow_pickle=True)",
        "x = [numpy.load(a, allow_pickle=flag) for a in b]",
    ],
)
def test_the_search_sees_unsafe_loads(source: str) -> None:
    assert len(unsafe(source)) == 1


def test_ruff_sees_the_rest() -> None:
    lint = re.search(r"^select = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M | re.S)
    assert lint is not None
    assert set(re.findall(r'"(S\d+)"', lint[1])) >= {"S102", "S301", "S307", "S506", "S602", "S604", "S605"}
