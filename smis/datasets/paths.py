"""Where the data files lie."""

from __future__ import annotations

import os
from pathlib import Path


def data_dir() -> Path:
    """The folder of the data files: the environment variable SMIS_DATA, else `data/` beside the package.

    Raises FileNotFoundError, saying what to do, when there is no such folder.
    """
    given = os.environ.get("SMIS_DATA")
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "data"
    if not folder.is_dir():
        raise FileNotFoundError(
            f"no data folder at {folder}. Set SMIS_DATA to the `data` folder of a clone of the "
            "repository, or install the package from such a clone with `pip install -e .`"
        )
    return folder


def data_file(name: str) -> Path:
    """The path of one file of the data folder; FileNotFoundError when it is not there."""
    path = data_dir() / name
    if not path.is_file():
        raise FileNotFoundError(
            f"no file {path}. data/README.md says how each data file is made again; SMIS_DATA names another data folder"
        )
    return path
