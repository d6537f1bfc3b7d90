"""The `smis` command. Each of its commands is a module of `smis.commands`.

Exit status: 0; 1 with one line `smis: error: ...`; 2 for a wrong command line; 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from smis.commands import COMMANDS, STOPPED, Commands

__all__ = ["main"]

# What to install when a module of an optional part is missing.
EXTRA_OF = {"scipy": "synth", "numba": "synth", "accelerate": "train", "matplotlib": "lab"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, given as words (default: those of the command line). Returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        status: int = args.run(args)
    except KeyboardInterrupt:
        print("smis: stopped", file=sys.stderr)
        return STOPPED
    except Exception as error:
        message = _message(error)
        if message is None or args.debug:
            raise
        print(f"smis: error: {message}", file=sys.stderr)
        return 1
    return status


def _message(error: Exception) -> str | None:
    """One line about an error that the user can mend; None for what must be a bug of ours."""
    if isinstance(error, ModuleNotFoundError) and error.name in EXTRA_OF:
        return f"this needs the package {error.name!r}: pip install 'smis[{EXTRA_OF[error.name]}]'"
    if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
        return (
            f"there is not enough memory: take a smaller size, batch or network ({' '.join(str(error).split())[:200]})"
        )
    if isinstance(error, (ValueError, OSError)) or type(error).__module__.startswith("smis."):
        return " ".join(str(error).split()) or type(error).__name__
    return None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="smis", description="Semantically Multi-modal Image Synthesis.")
    commands = Commands(parser.add_subparsers(title="commands", required=True, metavar="COMMAND"))
    for name in COMMANDS:
        import_module(f"smis.commands.{name}").add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
