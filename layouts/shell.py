"""What surrounds every page: bar, sidebar and the places assets/shell.js paints.

The gauge, the job chip and the card at the sidebar's foot are left empty here: shell.js owns what
is inside them, so React never meets a child it did not make.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from dash import dcc, html
from dash.development.base_component import Component

from layouts import ids, words
from layouts.icons import icon


@dataclass(frozen=True, kw_only=True)
class NavLink:
    """One page in the sidebar; `badge` is a small count at its right, `news` where shell.js sets a dot."""

    label: str
    href: str
    icon: str
    badge: str | None = None
    news: str | None = None


@dataclass(frozen=True, kw_only=True)
class NavGroup:
    """Pages that belong together; without a title they stand alone, as Home does."""

    title: str | None
    links: Sequence[NavLink]


@dataclass(frozen=True, kw_only=True)
class DatasetLink:
    """A dataset of this visitor; `note` replaces its size while it is being added."""

    id: str
    name: str
    rows: int = 0
    columns: int = 0
    note: str | None = None

    @property
    def extent(self) -> str:
        """Say how large it is."""
        return self.note or f"{words.plural(self.rows, 'row')} \u00d7 {self.columns}"


def shell(nav: Sequence[NavGroup], dataset_chip: Component, content: Component) -> html.Div:
    """Put `content` into the frame all pages share; groups without pages are left out."""
    return html.Div(
        [
            html.A("Skip to content", href="#main", className="skip-link"),
            dcc.Store(id=ids.THEME),
            dcc.Store(id=ids.PULSE),
            html.Header(
                [
                    html.Button(
                        icon("menu", size=18),
                        className="icon-button nav-open",
                        **{"aria-label": "Open navigation", "aria-expanded": "false"},
                    ),
                    _product(),
                    html.Div(dataset_chip, id=ids.DATASET, className="dataset-slot"),
                    html.Div(id="job-chip", className="job-chip-slot"),
                    html.Div(
                        [
                            html.Button("Clean up", id="clean-up", className="clean-up", hidden=True),
                            html.Button(
                                id="gauge",
                                className="gauge",
                                **{
                                    "aria-expanded": "false",
                                    "aria-controls": "gauge-popover",
                                },
                            ),
                            html.Div(
                                id="gauge-popover",
                                className="floating gauge-popover",
                                hidden=True,
                                tabIndex=-1,
                                role="dialog",
                                **{"aria-label": "Memory of this server"},
                            ),
                        ],
                        className="gauge-slot",
                    ),
                    html.Button(
                        [icon("moon", className="to-dark"), icon("sun", className="to-light")],
                        id="theme-switch",
                        className="icon-button",
                        **{"aria-label": "Switch between light and dark"},
                    ),
                ],
                className="topbar",
            ),
            html.Div(className="scrim", id="scrim"),
            html.Aside(
                [
                    html.Div(
                        [
                            _product(),
                            html.Button(
                                icon("x", size=18),
                                className="icon-button nav-close",
                                **{"aria-label": "Close navigation"},
                            ),
                        ],
                        className="sidebar-head",
                    ),
                    html.Nav(
                        [_group(group) for group in nav if group.links],
                        className="nav-groups",
                        **{"aria-label": "Pages"},
                    ),
                    html.Div(id="nav-card", className="nav-card-slot"),
                ],
                id="sidebar",
                className="sidebar",
            ),
            html.Main(content, id="main", className="main", tabIndex=-1),
            html.Div(id="said", className="visually-hidden", role="status"),
            html.Div(id="connection", className="connection", role="status"),
        ],
        className="shell",
    )


def dataset_chip(datasets: Sequence[DatasetLink], current: str | None, page: str = "/data") -> Component:
    """Name the dataset in use and open the others, on `page`; nothing to open is said in words."""
    used = next((each for each in datasets if each.id == current), None)
    if not datasets:
        return html.Span("No dataset yet", className="dataset-none")
    return html.Details(
        [
            html.Summary(
                [
                    icon("table-2"),
                    html.Span(used.name if used else "Choose a dataset", className="name"),
                    html.Span(used.extent if used else None, className="extent"),
                    icon("chevron-down"),
                ],
                className="dataset-chip",
            ),
            html.Div(
                [
                    *(_dataset(each, each.id == current, page) for each in datasets),
                    html.Div(className="menu-rule"),
                    html.A(
                        [html.Span("Add a table", className="name")],
                        href="/data#add",
                        className="menu-item lockable",
                        **{"data-nav": ""},
                    ),
                ],
                className="floating menu",
            ),
        ],
        className="menu-slot dataset-menu",
    )


def _product() -> html.A:
    return html.A(
        [html.Span(className="product-mark", **{"aria-hidden": "true"}), "DataInsights"],
        href="/",
        className="product",
        **{"data-nav": ""},
    )


def _group(group: NavGroup) -> html.Div:
    title = [html.Div(group.title, className="nav-title")] if group.title else []
    links = [
        html.A(
            [
                icon(link.icon),
                html.Span(link.label, className="label"),
                *([html.Span(link.badge, className="count")] if link.badge else []),
                *([html.Span(id=link.news, className="news")] if link.news else []),
            ],
            href=link.href,
            className="nav-link-item",
            **{"data-nav": ""},
        )
        for link in group.links
    ]
    return html.Div([*title, *links], className="nav-group")


def _dataset(each: DatasetLink, used: bool, page: str) -> html.A:
    return html.A(
        [
            html.Span(each.name, className="name"),
            html.Span(each.extent, className="aside"),
        ],
        href=f"{page}?dataset={each.id}",
        className="menu-item lockable" + (" used" if used else ""),
        **{"data-nav": "", **({"aria-current": "true"} if used else {})},
    )
