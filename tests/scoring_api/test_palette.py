"""Claims about the colours of the screens: text has contrast 4.5, graphics 3, in both themes and in high contrast."""

import re
from importlib.resources import files

import pytest

CSS = files("scoring_api.pages").joinpath("static", "milepost.css").read_text(encoding="utf-8")
SCREENS = files("scoring_api.pages").joinpath("static", "screens.css").read_text(encoding="utf-8")
COLOUR = re.compile(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
BANDS = ("red", "yellow", "green", "unknown")
GROUNDS = ("ground", "surface", "sunken")


def palette(theme: str, *, more: bool) -> dict[str, str]:
    plain, high = CSS.split("@media (prefers-contrast: more)", 1)
    found = COLOUR.findall(plain) + (COLOUR.findall(high) if more else [])
    return {name: light if theme == "light" else dark for name, light, dark in found}


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


THEMES = pytest.mark.parametrize(
    ("theme", "more"), [("light", False), ("dark", False), ("light", True), ("dark", True)]
)


def test_the_measure_of_contrast_is_the_known_one() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@THEMES
def test_text_is_readable_on_every_ground(theme: str, *, more: bool) -> None:
    colours = palette(theme, more=more)
    pairs = [(text, ground) for text in ("text", "quiet", "accent", *BANDS) for ground in GROUNDS]
    pairs += [(band, f"{band}-tint") for band in BANDS]
    pairs += [("text", f"{band}-tint") for band in BANDS] + [("on-accent", "accent")]

    assert [(a, b, contrast(colours[a], colours[b])) for a, b in pairs if contrast(colours[a], colours[b]) < 4.5] == []


@THEMES
def test_marks_lines_and_borders_stand_out(theme: str, *, more: bool) -> None:
    colours = palette(theme, more=more)
    pairs = [(mark, ground) for mark in ("edge", "accent", *BANDS) for ground in GROUNDS]
    pairs += [("text", f"{band}-tint") for band in BANDS]

    assert [(a, b, contrast(colours[a], colours[b])) for a, b in pairs if contrast(colours[a], colours[b]) < 3] == []


def test_every_colour_comes_from_the_palette() -> None:
    """A colour written elsewhere would escape the two claims above; print is plain black on white."""
    outside = re.sub(r":root \{.*?\n\}", "", CSS, flags=re.DOTALL) + SCREENS
    screen = outside.split("@media print")[0] + outside.split("@media print")[-1].partition("\n}\n")[2]

    assert re.findall(r"#[0-9a-f]{3,8}\b(?![^{]*\{)", screen.replace("url(#", "url(")) == []


def test_every_variable_that_is_used_is_defined() -> None:
    defined = set(re.findall(r"(--[a-z-]+):", CSS + SCREENS))

    assert set(re.findall(r"var\((--[a-z-]+)\)", CSS + SCREENS)) <= defined
