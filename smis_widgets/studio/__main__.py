"""`python -m smis_widgets.studio`: open the studio; `--pictures` draws the start page's pictures anew."""

from __future__ import annotations

import argparse
import sys

from smis_widgets.studio.pages import PAGES
from smis_widgets.studio.start import PICTURES


def main() -> int:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="smis_widgets.studio", description="The widgets as pages in a browser.")
    parser.add_argument("--port", type=int, default=8866, help="default: 8866, or the next free one")
    parser.add_argument("--no-browser", action="store_true", help="print the address, open no browser")
    parser.add_argument("--pictures", action="store_true", help="draw the start page's pictures anew, and end")
    args = parser.parse_args()
    if args.pictures:
        draw_pictures()
        return 0
    try:
        from smis_widgets.studio.server import serve
    except ImportError as error:
        print(
            f"The studio needs Voila, and {error.name} is missing. Install it with: pip install 'smis[studio]' "
            "(from a clone: pip install -e '.[studio]', or make install)",
            file=sys.stderr,
        )
        return 1
    serve(args.port, browser=not args.no_browser)
    return 0


def draw_pictures() -> None:
    """A small picture of each widget, from its static twin."""
    PICTURES.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        widget = page.make()
        if name == "training":
            widget.step("both", 40)
        picture = widget.snapshot()
        picture.thumbnail((900, 900))
        picture.save(PICTURES / f"{name}.webp", quality=80, method=6)
        widget.close()


if __name__ == "__main__":
    sys.exit(main())
