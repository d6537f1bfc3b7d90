"""Image and label-map data sets, and the archives that hold them."""

from smis.datasets.archive import Archive, ArchiveError, Samples, people, world, write_archive
from smis.datasets.cache import Stream, cached
from smis.datasets.folders import folder
from smis.datasets.sources import open_source

__all__ = [
    "Archive",
    "ArchiveError",
    "Samples",
    "Stream",
    "cached",
    "folder",
    "open_source",
    "people",
    "world",
    "write_archive",
]
