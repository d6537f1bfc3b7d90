"""Try the course on bare Debian and Ubuntu systems, and write what came out into tests/README.md.

    sudo .venv/bin/python -m tools.machines trixie bookworm

Needs Debian with debootstrap, root, 40 GB of disk and hours. The systems lie in the folder of `--work`: delete it to
start over. `--share` and `--keep` let pip inside use what it uses here (its config, certificates, local wheels).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests import section
from tools.machines.machine import SYSTEMS, Machine, Result
from tools.machines.trials import COUNTED, SAYS, Trial, trials

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    parser = argparse.ArgumentParser(description="Try the course on bare Debian and Ubuntu systems.")
    parser.add_argument("suites", nargs="+", choices=SYSTEMS, metavar="SUITE", help=", ".join(SYSTEMS))
    parser.add_argument("--work", type=Path, default=Path("/var/tmp/smis-machines"), help="where the systems are made")
    parser.add_argument("--source", type=Path, default=ROOT, help="the repository whose last commit is tried")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="TRIAL", help="these trials, again: only their rows change"
    )
    parser.add_argument("--share", type=Path, nargs="+", default=[], help="files and folders to show inside, read-only")
    parser.add_argument("--keep", nargs="+", default=[], metavar="VARIABLE", help="variables to pass on, as PIP_CERT")
    parser.add_argument("--table", action="store_true", help="only write the table of what was found")
    args = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        parser.error("this makes whole systems: it needs root, and debootstrap (apt install debootstrap)")
    args.work.mkdir(parents=True, exist_ok=True)
    good = True
    for suite in args.suites:
        kept = {name: os.environ[name] for name in args.keep if name in os.environ}
        machine = Machine(args.work / suite, suite, tuple(path.absolute() for path in args.share), kept)
        if not args.table:
            good = try_on(machine, args.source, args.only) and good
    lines = table([args.work / f"{suite}.json" for suite in args.suites])
    print("\n".join(lines))
    section.update("machines", lines, keys=2)
    return 0 if good else 1


def try_on(machine: Machine, source: Path, only: list[str]) -> bool:
    """Run the trials; each outcome is written at once. Returns whether all succeeded."""
    machine.make()
    prepare(machine, source)
    found = machine.folder.with_suffix(".json")
    rows = json.loads(found.read_text()) if found.exists() else {}
    good = True
    for trial in trials():
        if (only and trial.name not in only) or (not only and trial.name in rows):
            continue
        print(f"{machine.suite}: {trial.name} ...", flush=True)
        if trial.first:
            before = machine.run(trial.first, user="root")
            if before.status != 0:
                raise SystemExit(f"preparing {trial.name} failed:\n{before.output[-2000:]}")
        script = f'set -eu; cd "{trial.folder}"\n{SAYS}{COUNTED}{trial.script}'
        result = machine.run(script, trial.user, trial.offline, trial.setup, trial.variables, trial.limit)
        (machine.folder.with_name(f"{machine.suite}-{trial.name}.log")).write_text(result.output, encoding="utf-8")
        good = result.status == 0 and good
        rows[trial.name] = {"what": trial.what, "outcome": outcome(trial, result), "seconds": round(result.seconds)}
        python = machine.run("python3 -c 'import platform; print(platform.python_version())'")
        rows[trial.name]["python"] = python.output.strip() if python.status == 0 else "-"
        print(f"    {rows[trial.name]['outcome']}, {result.seconds:.0f} s", flush=True)
        found.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return good


def prepare(machine: Machine, source: Path) -> None:
    """The repository as one file to clone from, the script that asks servers, a folder for pip's downloads."""
    bundle = machine.folder / "var/lib/smis.bundle"
    subprocess.run(["git", "-C", str(source), "bundle", "create", "-q", str(bundle), "HEAD"], check=True)
    tools = machine.folder / "usr/local/lib/smis-trial"
    tools.mkdir(exist_ok=True)
    shutil.copy(Path(__file__).parent / "server.py", tools)


def outcome(trial: Trial, result: Result) -> str:
    """The last line `outcome: ...`; a failure is marked."""
    said = [line.removeprefix("outcome: ") for line in result.output.splitlines() if line.startswith("outcome: ")]
    text = said[-1] if said else "done"
    if result.status is None:
        return f"**hangs**: not done after {trial.limit:.0f} s"
    return text if result.status == 0 else f"**fails**: {said[-1] if said else f'status {result.status}'}"


def table(files: list[Path]) -> list[str]:
    """Markdown: a line for each trial on each system."""
    lines = ["| tried | on | Python | outcome | seconds |", "|---|---|---|---|--:|"]
    for file in files:
        found = json.loads(file.read_text(encoding="utf-8"))
        for row in (found[trial.name] for trial in trials() if trial.name in found):
            cells = [row["what"], SYSTEMS[file.stem], row["python"], row["outcome"], f"{row['seconds']:,}"]
            lines.append("| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |")
    return lines


if __name__ == "__main__":
    sys.exit(main())
