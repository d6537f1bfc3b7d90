"""What is tried on a bare machine, in this order: later trials use what earlier ones installed.

A trial is a bash script that an ordinary user runs in the clone. It succeeds when it ends with status 0. Its last line
`outcome: ...`, when there is one, goes into the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tools.machines.machine import NUMBERS, USER

# A space, letters beyond ASCII and an apostrophe: each has broken some install script.
CLONE = "/srv/Übungen für's Notebook/smis"
SECOND = "/srv/second"

# The command must fail, and say $1.
SAYS = """
says() {
    text="$1"; shift
    said="$(mktemp)"; if "$@" > "$said" 2>&1; then cat "$said"; echo "outcome: it did not refuse"; exit 1; fi
    cat "$said"
    grep -qF "$text" "$said" || { echo "outcome: refused without saying '$text'"; exit 1; }
    if grep -q Traceback "$said"; then echo "outcome: refused with a traceback"; exit 1; fi
    echo "outcome: says: $(grep -hF "$text" "$said" | head -n 1 | sed 's/^ *//')"
}
"""
SERVER = ".venv/bin/python /usr/local/lib/smis-trial/server.py"
NBVAL = (
    ".venv/bin/python -m pytest -q --nbval --nbval-current-env --nbval-cell-timeout 1200 "
    "--nbval-sanitize-with tests/notebooks/sanitize.cfg -p no:playwright"
)
# Run a program whose last line says how many tests passed: that line is the outcome.
COUNTED = """
counted() {
    status=0; counts="$(mktemp)"; "$@" > "$counts" 2>&1 || status=$?
    cat "$counts"; echo "outcome: $(tail -n 1 "$counts")"; return $status
}
"""


@dataclass(frozen=True)
class Trial:
    """One line of the table. `first`: what root does before, inside; not timed."""

    name: str
    what: str
    script: str
    first: str = ""
    user: str = USER
    offline: bool = False
    setup: str = ""  # as root, outside; the machine's folder is $root
    folder: str = CLONE
    variables: dict[str, str] = field(default_factory=dict)
    limit: float = 3600


def apt(*packages: str) -> str:
    names = " ".join(packages)
    return f"apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends {names}"


def clone(folder: str) -> str:
    return f'git clone -q /var/lib/smis.bundle "{folder}"'


def in_make(command: str) -> str:
    """The command with the surroundings that the Makefile gives to the tests."""
    return f"make -s --eval 'trial: ; @{command}' trial"


def read_only(folder: str) -> str:
    """Bash for `setup`: nobody can write there, root included."""
    return f'mount --bind "$root{folder}" "$root{folder}"; mount -o remount,bind,ro "$root{folder}"'


def small_disk(folder: str, size: str) -> str:
    """Bash for `setup`: what is written into the folder goes to a disk of this size."""
    return f"""
disk="$root/mnt"; mount -t tmpfs -o size={size} tmpfs "$disk"
mkdir "$disk/lower" "$disk/upper" "$disk/work"; chown --reference="$root{folder}" "$disk/upper"
mount --bind "$root{folder}" "$disk/lower"
mount -t overlay -o "lowerdir=$disk/lower,upperdir=$disk/upper,workdir=$disk/work" overlay "$root{folder}"
"""


def full_disk(folder: str) -> str:
    """Bash for `setup`: everything can be read there, and nothing fits any more."""
    return small_disk(folder, "1m") + 'dd if=/dev/zero of="$disk/upper.filled" bs=4k 2> /dev/null || true'


def trials() -> Iterator[Trial]:
    """All of them."""
    yield from installing()
    yield from checking()
    yield from without_network()
    yield from homes()
    yield from folders()
    yield from as_ci()


def installing() -> Iterator[Trial]:
    yield Trial(
        "no-python",
        "`make lab` without Python",
        f'{clone(CLONE)}; cd "{CLONE}"\nsays "apt install python3 python3-venv" make lab',
        first=f'install -d -o {USER} "{CLONE.rpartition("/")[0]}"',
        folder="/",
    )
    yield Trial(
        "no-venv",
        "`make lab` without Debian's `python3-venv`",
        'says "sudo apt install python3-venv" make lab',
        first=apt("python3"),
    )
    yield Trial("install", "`make install`", "make install", first=apt("python3-venv"))
    yield Trial("lab", "`make lab`", f"{SERVER} lab")


def without_network() -> Iterator[Trial]:
    yield Trial("offline-lab", "offline: `make lab` again", f"{SERVER} lab", offline=True)
    yield Trial("offline-studio", "offline: `make studio`", f"{SERVER} studio", offline=True)
    yield Trial("offline-notebook", "offline: notebook 00", f"counted {NBVAL} notebooks/00*.ipynb", offline=True)
    yield Trial("offline-tests", "offline: `make widgets`", "counted make widgets", offline=True)


def homes() -> Iterator[Trial]:
    tests = "tests/unit/test_cache.py tests/unit/test_cli.py tests/unit/test_synth.py"
    use = f"""{SERVER} lab; {SERVER} studio
{in_make(NBVAL + " notebooks/00*.ipynb")}; counted {in_make(".venv/bin/python -m pytest -q " + tests)}"""
    empty = f'mount -t tmpfs -o ro,mode=755 tmpfs "$root/home/{USER}"'
    what = "`make lab`, `make studio`, notebook 00, tests of the cache, the command and the renderer"
    yield Trial("home-read-only", f"read-only home: {what}", use, setup=empty)
    yield Trial("home-missing", f"HOME does not exist: {what}", use, variables={"HOME": "/nowhere"})
    yield Trial("home-unset", f"HOME not set: {what}", use, variables={"HOME": ""})


def folders() -> Iterator[Trial]:
    yield Trial("clone-read-only", "read-only clone, installed: `make lab`", f"{SERVER} lab", setup=read_only(CLONE))
    yield Trial(
        "tests-read-only",
        "read-only clone, installed: `make test`",
        'says "use a clone of your own" make test',
        setup=read_only(CLONE),
    )
    yield Trial("clone-full", "full disk, installed: `make lab`", f"{SERVER} lab", setup=full_disk(CLONE))
    fresh = f"rm -rf {SECOND}; {clone(SECOND)}; chown -R {NUMBERS['stranger']} {SECOND}"
    stranger = {"HOME": "/nonexistent", "USER": "", "LANG": "", "LC_ALL": "C"}
    for name, what, setup, text in (
        ("install-read-only", "read-only clone: `make lab`", read_only(SECOND), "must be a folder that you can write"),
        ("install-full", "full disk: `make lab`", full_disk(SECOND), "with some GB free"),
        ("install-small", "disk of 200 MB: `make lab`", small_disk(SECOND, "200m"), "No space left on device"),
    ):
        yield Trial(name, what, f'says "{text}" make lab', fresh, "stranger", False, setup, SECOND, stranger)
    yield Trial(
        "stranger",
        "a user in no list of users, without a home, `LC_ALL=C`, `umask 077`: "
        "`make install TORCH=cpu`, `make lab`, `make studio`, notebook 00",
        f"umask 077; make install TORCH=cpu; {SERVER} lab; {SERVER} studio\n"
        f"counted {in_make(NBVAL + ' notebooks/00*.ipynb')}",
        fresh,
        "stranger",
        folder=SECOND,
        variables=stranger,
    )


def checking() -> Iterator[Trial]:
    yield Trial(
        "tests",
        "all that `make test` does, without its browser tests",
        "counted .venv/bin/python tools/test.py lint unit widgets notebooks",
        limit=7200,
    )


def as_ci() -> Iterator[Trial]:
    """As root in a fresh clone, where Chromium is missing."""
    some = "counted env CI=true .venv/bin/python -m pytest -q tests/browser/test_mixer.py"
    for name, what, script in (
        ("ci-mixer", "`.ci/run install`, then the mixer in the browser", f"bash .ci/run install; {some}"),
        ("ci", "`.ci/run`", "counted bash .ci/run"),
    ):
        yield Trial(
            name,
            f"as root, without Chromium: {what}",
            f"{clone('/root/smis')}; cd /root/smis; {script}",
            "rm -rf /root/smis; apt-get purge -y -q --auto-remove chromium || true",
            user="root",
            folder="/",
            limit=7200,
        )
