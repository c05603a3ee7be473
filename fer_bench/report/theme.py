"""How charts look: colours of the light and the dark page by name, and what all charts have in common.

Specifications name colours by a word such as "@gain"; the page puts in those of its theme. Blue and vermilion
are from Okabe and Ito's palette, which no colour blindness confuses (https://jfly.uni-koeln.de/color/). Where
colour says something, so does a sign, a shape or a number.
"""

from __future__ import annotations

from typing import Any

LIGHT = {
    "@ink": "#1c2128",
    "@soft": "#59636e",
    "@grid": "#e7eaee",
    "@zero": "#8c959f",
    "@quiet": "#8c959f",
    "@accent": "#0072b2",
    "@gain": "#0072b2",
    "@loss": "#c4500a",
    "@middle": "#f4f5f7",
    "@strong": "#ffffff",
    "@surface": "#ffffff",
    "@second": "#c4500a",
}
DARK = {
    "@ink": "#e6edf3",
    "@soft": "#9da7b3",
    "@grid": "#2b323b",
    "@zero": "#6e7884",
    "@quiet": "#7d8794",
    "@accent": "#56b4e9",
    "@gain": "#56b4e9",
    "@loss": "#f0884a",
    "@middle": "#20262e",
    "@strong": "#0d1117",
    "@surface": "#14181e",
    "@second": "#f0884a",
}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def config() -> dict[str, Any]:
    """Vega-Lite's `config` of all charts, with names of colours; "@labels" is the width for labels."""
    words = {"labelColor": "@soft", "titleColor": "@soft", "labelFontSize": 12, "titleFontSize": 12}
    words |= {"titleFontWeight": "normal"}
    return {
        "font": FONT,
        "aria": False,  # the page labels each chart and has its data as a table
        "background": "transparent",  # exports put in white
        "padding": 4,
        "view": {"stroke": None},
        "axis": words
        | {
            "gridColor": "@grid",
            "domain": False,
            "ticks": False,
            "labelPadding": 6,
            "titlePadding": 8,
        },
        "axisY": {"labelLimit": "@labels"},
        "header": words | {"labelColor": "@ink", "labelFontWeight": 600, "labelPadding": 6},
        "legend": words
        | {
            "symbolOpacity": 1,
            "orient": "top",
            "symbolSize": 70,
            "labelLimit": 260,
            "titleOrient": "left",
            "titleLimit": 400,
            "gradientThickness": 10,
            "gradientLength": 140,
        },
        "title": {
            "color": "@ink",
            "subtitleColor": "@soft",
            "fontSize": 14,
            "anchor": "start",
            "offset": 12,
            "fontWeight": 600,
        },
        "text": {"color": "@ink", "fontSize": 11},
    }
