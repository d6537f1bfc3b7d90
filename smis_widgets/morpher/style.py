"""The morpher's look: what is its own beside the theme that all widgets share."""

from __future__ import annotations

from smis_widgets.board import Board
from smis_widgets.look import CHOSEN, EDGE, RING
from smis_widgets.morpher.pictures import ROWS, WIDTH

HATCH = "repeating-linear-gradient(135deg, rgb(128 128 128 / 55%) 0 3px, transparent 3px 7px)"

MORPHER = f"""<style>
.smis-morpher .smis-frame.widget-button {{ padding: 0; flex: none; border: 0; border-radius: 5px; min-width: 0; }}
.smis-morpher .smis-frame.widget-button:hover:enabled {{ box-shadow: inset 0 0 0 2px {EDGE}; }}
.smis-morpher .smis-frame.widget-button.smis-on:enabled {{ {RING} }}
.smis-morpher .smis-ticks {{ display: flex; width: {WIDTH}px; font-size: 12px; line-height: 17px; text-align: center;
  color: var(--jp-ui-font-color2, inherit); }}
.smis-morpher .smis-ticks > span {{ flex: 1 1 0; }}
.smis-morpher .smis-ticks b {{ color: var(--jp-ui-font-color0, inherit); font-size: 13px; }}
.smis-morpher .smis-ticks i {{ display: inline-block; padding: 0 6px; border-top: 2px dashed rgb(128 128 128 / 80%); }}
.smis-morpher .smis-slide .slider-container {{ margin: 0; padding: 0; }}
.smis-morpher .smis-slide.widget-hslider {{ margin: 2px 0; }}
.smis-morpher .smis-amount.widget-hslider {{
  background: {HATCH} 0 50% / 25% 16px no-repeat, {HATCH} 100% 50% / 25% 16px no-repeat; }}
.smis-morpher .smis-line {{ position: relative; overflow: visible; }}
.smis-morpher .smis-line .widget-html, .smis-morpher .smis-line .widget-html-content {{ margin: 0; }}
.smis-morpher .smis-line img {{ display: block; }}
.smis-morpher .smis-key.widget-button {{ position: absolute; width: 13px; height: 13px; min-width: 0; margin: 0;
  padding: 0; border: 0; transform: rotate(45deg); background: {CHOSEN}; border-radius: 2px;
  box-shadow: 0 0 0 2px white; z-index: 1; }}
.smis-morpher .smis-key.widget-button:hover:enabled {{ box-shadow: 0 0 0 3px white, 0 0 0 5px rgb(128 128 128); }}
.smis-morpher .smis-key.widget-button.smis-on:enabled {{ background: white; box-shadow: 0 0 0 3px {CHOSEN}; }}
</style>"""


def gallery_style(scope: str, board: Board, plain: str) -> str:
    """`plain` is `cell_style` of the board; here each of the gallery's three rows gets the board's row it shows."""
    shift = [-(board.pitch * row + board.gap // 2) for _, row in ROWS]
    rules = [
        f".smis-morpher .{scope} > :nth-child({k + 1}) .smis-cell {{ background-position-y: {y}px; }}"
        for k, y in enumerate(shift)
    ]
    return plain + "<style>" + "\n".join(rules) + "</style>"
