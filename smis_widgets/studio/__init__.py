"""The widgets as pages in a browser, without a notebook: `python -m smis_widgets.studio`, or `make studio`."""
