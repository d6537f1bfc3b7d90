"""The morpher's look: what is its own beside the theme that all widgets share."""

from __future__ import annotations

from collections.abc import Sequence

from smis_widgets.board import Board
from smis_widgets.morpher.pictures import ROWS, WIDTH
from smis_widgets.theme import ACCENT, css

HATCH = "repeating-linear-gradient(135deg, rgb(128 128 128 / 55%) 0 3px, transparent 3px 7px)"

MORPHER = f"""<style>
.smis-chips {{ gap: 5px; }}
.smis-chip.widget-toggle-button, .smis-few.widget-button {{
  width: auto; height: 27px; line-height: 23px; margin: 0; padding: 0 11px 0 9px; border-radius: 14px;
  border: 2px solid rgb(128 128 128 / 40%); background: transparent; color: var(--jp-ui-font-color2, gray);
  box-shadow: none; }}
.smis-few.widget-button {{ border-style: dotted; }}
.smis-chip.widget-toggle-button.mod-active {{
  border-color: {css(ACCENT)}; background: rgb(230 140 0 / 13%); color: var(--jp-ui-font-color0, inherit); }}
.smis-chip.smis-unseen {{ opacity: 0.55; }}
.smis-chip::before {{ content: ''; display: inline-block; width: 11px; height: 11px; border-radius: 3px;
  margin-right: 6px; vertical-align: -1px; box-shadow: 0 0 0 1px rgb(128 128 128 / 60%); }}
.smis-chip:focus-visible, .smis-few:focus-visible, .smis-frame:focus-visible, .smis-key:focus-visible {{
  outline: 2px dashed var(--jp-ui-font-color1, gray); outline-offset: 1px; }}
.smis-frame.widget-button {{ padding: 0; flex: none; border-radius: 5px; min-width: 0; }}
.smis-frame.widget-button:hover {{ box-shadow: inset 0 0 0 2px rgb(128 128 128); }}
.smis-frame.widget-button.smis-on {{ box-shadow: inset 0 0 0 3px {css(ACCENT)}, inset 0 0 0 4px white; }}
.smis-ticks {{ display: flex; width: {WIDTH}px; font-size: 12px; line-height: 17px; text-align: center;
  color: var(--jp-ui-font-color2, inherit); }}
.smis-ticks > span {{ flex: 1 1 0; }}
.smis-ticks b {{ color: var(--jp-ui-font-color0, inherit); font-size: 13px; }}
.smis-ticks i {{ display: inline-block; padding: 0 6px; border-top: 2px dashed rgb(128 128 128 / 80%); }}
.smis-slide .slider-container {{ margin: 0; padding: 0; }}
.smis-slide.widget-hslider {{ margin: 2px 0; }}
.smis-amount.widget-hslider {{
  background: {HATCH} 0 50% / 25% 16px no-repeat, {HATCH} 100% 50% / 25% 16px no-repeat; }}
.smis-set.widget-toggle-buttons {{ display: flex; flex-flow: row nowrap; width: auto; align-items: center; }}
.smis-set .widget-toggle-button {{ margin-bottom: 0; }}
.smis-line {{ position: relative; overflow: visible; }}
.smis-line .widget-html, .smis-line .widget-html-content {{ margin: 0; }}
.smis-line img {{ display: block; }}
.smis-key.widget-button {{ position: absolute; width: 13px; height: 13px; min-width: 0; margin: 0; padding: 0;
  transform: rotate(45deg); background: {css(ACCENT)}; border-radius: 2px; box-shadow: 0 0 0 2px white; z-index: 1; }}
.smis-key.widget-button:hover {{ box-shadow: 0 0 0 3px white, 0 0 0 5px rgb(128 128 128); }}
.smis-key.widget-button.smis-on {{ background: white; box-shadow: 0 0 0 3px {css(ACCENT)}; }}
.smis-tool.widget-button, .smis-tool.widget-toggle-button {{ width: auto; margin-left: 0; }}
</style>"""


def gallery_style(scope: str, board: Board, plain: str) -> str:
    """`plain` is `cell_style` of the board; here each of the gallery's three rows gets the board's row it shows."""
    shift = [-(board.pitch * row + board.gap // 2) for _, row in ROWS]
    rules = [
        f".{scope} > :nth-child({k + 1}) .smis-cell {{ background-position-y: {y}px; }}" for k, y in enumerate(shift)
    ]
    return plain + "<style>" + "\n".join(rules) + "</style>"


def chip_style(scope: str, palette: Sequence[tuple[int, int, int]]) -> str:
    """CSS that gives each class's chip its colour."""
    rules = [
        f".{scope} .smis-chip:nth-child({c + 1})::before {{ background: {css(rgb)}; }}" for c, rgb in enumerate(palette)
    ]
    return "<style>" + "\n".join(rules) + "</style>"
