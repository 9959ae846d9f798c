"""Taking a result away: an export is a quick job, and the browser fetches its file when it is done."""

from __future__ import annotations

from typing import Any

from dash import ALL, ClientsideFunction, Dash, Input, Output, State, ctx, no_update
from dash.exceptions import PreventUpdate

from callbacks.house import house, workspace
from layouts import ids, runs, states
from services import export as exports
from services import results
from services.errors import Expected, NotFound


def register(app: Dash) -> None:
    """Wire the export menu of analysis pages."""

    @app.callback(
        Output(ids.EXPORTING, "data"),
        Output(ids.DOWNLOAD, "data", allow_duplicate=True),
        Output(ids.STATE, "children", allow_duplicate=True),
        Input(ids.export(ALL, ALL), "n_clicks"),
        State(ids.export_raw(ALL), "value"),
        State(ids.RESULT, "data"),
        prevent_initial_call=True,
    )
    def export(clicks: list[int | None], raw: list[bool | None], key: str) -> tuple[Any, Any, Any]:
        """Ask for a file; one that was written before is fetched at once."""
        if not any(clicks):
            raise PreventUpdate
        table, form = ctx.triggered_id["table"], ctx.triggered_id["form"]
        asked = {"result": key, "table": table, "format": form, "raw": any(raw)}
        try:
            stored = results.get(workspace().result(key))
            name = exports.file_name(asked)
            if form != "md":
                stored.file(table)
            if is_written(stored, name):
                return no_update, _address(key, name), []
            rows = stored.tables[table]["rows"] if table in stored.tables else 0
            return house().engine.export(workspace(), asked, rows).id, no_update, []
        except Expected as error:
            return no_update, no_update, states.note("failed", error.message)

    # Each pulse that finds an export waited for has the server look whether it is done.
    app.clientside_callback(
        ClientsideFunction("datainsights", "awaited"),
        Output(ids.AWAITED, "data"),
        Input(ids.PULSE, "data"),
        Input(ids.EXPORTING, "data"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.DOWNLOAD, "data"),
        Output(ids.EXPORTING, "data", allow_duplicate=True),
        Output(ids.STATE, "children", allow_duplicate=True),
        Input(ids.AWAITED, "data"),
        prevent_initial_call=True,
    )
    def fetch(awaited: dict[str, Any] | None) -> tuple[Any, Any, Any]:
        """See whether the export that is waited for has ended, and how."""
        if not awaited:
            raise PreventUpdate
        try:
            known = house().engine.get(workspace(), awaited["job"])
        except NotFound:
            return no_update, None, no_update
        if known.is_live:
            raise PreventUpdate
        if known.state != "done" or known.outcome is None:
            return no_update, None, runs.ended(known)
        return _address(known.params["result"], known.outcome), None, no_update

    app.clientside_callback(
        ClientsideFunction("datainsights", "download"),
        Output(ids.EXPORTING, "id"),
        Input(ids.DOWNLOAD, "data"),
        prevent_initial_call=True,
    )


def is_written(stored: results.StoredResult, name: str) -> bool:
    """Whether the file is there, and not from before the result was made again: a table may have been evicted then."""
    try:
        return (stored.folder / results.EXPORTS / name).stat().st_mtime >= stored.about["made"]
    except FileNotFoundError:
        return False


def _address(key: str, name: str) -> str:
    return f"/_files/{key}/{name}"
