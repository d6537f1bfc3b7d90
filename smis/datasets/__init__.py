"""Image and label-map data sets, and the archives that hold them."""

from smis.datasets.archive import Archive, ArchiveError, Samples, people, write_archive

__all__ = ["Archive", "ArchiveError", "Samples", "people", "write_archive"]
