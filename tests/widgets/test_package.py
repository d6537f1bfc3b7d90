"""Without ipycanvas the package says what to install; pictures carry their text."""

import subprocess
import sys

import numpy as np
import pytest

from smis_widgets import strip


@pytest.mark.parametrize("missing", ["ipycanvas", "ipywidgets"])
def test_a_missing_package_is_named_with_the_remedy(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; import smis_widgets"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'smis[widgets]'" in done.stderr
    assert missing in done.stderr.splitlines()[-1]


def test_strip_carries_its_text_alternative() -> None:
    picture = strip([np.zeros((8, 8, 3), np.uint8)] * 2, ["one", "two"], alt="Two black squares.")
    assert repr(picture) == "Two black squares."
    data, meta = picture._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert meta["image/png"]["alt"] == "Two black squares."
    with pytest.raises(ValueError, match="2 images, 1 captions"):
        strip([np.zeros((8, 8, 3), np.uint8)] * 2, ["one"], alt="")
