"""The colours of charts, light and dark; assets/10-tokens.css holds the same for CSS."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

INKS = ("#161B2C", "#FFFFFF")


@dataclass(frozen=True, kw_only=True)
class Palette:
    """What a chart needs to know of a theme."""

    canvas: str
    raised: str
    line: str
    line_soft: str
    track: str
    mark: str
    text: str
    text_2: str
    muted: str
    accent: str
    accent_soft: str
    ok: str
    watch: str
    watch_soft: str
    high: str
    crit: str
    categories: tuple[str, ...]
    sequential: tuple[str, ...]
    diverging: tuple[str, ...]


def _hex(colours: str) -> tuple[str, ...]:
    return tuple(f"#{colour}" for colour in colours.split())


LIGHT = Palette(
    canvas="#F7F8FB",
    raised="#FFFFFF",
    line="#DFE3EC",
    line_soft="#EBEEF4",
    track="#E3E7F0",
    mark="#8891A7",
    text="#161B2C",
    text_2="#464F66",
    muted="#5F6880",
    accent="#2B4ACB",
    accent_soft="#E9EDFC",
    ok="#0E6A45",
    watch="#735200",
    watch_soft="#FAF0D2",
    high="#9A3F06",
    crit="#B0202F",
    categories=_hex("2B4ACB AD4409 359E8B 7F5683 AF8021 1E436B 662625 AA73F0"),
    sequential=_hex("F0F3FE CBD5FA 98ABF2 5F7AE3 2B4ACB 1A2C7C"),
    diverging=_hex("A0450B D98A4E F0D3BC F4F5F9 C4CFF8 6F88E8 2B4ACB"),
)
DARK = Palette(
    canvas="#0E1118",
    raised="#1C2130",
    line="#272D3D",
    line_soft="#1F2431",
    track="#272D3D",
    mark="#616A81",
    text="#E9ECF4",
    text_2="#B6BDCE",
    muted="#939CB2",
    accent="#9DAEFF",
    accent_soft="#1D2545",
    ok="#5FCB98",
    watch="#E3BC4A",
    watch_soft="#2B2410",
    high="#F39A5E",
    crit="#F58A92",
    categories=_hex("8EA2FF D38341 87F1A9 FBC5FD C8BE33 1C7099 8D5D49 9260DB"),
    sequential=_hex("1B2236 26335F 364C9B 5069D6 8499FA C4CFFF"),
    diverging=_hex("F0A36B B8672D 5E3B22 1D2230 2C3C78 4F69D8 A9B8FF"),
)

_drawn_in: ContextVar[Palette] = ContextVar("palette", default=LIGHT)


def palette() -> Palette:
    """Return the colours of the theme being drawn in; light unless told."""
    return _drawn_in.get()


@contextmanager
def drawn_in(theme: str | None) -> Iterator[Palette]:
    """Draw what follows in "dark", or in light for anything else a cookie may say."""
    token = _drawn_in.set(DARK if theme == "dark" else LIGHT)
    try:
        yield palette()
    finally:
        _drawn_in.reset(token)


def blend(colours: tuple[str, ...], share: float) -> str:
    """Return the colour at `share` (0 to 1) of the scale through `colours`."""
    at = min(max(share, 0.0), 1.0) * (len(colours) - 1)
    low = min(int(at), len(colours) - 2)
    mixed = (round(a + (b - a) * (at - low)) for a, b in zip(_rgb(colours[low]), _rgb(colours[low + 1])))
    return "#" + "".join(f"{channel:02X}" for channel in mixed)


def ink(ground: str) -> str:
    """Return the ink, dark or white, that contrasts more with `ground`."""
    return max(INKS, key=lambda colour: contrast(colour, ground))


def contrast(one: str, other: str) -> float:
    """Return the WCAG 2 contrast ratio of two colours, 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def faded(colour: str, opacity: float) -> str:
    """Return `colour` as an rgba() of `opacity`."""
    return "rgba({}, {}, {}, {})".format(*_rgb(colour), opacity)


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return red, green, blue


def _luminance(colour: str) -> float:
    linear = (
        part / 12.92 if (part := channel / 255) <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for channel in _rgb(colour)
    )
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))
