"""Settings shared by all tests."""

from __future__ import annotations

import os

# The tests' networks are tiny: a second thread gains nothing, and on a busy machine it costs a lot of waiting.
# Set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
