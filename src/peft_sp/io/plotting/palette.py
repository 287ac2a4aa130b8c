"""The colours of everything that is drawn, each by the name of its part, for light and for dark.

Curves and bars have the colours of Okabe and Ito, which the colour-blind tell apart, or darker
ones of the same hue where thin lines or small words need the contrast.
"""

from __future__ import annotations

from collections.abc import Mapping

BLUE, VERMILION, GREEN, SKY = "#0072b2", "#d55e00", "#009e73", "#56b4e9"
GREY, PALE = "#666666", "#e8e8e8"
"""Charts of figures: reference lines, and grids."""

LIGHT = {
    "ink": "#1a1a1a",
    "faint": "#595959",
    "rule": "#d9d9d9",
    "line": "#b9bfc6",
    "ground": "#ffffff",
    "panel": "#f5f6f8",
    "card": "#ffffff",
    "hover": "#eef4f8",
    "chosen": "#d5e7f3",
    "bar": "#4a86ad",
    "focus": BLUE,
    "on-focus": "#ffffff",
    "wrong": "#b42318",
    "wrong-tint": "#fdeceb",
    "n-region": BLUE,
    "h-region": VERMILION,
    "c-region": GREEN,
    "twin-arginine": "#a64d79",
    "lipobox": "#8a5f00",
    "pilin": "#3a7ca5",
    "other": "#6e6e6e",
    "n-region-tint": "#b9d9ec",
    "h-region-tint": "#f6cfb0",
    "c-region-tint": "#b5e3d5",
    "twin-arginine-tint": "#ecd0df",
    "lipobox-tint": "#f5ddb0",
    "pilin-tint": "#cfe6f5",
    **{"loss-1": "#fbe3d2", "loss-2": "#f3b98f", "loss-3": "#d9762f", "loss-4": "#9c3d00"},
    **{"gain-1": "#dcebf5", "gain-2": "#a3cbe6", "gain-3": "#2f86c1", "gain-4": "#00456d"},
}
"""Colours on white paper. A tint lies under letters, where the predicted regions are; loss and
gain, by strength, are those of maps."""
DARK = {
    "ink": "#e8e8e8",
    "faint": "#a9afb5",
    "rule": "#3b4147",
    "line": "#535b63",
    "ground": "#16191c",
    "panel": "#131619",
    "card": "#1d2125",
    "hover": "#262c32",
    "chosen": "#2c4252",
    "bar": "#6ba6cc",
    "focus": "#6cb8ea",
    "on-focus": "#10161b",
    "wrong": "#ff8f80",
    "wrong-tint": "#47211e",
    "n-region": "#5fb4ea",
    "h-region": "#ff9248",
    "c-region": "#34cfa2",
    "twin-arginine": "#e58fbb",
    "lipobox": "#dcaa3c",
    "pilin": "#8cc6ea",
    "other": "#a0a0a0",
    "n-region-tint": "#1d4561",
    "h-region-tint": "#6d3a16",
    "c-region-tint": "#14523f",
    "twin-arginine-tint": "#5a2e45",
    "lipobox-tint": "#5a430f",
    "pilin-tint": "#2b4f67",
    **{"loss-1": "#3a2314", "loss-2": "#6d3a16", "loss-3": "#c46a2a", "loss-4": "#ffb37f"},
    **{"gain-1": "#162c3a", "gain-2": "#1d4f73", "gain-3": "#4b9fd4", "gain-4": "#b3dcf7"},
}
"""The same on a dark screen."""


def style_sheet() -> str:
    """The colours as CSS custom properties: `--ink` and so on, dark where the reader's screen is.

    `data-theme="dark"`, or "light", of the root decides otherwise. Paper is never dark.
    """
    light, dark = (_properties(colours) for colours in (LIGHT, DARK))
    return (
        f":root {{ color-scheme: light dark; {light} }}\n"
        ":root[data-theme=light] { color-scheme: light; }\n"
        "@media screen and (prefers-color-scheme: dark) "
        f"{{ :root:not([data-theme=light]) {{ {dark} }} }}\n"
        f"@media screen {{ :root[data-theme=dark] {{ color-scheme: dark; {dark} }} }}\n"
    )


def _properties(colours: Mapping[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in colours.items())
