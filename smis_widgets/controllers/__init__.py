"""The controllers: every class's code as a thing to draw, to hold and to steer."""

from smis_widgets.controllers.panel import Controllers

__all__ = ["Controllers"]
