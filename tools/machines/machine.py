"""A bare Debian or Ubuntu in a folder: made with debootstrap, entered with unshare and chroot.

Every command gets mounts and processes of its own, so that nothing stays mounted and no server goes on running when
it ends, however it ends. Needs root, and the packages debootstrap and util-linux.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

# What every such system has, and the two programs that the README asks for. Python comes later: a trial lacks it.
PACKAGES = "make,git,ca-certificates"
USER = "student"
NUMBERS = {"root": 0, USER: 1000, "stranger": 4321}  # the last one is in no list of users
SYSTEMS = {
    "bookworm": "Debian 12",
    "trixie": "Debian 13",
    "jammy": "Ubuntu 22.04",
    "noble": "Ubuntu 24.04",
    "resolute": "Ubuntu 26.04",
}

# Runs as root in the new namespaces. $1: the folder, $2: the script to run inside. It stays the first process there:
# when it is killed, all others are.
ENTER = """
set -eu
root="$1"; shift
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
cat /etc/resolv.conf > "$root/etc/resolv.conf"
{shares}
{lan}
{setup}
chroot "$root" setpriv --reuid {number} --regid {number} --clear-groups env -i {variables} bash -c "$1" || exit "$?"
"""
SHARE = """
if [ -d {path} ]; then mkdir -p "$root{path}"; else mkdir -p "$root{parent}"; touch "$root{path}"; fi
mount --bind {path} "$root{path}"; mount -o remount,bind,ro "$root{path}"
"""


def debootstrap(suite: str, folder: Path) -> list[str]:
    """The command that makes the system in the folder."""
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}"]
    if SYSTEMS[suite].startswith("Debian"):
        return [*command, suite, str(folder), "http://deb.debian.org/debian"]
    # Ubuntu's installer switches on universe. The script is that of all releases since 2007, also of those that this
    # debootstrap does not know yet.
    script = "/usr/share/debootstrap/scripts/gutsy"
    return [*command, "--components=main,universe", suite, str(folder), "http://archive.ubuntu.com/ubuntu", script]


@dataclass(frozen=True)
class Result:
    """What a command did. `status` None: it ran past its limit."""

    status: int | None
    output: str
    seconds: float


@dataclass(frozen=True)
class Machine:
    """`shares`: files and folders of this computer that are seen inside too, at the same place, not to be written."""

    folder: Path
    suite: str
    shares: tuple[Path, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)

    def make(self) -> None:
        """Make the system, unless it is there."""
        if self.folder.exists():
            return
        unfinished = self.folder.with_name(self.folder.name + ".part")
        subprocess.run(["rm", "-rf", "--one-file-system", str(unfinished)], check=True)
        subprocess.run(debootstrap(self.suite, unfinished), check=True, stdout=subprocess.DEVNULL)
        # as every installer and every container does; what debootstrap makes of Debian 12 knows no localhost
        (unfinished / "etc/hosts").write_text("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
        unfinished.rename(self.folder)
        self.run(f"useradd --create-home --uid {NUMBERS[USER]} --shell /bin/bash {USER}", user="root")

    def run(
        self,
        script: str,
        user: str = USER,
        offline: bool = False,
        setup: str = "",
        variables: dict[str, str] | None = None,
        limit: float = 3600,
    ) -> Result:
        """Run a bash script inside. `setup` runs before, as root outside, with the folder as `$root`.

        `offline`: with no network but the loopback. A variable given as "" is not set at all.
        """
        home = "/root" if user == "root" else f"/home/{user}"
        usual = {"HOME": home, "USER": user, "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C.UTF-8"}
        given = {**usual, **self.variables, **(variables or {})}
        enter = ENTER.format(
            shares="\n".join(SHARE.format(path=path, parent=path.parent) for path in self.shares),
            lan="ip link set lo up" if offline else "",
            setup=setup,
            number=NUMBERS[user],
            variables=" ".join(f"{name}={shlex.quote(value)}" for name, value in given.items() if value),
        )
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *(["--net"] if offline else [])]
        log = self.folder.with_name(f"{self.folder.name}.output")
        start = time.monotonic()
        with log.open("wb") as file:
            command = [*apart, "bash", "-c", enter, "enter", str(self.folder), script]
            try:
                status: int | None = subprocess.call(
                    command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, timeout=limit, cwd="/", env=_plain()
                )
            except subprocess.TimeoutExpired:
                status = None
        seconds = time.monotonic() - start
        return Result(status, log.read_text(encoding="utf-8", errors="replace"), seconds)


def _plain() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")}
