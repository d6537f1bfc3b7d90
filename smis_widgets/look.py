"""How all widgets look on the page, as CSS: buttons, toggles, chips, fields, sliders, words; on light and dark pages.

Every rule here begins with `.smis-panel`. What is one widget's own stands under that widget's class, such as
`.smis-mixer`, and wins by having a class more: two widgets on one page do not change each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as widgets
from ipywidgets import Layout

from smis_widgets.theme import ACCENT, css

EDGE = "rgb(128 128 128)"  # around what can be pressed: contrast above 3 on white and on Jupyter's dark grey
CHOSEN = "rgb(196 112 0)"  # the accent, as dark as an edge must be on white
TINT = "rgb(230 140 0 / 16%)"
DIM = "var(--jp-ui-font-color2, inherit)"
RING = f"box-shadow: inset 0 0 0 3px {CHOSEN}, inset 0 0 0 4px white;"  # around a chosen picture
SWATCH = (
    "content: ''; display: inline-block; width: 11px; height: 11px; margin-right: 6px; border-radius: 3px; "
    "vertical-align: -1px; box-shadow: 0 0 0 1px rgb(128 128 128 / 60%);"
)

STYLE = f"""<style>
.smis-panel {{ color: var(--jp-ui-font-color1, inherit); max-width: 1100px; padding: 2px;
  --jp-widgets-input-border-color: {EDGE}; --jp-widgets-slider-handle-border-color: {EDGE}; }}
.smis-panel canvas.smis-result, .smis-panel canvas.smis-still {{ pointer-events: none; border-radius: 8px; }}
.smis-panel canvas.smis-fit {{ max-width: 100%; height: auto !important; }}

.smis-panel .jupyter-button {{ border: 1px solid {EDGE}; border-radius: 5px; line-height: normal; box-shadow: none; }}
.smis-panel .jupyter-button.mod-active, .smis-panel .jupyter-button.mod-active:hover:enabled,
.smis-panel .smis-tool.smis-on, .smis-panel .smis-tool.smis-on:hover:enabled {{
  border-color: {CHOSEN}; box-shadow: inset 0 0 0 1px {CHOSEN}; background: {TINT};
  color: var(--jp-ui-font-color0, inherit); }}
.smis-panel .jupyter-button:disabled:where(:not(.smis-cell)) {{
  border-style: dashed; background: transparent; box-shadow: none; opacity: 0.55;
  color: var(--jp-ui-font-color1, inherit); }}
.smis-panel .jupyter-button:focus-visible:enabled {{
  outline: 2px dashed var(--jp-ui-font-color1, gray); outline-offset: 1px; }}
.smis-panel .smis-tool.jupyter-button {{ width: auto; margin-left: 0; flex: none; }}
.smis-panel .smis-lock.widget-toggle-button {{ width: 32px; padding: 0; flex: none; }}
.smis-panel .widget-toggle-buttons.smis-set {{ display: flex; flex-flow: row nowrap; width: auto;
  align-items: center; }}
.smis-panel .smis-set .widget-toggle-button {{ margin-bottom: 0; }}
.smis-panel .smis-set .widget-label {{ margin-right: 6px; }}

.smis-panel input:disabled {{ border-style: dashed; background: transparent; opacity: 0.5; }}
.smis-panel .noUi-connects {{ background: {EDGE}; }}
.smis-panel .noUi-handle {{ border-color: {EDGE}; }}
.smis-panel [disabled] .noUi-handle {{ border-style: dashed; }}
.smis-panel .smis-letter input {{ text-align: center; }}

.smis-panel .smis-chips {{ gap: 5px; }}
.smis-panel .smis-chip.jupyter-button, .smis-panel .smis-few.jupyter-button {{
  width: auto; height: 27px; margin: 0; padding: 0 11px 0 9px; border-radius: 14px; background: transparent; }}
.smis-panel .smis-few.jupyter-button {{ border-style: dotted; }}
.smis-panel .smis-chip.mod-active.jupyter-button {{ background: {TINT}; }}
.smis-panel .smis-chip.smis-unseen.jupyter-button {{ border-style: dashed; font-style: italic; }}
.smis-panel .smis-chip.smis-unseen.jupyter-button:not(.mod-active) {{ color: {DIM}; }}
.smis-panel .smis-chip::before {{ {SWATCH} }}
.smis-panel .smis-chip.smis-kept::after {{ content: '\\f023'; font: 900 10px 'Font Awesome 5 Free', 'FontAwesome';
  margin-left: 6px; }}
.smis-panel .smis-swatch {{ width: 12px; height: 12px; border-radius: 3px;
  box-shadow: 0 0 0 1px rgb(128 128 128 / 60%); }}

.smis-panel .smis-status {{ font-size: 13px; line-height: 18px; color: var(--jp-ui-font-color1, inherit); }}
.smis-panel .smis-status small, .smis-panel .smis-note, .smis-panel .smis-caption {{
  font-size: 12px; line-height: 16px; color: {DIM}; }}
.smis-panel .smis-caption {{ text-align: center; }}
.smis-panel .smis-try summary {{ cursor: pointer; }}
.smis-panel .smis-try ol {{ margin: 2px 0; padding-left: 20px; font-size: 13px; line-height: 18px; }}
.smis-panel .smis-hint {{ border-left: 3px solid {css(ACCENT)}; padding: 2px 0 2px 8px; margin-top: 4px; }}
.smis-panel .smis-error {{ border-left: 3px solid rgb(200 40 40); padding: 2px 0 2px 8px; margin-top: 4px; }}
.smis-panel .smis-working {{ font-size: 13px; white-space: nowrap; }}
.smis-panel .smis-working::before {{ content: '●'; margin-right: 5px; color: {css(ACCENT)};
  animation: smis-pulse 0.8s infinite alternate; }}
@keyframes smis-pulse {{ to {{ opacity: 0.2; }} }}
@media (prefers-reduced-motion: reduce) {{ .smis-panel .smis-working::before {{ animation: none; }} }}
</style>"""


def swatches(scope: str, button: str, palette: Sequence[tuple[int, int, int]]) -> str:
    """CSS that gives the n-th `.button` inside `.scope` the n-th colour."""
    rules = (
        f".{scope} .{button}:nth-child({n + 1})::before {{ background: {css(c)}; }}" for n, c in enumerate(palette)
    )
    return "<style>" + "\n".join(rules) + "</style>"


def hint(words: str, width: int | None = None) -> widgets.HTML:
    """What to do with a widget: the small line at its top, no wider than the rest."""
    layout = Layout() if width is None else Layout(max_width=f"{width}px")
    return widgets.HTML(f'<div class="smis-status"><small>{words}</small></div>', layout=layout)


def note(words: str) -> widgets.HTML:
    """A small sentence that says what a control changes."""
    return widgets.HTML(f'<div class="smis-note">{words}</div>')


def tasks(words: Sequence[str], done: set[int]) -> str:
    """Things to try, as HTML; those that were done are ticked."""
    ticked = "".join(f"<li>{'✓ ' if k in done else ''}{line}</li>" for k, line in enumerate(words))
    return f'<div class="smis-try"><div class="smis-note">Try this</div><ol>{ticked}</ol></div>'
