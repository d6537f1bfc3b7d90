"""tools/install.py stamps only what works; tools/test.py counts and fails as pytest does."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools import install
from tools import test as runner


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A folder with a lock and a pyproject.toml, where commands are noted instead of run; returns the notes."""
    ran: list[list[str]] = []

    def note(command: list[str], trouble: str) -> None:
        ran.append(command)
        if "venv" in command:
            install.VENV.mkdir(exist_ok=True)

    (tmp_path / "requirements.lock").write_text("numpy==2.2.6\ntorch==2.13.0 \\\n", encoding="utf-8")
    (tmp_path / "requirements-cuda.lock").write_text("triton==3.7.1\n", encoding="utf-8")
    (tmp_path / "pyproject.toml").write_text("[project]\n", encoding="utf-8")
    venv = tmp_path / ".venv"
    for name, value in {
        "ROOT": tmp_path,
        "VENV": venv,
        "LOCK": tmp_path / "requirements.lock",
        "CUDA_LOCK": tmp_path / "requirements-cuda.lock",
        "run": note,
        "python_version": lambda _: sys.version_info[:3] if venv.exists() else None,
    }.items():
        monkeypatch.setattr(install, name, value)
    return ran


def test_the_second_install_does_nothing(checkout: list[list[str]]) -> None:
    install.install("default")
    assert [command[2] for command in checkout] == [
        "venv",
        "pip",
        "pip",
        "import torch, jupyterlab, smis, smis_widgets",
    ]
    checkout.clear()
    install.install("default")
    assert checkout == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-cuda.lock", "pyproject.toml"])
def test_a_change_installs_again(name: str, checkout: list[list[str]]) -> None:
    install.install("default")
    checkout.clear()
    with open(install.ROOT / name, "a", encoding="utf-8") as file:
        file.write("# changed\n")
    install.install("default")
    assert any("requirements.lock" in command for command in checkout)
    assert not any("venv" in command for command in checkout), "a working .venv is kept"


def test_a_failed_install_is_not_stamped(checkout: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    install.install("default")
    install.LOCK.write_text("torch==2.13.1\n", encoding="utf-8")

    def fail(command: list[str], trouble: str) -> None:
        raise install.Problem(trouble)

    monkeypatch.setattr(install, "run", fail)
    with pytest.raises(install.Problem, match="run the same command again"):
        install.install("default")
    assert not (install.VENV / install.STAMP).exists()


def test_the_cpu_build_has_its_own_step(checkout: list[list[str]]) -> None:
    install.install("cpu")
    (step,) = [command for command in checkout if "--index-url" in command]
    assert step[-1] == "torch==2.13.0"
    assert "--no-deps" in step


@pytest.mark.parametrize("torch", ["default", "cpu"])
def test_all_but_the_cpu_build_is_checked_by_its_sum(torch: str, checkout: list[list[str]]) -> None:
    install.install(torch)
    fetching = [command for command in checkout if "pip" in command and "." not in command]
    if torch == "cpu":
        fetching.pop(0)
    (command,) = fetching
    assert "--require-hashes" in command
    assert command[command.index("--only-binary") + 1] == ":all:"


@pytest.mark.parametrize(
    ("platform", "version", "cuda"),
    [
        ("linux", None, True),
        ("linux", "2.13.0", True),
        ("linux", "2.13.0+cpu", False),
        ("linux", "2.12.0+cpu", True),  # it gives way to the locked version from PyPI
        ("darwin", None, False),
        ("win32", None, False),
    ],
)
def test_which_machine_takes_the_cuda_packages(
    platform: str, version: str | None, cuda: bool, checkout: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def installed(command: list[str], **_: object) -> bytes:
        if version is None:
            raise subprocess.CalledProcessError(1, command)
        return f"torch=={version}\n".encode()

    monkeypatch.setattr(install.sys, "platform", platform)
    monkeypatch.setattr(install.subprocess, "check_output", installed)
    install.install("default")
    (command,) = [command for command in checkout if "--require-hashes" in command]
    assert ("requirements-cuda.lock" in command) == cuda


def test_into_the_running_environment(
    checkout: list[list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install.sys, "prefix", str(tmp_path / "conda"))
    install.install("default", here=True)
    assert all(command[0] == sys.executable and "venv" not in command for command in checkout)
    assert (tmp_path / "conda" / install.STAMP).exists()
    assert not install.VENV.exists()
    checkout.clear()
    install.install("default", here=True)
    assert checkout == []


def test_a_wrong_sum_has_its_own_message(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """By pip itself: a wheel whose sum is another one than the list says."""
    wheel = tmp_path / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        file.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr("tiny-1.0.dist-info/RECORD", "")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", "--no-deps"]
    command = [*pip, "--find-links", str(tmp_path), "--target", str(tmp_path / "there"), "--require-hashes", "-r"]
    wanted = tmp_path / "wanted.txt"
    wanted.write_text(f"tiny==1.0 --hash=sha256:{'0' * 64}\n", encoding="utf-8")
    with pytest.raises(install.Problem, match="not the one that was tested") as problem:
        install.run([*command, str(wanted)], "another trouble")
    assert "tell the maintainers" in str(problem.value)
    assert "Expected sha256 0000" in capfd.readouterr().err
    assert not (tmp_path / "there").exists()

    wanted.write_text(f"tiny==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n", encoding="utf-8")
    install.run([*command, str(wanted)], "another trouble")
    assert (tmp_path / "there" / "tiny-1.0.dist-info").is_dir()
    with pytest.raises(install.Problem, match=r"^another trouble$"):
        install.run([*command, str(tmp_path / "missing.txt")], "another trouble")


def test_a_python_that_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    for version in [(3, 9, 18), (3, 14, 0)]:
        monkeypatch.setattr(install.sys, "version_info", version)
        with pytest.raises(install.Problem, match=r"this is Python 3\.(9|14) .*3\.10 to 3\.13 is needed"):
            install.check_this_python()


def test_a_python_without_venv(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(install.Problem, match="apt install python3-venv"):
        install.check_this_python()


def test_the_runner_counts(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tests = tmp_path / "test_some.py"
    tests.write_text(
        "import pytest\ndef test_a(): pass\ndef test_b(): pytest.skip('no browser')\ndef test_c(): assert False\n",
        encoding="utf-8",
    )
    command = ["pytest", "-c", "/dev/null", "-p", "no:cacheprovider", str(tests)]
    outcome = runner.run(command, tmp_path / "report.xml")
    assert (outcome.ok, outcome.passed, outcome.failed) == (False, 1, 1)
    assert outcome.skipped == ("no browser",)
    assert "no browser" in capfd.readouterr().out
    table = runner.table([outcome])
    assert "FAILED" in table
    assert "SKIPPED 1 x: no browser" in table
    assert table.endswith("1 of 1 checks FAILED, 1 tests skipped")

    tests.write_text("def test_a(): pass\n", encoding="utf-8")
    outcome = runner.run(command, tmp_path / "report.xml")
    assert (outcome.ok, outcome.passed, outcome.failed, outcome.skipped) == (True, 1, 0, ())
    assert runner.table([outcome]).endswith("all 1 checks passed, 0 tests skipped")


def test_a_crash_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "report.xml").write_text("<testsuite><testcase/></testsuite>", encoding="utf-8")  # an earlier run's
    outcome = runner.run(["no_such_module"], tmp_path / "report.xml")
    assert (outcome.ok, outcome.passed) == (False, None)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_a_home_that_cannot_be_written_has_a_stand_in(tmp_path: Path) -> None:
    def make_help(home: Path) -> str:
        env = {**os.environ, "HOME": str(home), "TMPDIR": str(tmp_path)}
        return subprocess.run(
            ["make", "help"], cwd=Path(runner.__file__).parents[1], env=env, capture_output=True, text=True, check=True
        ).stdout

    assert "[home]" not in make_help(tmp_path)
    stand_in = tmp_path / f"smis-home-{os.getuid()}"
    assert not stand_in.exists()
    assert f"settings and caches go to {stand_in}" in make_help(tmp_path / "missing")
    assert stand_in.stat().st_mode & 0o777 == 0o700
    stand_in.rmdir()
    stand_in.symlink_to(tmp_path)  # not a folder that somebody else has put there
    with pytest.raises(subprocess.CalledProcessError):
        make_help(tmp_path / "missing")


def test_a_clone_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(runner, "REPORTS", tmp_path / "file" / "reports")
    monkeypatch.setattr(sys, "argv", ["test.py", "lint"])
    assert runner.main() == 1
    assert "cannot be written: use a clone of your own" in capsys.readouterr().err
