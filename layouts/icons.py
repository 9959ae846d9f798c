"""Lucide icons, by name."""

from dash import html


def icon(name: str, *, label: str | None = None, size: int = 16, className: str = "") -> html.Span:
    """Show the icon `name`; without a `label` it is decoration.

    `size` is one of 14, 16, 18 and 32 px. The names are the files of assets/icons.
    """
    classes = f"icon icon-{name}" + (f" icon-{size}" if size != 16 else "")
    said = {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    return html.Span(className=f"{classes} {className}".strip(), **said)
