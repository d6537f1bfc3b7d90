"""What the project is made of and where it comes from: the locks, the list of licences, an SBOM, an audit.

    python -m tools.supply lock | upgrade | licences | sbom | audit [--record]

`make lock`, `make licences` and so on call it. The tools of others that it needs (TOOLS) are no dependencies of
the project: each gets an environment of its own under build/tools, at its first use.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
CUDA_LOCK = ROOT / "requirements-cuda.lock"
SBOM = ROOT / "build" / "sbom.json"
TOOLS = {"uv": "0.13.9", "cyclonedx-bom": "7.5.0", "pip-audit": "2.10.1", "detect-secrets": "1.5.0"}

# Lines that look like secrets and are none: sums and commits, pictures in notebooks, and the public address of the
# weights that the authors published.
NO_SECRETS = [
    r'(?i)(sha256|alexnet|fitted)"?( =|:) "[0-9a-f]{64}"',
    r'"commit": "[0-9a-f]{40}"',
    r'"(image|video)/[a-z]+": "',
    "1og_9By_xdtnEd9-xawAj4jYbXR6A9deG",
]


class Unreachable(Exception):
    """Something on the network gave no answer."""


def tool(package: str, *command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command of one of the TOOLS, in the repository; the first time, install it. May raise Unreachable."""
    home = ROOT / "build" / "tools" / f"{package}-{TOOLS[package]}"
    folder = home / ("Scripts" if os.name == "nt" else "bin")
    if not (home / "installed").exists():
        print(f"[supply] installing {package} {TOOLS[package]} into build/tools")
        venv.create(home, clear=True, with_pip=True)
        install = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", f"{package}=={TOOLS[package]}"]
        if subprocess.run([folder / "python", *install]).returncode:
            raise Unreachable(f"{package} could not be installed from PyPI")
        (home / "installed").touch()
    return subprocess.run([folder / command[0], *command[1:]], cwd=ROOT, input=text, text=True, capture_output=True)


# --- the locks --------------------------------------------------------------------------------------------


def pins(*locks: Path) -> Iterator[tuple[str, str]]:
    """Each (name, version) of the locks, for whatever Python or platform it is."""
    for lock in locks:
        for line in lock.read_text(encoding="utf-8").splitlines():
            if pin := re.match(r"([a-z0-9._-]+)==([^ ;]+)", line):
                yield pin[1], pin[2]


def lock(upgrade: bool) -> int:
    """Resolve both locks from pyproject.toml. Versions that still fit stay, unless `upgrade` asks for the newest.

    The second lock is what torch's CUDA build for Linux needs beyond the first: its metadata name these packages,
    and pyproject.toml leaves them out of the first, so that the CPU build stays small.
    """
    common = ["uv", "pip", "compile", "--universal", "--python-version", "3.10", "--generate-hashes", "--quiet"]
    common += ["--custom-compile-command", "make lock"] + ["--upgrade"] * upgrade
    before = LOCK.read_text(encoding="utf-8")
    first = tool("uv", *common, "pyproject.toml", "--all-extras", "-o", LOCK.name)
    if first.returncode:
        print(f"no lock was written:\n{first.stderr}", file=sys.stderr)
        return 1
    names = dict(pins(LOCK))
    leave_out = [part for name in names for part in ("--no-emit-package", name)]
    torch = f"torch=={names['torch']} ; sys_platform == 'linux'\n"
    second = tool("uv", *common, "--no-config", "-", "-c", LOCK.name, *leave_out, "-o", CUDA_LOCK.name, text=torch)
    if second.returncode:
        LOCK.write_text(before, encoding="utf-8")  # both or none
        print(f"no lock was written:\n{second.stderr}", file=sys.stderr)
    return second.returncode


# --- SBOM -------------------------------------------------------------------------------------------------


def sbom() -> int:
    """Write what is installed in `.venv` as a CycloneDX file; the tool checks it against the format's schema."""
    SBOM.parent.mkdir(exist_ok=True)
    command = ["cyclonedx-py", "environment", sys.executable, "--pyproject", "pyproject.toml", "-o", str(SBOM)]
    made = tool("cyclonedx-bom", *command)
    if made.returncode:
        print(f"no SBOM was written:\n{made.stderr}", file=sys.stderr)
        return 1
    held = json.loads(SBOM.read_text(encoding="utf-8"))
    print(f"{SBOM.relative_to(ROOT)}: CycloneDX {held['specVersion']}, {len(held['components'])} packages")
    return 0


# --- the audit --------------------------------------------------------------------------------------------


def weaknesses() -> list[str]:
    """ "package version: id" of each weakness known of any pin of both locks. Raises Unreachable.

    pip-audit leaves out pins for other systems and wants one version a package: so the pins go to it without
    their conditions, in rounds.
    """
    versions: dict[str, list[str]] = {}
    for name, version in pins(LOCK, CUDA_LOCK):
        versions.setdefault(name, []).append(version)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        asked, answer = Path(folder) / "asked.txt", Path(folder) / "answer.json"
        for turn in range(max(map(len, versions.values()))):
            lines = [f"{name}=={several[turn]}\n" for name, several in versions.items() if turn < len(several)]
            asked.write_text("".join(lines), encoding="utf-8")
            answer.unlink(missing_ok=True)
            options = ["--no-deps", "--disable-pip", "--progress-spinner", "off", "-f", "json", "-o", str(answer)]
            done = tool("pip-audit", "pip-audit", "-r", str(asked), *options)
            if not answer.exists():
                raise Unreachable(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "pip-audit failed")
            packages = json.loads(answer.read_text(encoding="utf-8"))["dependencies"]
            # pip-audit calls what it could not look up skipped, and ends well
            if skipped := [package["name"] for package in packages if "skip_reason" in package]:
                raise Unreachable(f"no answer for {len(skipped)} of {len(lines)} packages, among them {skipped[0]}")
            found += [f"{one['name']} {one['version']}: {bug['id']}" for one in packages for bug in one["vulns"]]
    return found


def export(folder: Path) -> int:
    """Write every text that git has or had, and the commits' messages, into a folder; how many."""
    git = ["git", "-C", str(ROOT)]
    listed = subprocess.run([*git, "rev-list", "--objects", "--all"], check=True, capture_output=True, text=True)
    paths = dict(line.split(" ", 1) for line in listed.stdout.splitlines() if " " in line)
    count = 0
    for name, path in paths.items():
        got = subprocess.run([*git, "cat-file", "blob", name], capture_output=True)
        if got.returncode == 0 and b"\0" not in got.stdout[:8000]:  # a folder is no blob; a picture no text
            (folder / f"{name[:12]}-{path.replace('/', '-')}").write_bytes(got.stdout)
            count += 1
    tracked = subprocess.run([*git, "ls-files", "-z"], check=True, capture_output=True, text=True).stdout
    for path in filter(None, tracked.split("\0")):
        body = (ROOT / path).read_bytes() if (ROOT / path).is_file() else b"\0"
        if b"\0" not in body[:8000]:
            (folder / f"now-{path.replace('/', '-')}").write_bytes(body)
            count += 1
    messages = subprocess.run([*git, "log", "--all", "--format=%B"], check=True, capture_output=True)
    (folder / "messages.txt").write_bytes(messages.stdout)
    return count + 1


def secrets() -> tuple[int, list[str]]:
    """(how many texts were searched, "file, line: kind" of each find that is none of NO_SECRETS)."""
    with tempfile.TemporaryDirectory() as folder:
        count = export(Path(folder))
        options = [part for pattern in NO_SECRETS for part in ("--exclude-lines", pattern)]
        scan = tool("detect-secrets", "detect-secrets", "-C", folder, "scan", "--all-files", *options, ".")
        if scan.returncode:
            raise RuntimeError(f"detect-secrets failed:\n{scan.stderr}")
        found = json.loads(scan.stdout)["results"]
    return count, [f"{name}, line {one['line_number']}: {one['type']}" for name in found for one in found[name]]


def audit(record: bool) -> int:
    """Look up known weaknesses, search for secrets; 0 nothing found, 1 something, 2 the database gave no answer."""
    status, today = 0, date.today().isoformat()
    count = len(list(pins(LOCK, CUDA_LOCK)))
    try:
        found = weaknesses()
        status = bool(found)
        outcome = f"{len(found)} known weaknesses in {count} pins"
        print("\n".join([outcome, *found]))
    except Unreachable as problem:
        status, outcome = 2, f"NOT DONE: the database of known weaknesses could not be asked ({problem})"
        print(f"{outcome}\nTry again where https://pypi.org/pypi/torch/json and its like can be read.", file=sys.stderr)
    searched, leaks = secrets()
    leak = f"{len(leaks)} secrets in {searched:,} texts: the tracked files, their whole history, the commits' messages"
    print("\n".join([leak, *leaks]))
    if record:
        write_record(today, outcome, leak)
    return status or bool(leaks)


def write_record(today: str, outcome: str, leak: str) -> None:
    """Write the table in tests/README.md."""
    from tests import section  # these two are not needed by the rest
    from tools import licences

    sums = sum(file.read_text(encoding="utf-8").count("--hash=sha256:") for file in (LOCK, CUDA_LOCK))
    kinds = Counter(licences.said(name)[0] for name in dict(pins(LOCK, CUDA_LOCK)))
    often = ", ".join(f"{kind} {number}" for kind, number in kinds.most_common() if number > 1)
    rest = f"{list(kinds.values()).count(1)} others, one each: [the list](../docs/licences.md)"
    rows = [
        ("packages in `requirements.lock`", f"{len(dict(pins(LOCK)))}, in {len(list(pins(LOCK)))} versions"),
        ("more for the CUDA build", f"{len(dict(pins(CUDA_LOCK)))}, in {len(list(pins(CUDA_LOCK)))} versions"),
        ("sha256 sums in both, one for each file that may be installed", f"{sums:,}"),
        ("licences, packages each", f"{often}, {rest}"),
        (f"`pip-audit` {TOOLS['pip-audit']}, {today}", outcome),
        (f"`detect-secrets` {TOOLS['detect-secrets']}, {today}", leak),
    ]
    section.write("supply", ["| what | outcome |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)])


def main() -> int:
    parser = argparse.ArgumentParser(description="The locks, the list of licences, an SBOM and an audit.")
    parser.add_argument("what", choices=("lock", "upgrade", "licences", "sbom", "audit"))
    parser.add_argument("--record", action="store_true", help="audit: write the outcome into tests/README.md")
    args = parser.parse_args()
    try:
        if args.what == "licences":
            from tools import licences

            return licences.write()
        if args.what == "sbom":
            return sbom()
        if args.what == "audit":
            return audit(args.record)
        return lock(args.what == "upgrade")
    except Unreachable as problem:
        print(f"{args.what} was NOT DONE: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
