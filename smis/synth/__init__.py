"""Rendered people: pictures whose label maps, and whose restyled versions, are exact."""

from importlib.util import find_spec

if find_spec("scipy") is None:
    raise ImportError("rendering people needs scipy (and numba, for speed): run `pip install smis[synth]`")
