"""Ids of components that callbacks or the scripts in assets reach."""

from typing import Any

THEME = "theme"  # Store: "light" or "dark"
PULSE = "pulse"  # Store: {boot, job, news}, written by shell.js when one of them changes
URL = "url"  # Location: where a callback sends the browser

CONTENT = "content"
DATASET = "dataset-chip"

# On every page that can start a job.
CONTROL = "control"  # Store: what the page asks of the engine: {action, slug, ...}
TICKET = "ticket"  # Store: how the job that answers it ended
RUNNING = "running"  # Div: the live job, in place of the controls
ONWARD = "onward"  # Store: the page that a job's end leads to
TOLD = "told"  # Store: the job whose end was shown here last
PARTIAL = "partial"  # Store: the result so far that the live job shows, as `results.find` takes it
STATE = "state"  # Div: what is not as usual
RESULT = "result"  # Store: the result shown, as `results.find` takes it

# On an analysis' page.
FORM = "form"
RUN = "run"
PRESSED = "pressed"  # Store: when Run was
RUN_BAR = "run-bar"
ASKED = "asked"  # Div around the controls: answered or not
LINE = "line"  # Span: the question in a line, where the form is folded
ANSWER = "answer"
EXPORT = "export"
EXPORTING = "exporting"  # Store: the export job being waited for
AWAITED = "awaited"  # Store: {job, at}, written at each pulse while an export is waited for
DOWNLOAD = "download"  # Store: address of a finished export, fetched by the browser

# On the cleaning page.
RAIL = "rail"  # Div: the steps of the recipe
STEP_FORM = "step-form"  # Div: the controls of the step that is added or edited
STEP_CHOICE = "step-choice"  # Select: which step
STEP_SAID = "step-said"  # Div: why it could not be added
RECIPE_CLICK = "recipe-click"  # Store: what was clicked in the rail: {does, place, at}, by assets/cleaning.js
OTHER_COLUMNS = "other-columns"  # Store: the columns of each table that may be joined
CLUSTERS = "clusters"  # Store: the pairs of spellings of each cluster that is shown
STEP_TRIED = "step-tried"  # Div: what the step that is filled in would do
COLUMN_LOOKED_AT = "column-looked-at"  # Store: the column whose values are drawn before and after
BEFORE_AFTER = "before-after"  # Div: the first rows as the recipe makes them

# On the data page.
SIDE = "side"

# On My runs: assets/runs.js draws what is inside.
MY_RUNS = "my-runs"
MY_RUNS_TOOLS = "my-runs-tools"
MY_RUNS_EMPTY = "my-runs-empty"
NEWS = "runs-news"  # Span in the navigation: that runs ended unseen

# On the page that runs several analyses.
SEVERAL = "several"  # Store: {dataset, chain}: what is asked about, and the chain that the address names
SEVERAL_BAR = "several-bar"
SEVERAL_NOTE = "several-note"  # Div: why it could not be asked
RUN_SEVERAL = "run-several"
TICK_ALL = "tick-all"
CHAIN = "chain"  # Div: the chain as it goes
CHAIN_NEWS = "chain-news"  # Store: written by assets/chains.js when something of the visitor's changed

# On Settings.
DELETING = "deleting"  # Div: asks once more, says what could not be done


def param(name: Any) -> dict[str, Any]:
    """The control of a parameter; `name` may be ALL."""
    return {"type": "param", "name": name}


def field(name: Any) -> dict[str, Any]:
    """What surrounds a control: its label, its hint, whether it shows."""
    return {"type": "field", "name": name}


def error(name: Any) -> dict[str, Any]:
    """Where the error of a control is said."""
    return {"type": "error", "name": name}


def step_param(name: Any) -> dict[str, Any]:
    """The control of a parameter of a step."""
    return {"type": "step-param", "name": name}


def step_field(name: Any) -> dict[str, Any]:
    """What surrounds it."""
    return {"type": "step-field", "name": name}


def step_error(name: Any) -> dict[str, Any]:
    """Where its error is said."""
    return {"type": "step-error", "name": name}


def cluster(place: Any) -> dict[str, Any]:
    """What takes or leaves a cluster of spellings."""
    return {"type": "cluster", "place": place}


def history_of(dataset: Any) -> dict[str, Any]:
    """Div: the versions of a table."""
    return {"type": "history-of", "dataset": dataset}


def mapped(name: Any) -> dict[str, Any]:
    """What chooses a column in the place of one that a recipe looks for in vain."""
    return {"type": "mapped", "name": name}


def cleaned_of(dataset: Any) -> dict[str, Any]:
    """Store of the cleaning page: the dataset whose recipe it is, and the step that is edited."""
    return {"type": "cleaned-of", "dataset": dataset}


def use_rows(rows: Any) -> dict[str, Any]:
    """The button that runs on a sample of this many rows."""
    return {"type": "use-rows", "rows": rows}


def grid(table: Any) -> dict[str, Any]:
    """The grid that shows a table of a result."""
    return {"type": "grid", "table": table}


def picked(table: Any) -> dict[str, Any]:
    """Where the filter of a grid is said, and removed."""
    return {"type": "picked", "table": table}


def unpick(table: Any, at: Any = "badge") -> dict[str, Any]:
    """What removes the filter of a grid; it is there only while there is one, hence `at`, to be ALL."""
    return {"type": "unpick", "table": table, "at": at}


def pick(table: Any, column: Any, value: Any) -> dict[str, Any]:
    """A button that filters a grid by a value."""
    return {"type": "pick", "table": table, "column": column, "value": value}


def mark(table: Any, column: Any) -> dict[str, Any]:
    """A chart whose marks filter a grid when clicked, by their label."""
    return {"type": "mark", "table": table, "column": column}


def drawn(at: Any = "answer") -> dict[str, Any]:
    """Store of an analysis' page: which result is drawn, and as made when; elsewhere there is none, hence `at`."""
    return {"type": "drawn", "at": at}


def sample(slug: Any) -> dict[str, Any]:
    return {"type": "sample", "slug": slug}


def export(table: Any, form: Any) -> dict[str, Any]:
    return {"type": "export", "table": table, "form": form}


def export_raw(at: Any = "menu") -> dict[str, Any]:
    """Whether exports keep raw values; it is there only with the menu, hence `at`, to be ALL."""
    return {"type": "export-raw", "at": at}


def column(name: Any) -> dict[str, Any]:
    """What opens a column's figures."""
    return {"type": "column", "name": name}


def again(action: Any, job: Any) -> dict[str, Any]:
    """A way on from a run that ended early: resume, restart, sample, discard."""
    return {"type": "again", "action": action, "job": job}


def spread(column: Any) -> dict[str, Any]:
    """The histogram of a column of the open table."""
    return {"type": "spread", "column": column}


def tick(slug: Any) -> dict[str, Any]:
    """What chooses an analysis, to be run among several."""
    return {"type": "tick", "slug": slug}


def cancel_all(chain: Any) -> dict[str, Any]:
    """What cancels every part of a chain that has not ended."""
    return {"type": "cancel-all", "chain": chain}


def remove(dataset: Any) -> dict[str, Any]:
    return {"type": "remove", "dataset": dataset}


def restore(dataset: Any) -> dict[str, Any]:
    """What brings a removed dataset back."""
    return {"type": "restore", "dataset": dataset}


def described(dataset: Any, part: Any) -> dict[str, Any]:
    """Of the form that names a dataset: its name, its description, what saves it, where an error is said."""
    return {"type": "described", "dataset": dataset, "part": part}


def delete(step: Any) -> dict[str, Any]:
    """On the way to deleting everything: ask, keep, sure."""
    return {"type": "delete", "step": step}


# On Explore.
EXPLORED = "explored"  # Store: what is looked at: {dataset, also, filter, sort, hide, view, chart}
EXPLORE_SEARCH = "explore-search"
EXPLORE_COLUMNS = "explore-columns"  # the columns that are shown
EXPLORE_VIEW = "explore-view"  # "rows" or "chart"
CHART_ASKED = "chart-asked"  # Store: {dataset, where, chart}, written when a chart is to be drawn
CHART = "chart"  # Div: the chart


def explored(dataset: Any) -> dict[str, Any]:
    """The grid of Explore."""
    return {"type": "explored", "dataset": dataset}


def explored_said(dataset: Any) -> dict[str, Any]:
    """Where it is said how many of its rows match, and by which filters."""
    return {"type": "explored-said", "dataset": dataset}


def unfilter(column: Any) -> dict[str, Any]:
    """What removes the filter of a column; of all of them where it is called ""."""
    return {"type": "unfilter", "column": column}


def chart(name: Any) -> dict[str, Any]:
    """A control of the chart."""
    return {"type": "chart", "name": name}


# The profile of a table.
VERDICT = "verdict"  # Div: the sentence about its quality
ALERTS = "alerts"  # Div: what is odd about it
FIND = "find-column"  # Input: assets/profile.js narrows the table of columns by it


def ignore(dataset: Any, alert: Any, does: Any) -> dict[str, Any]:
    """What hides an alert of a dataset, or shows it again."""
    return {"type": "ignore", "dataset": dataset, "alert": alert, "does": does}


def shaded(column: Any) -> dict[str, Any]:
    """The histogram of a column with its outliers, in the side panel."""
    return {"type": "shaded", "column": column}


def relations(dataset: Any, kind: Any) -> dict[str, Any]:
    """A picture of how the columns of a dataset go together."""
    return {"type": "relations", "dataset": dataset, "kind": kind}


# The types of a table.
TYPES_BAR = "types-bar"  # Div: read anew, or use what was read
TYPES_SAID = "types-said"  # Div: what is wrong with the choices as a whole
LOAD_READING = "load-reading"  # Store: a file of choices {text, name}, written by assets/types.js


def types_of(at: Any = "page") -> dict[str, Any]:
    """Store: which dataset is shown; it is there only on that page, hence `at`, to be ALL."""
    return {"type": "types-of", "at": at}


def typed(what: Any, place: Any) -> dict[str, Any]:
    """A control of the column at a place of the file: keep, name, kind, answer, missing."""
    return {"type": "typed", "what": what, "place": place}


def read_as(what: Any) -> dict[str, Any]:
    """A choice for the whole file: encoding, delimiter, header, sheet, member."""
    return {"type": "read-as", "what": what}


def misread(name: Any) -> dict[str, Any]:
    """Where is said what is wrong with the choice for a column, by its name in the file, or for the whole file."""
    return {"type": "misread", "name": name}


def read_again(at: Any) -> dict[str, Any]:
    """What reads the file of a table anew, uses it as it was read, or drops the choices that wait."""
    return {"type": "read-again", "at": at}


# The roles of a table's columns.
ROLES = "roles"  # Section: which column plays which, at an anchor of this name
ROLES_SAID = "roles-said"  # Div: that they were kept, and what can run with them
ROLES_PROPOSED = "roles-proposed"  # Button: back to what is proposed


def role(dataset: Any, name: Any) -> dict[str, Any]:
    """What chooses the column of a role."""
    return {"type": "role", "dataset": dataset, "name": name}


def run_now(slug: Any) -> dict[str, Any]:
    """What asks an analysis as the roles propose it."""
    return {"type": "run-now", "slug": slug}


# On Tables.
COMPARED = "compared"  # Section: the columns of the ticked tables


def compare(dataset: Any) -> dict[str, Any]:
    """What ticks a table, to be compared with others."""
    return {"type": "compare", "dataset": dataset}


def edit(dataset: Any) -> dict[str, Any]:
    """What opens the form that names a table."""
    return {"type": "edit", "dataset": dataset}


def versus(part: Any) -> dict[str, Any]:
    """Of two versions that are compared: before, after, by (what tells rows apart), said (what differs)."""
    return {"type": "versus", "part": part}


def learnt(result: Any) -> dict[str, Any]:
    """What chooses one model of a comparison."""
    return {"type": "learnt", "result": result}


def learnt_view(result: Any) -> dict[str, Any]:
    """Div: what that model said."""
    return {"type": "learnt-view", "result": result}


def aimed(at: Any = "answer") -> dict[str, Any]:
    """Div: what is to be predicted, before the first run; it is there only then, hence `at`, to be ALL."""
    return {"type": "aimed", "at": at}


def cut(result: Any, model: Any) -> dict[str, Any]:
    """Slider: from which probability on a row is said to be of the second class."""
    return {"type": "cut", "result": result, "model": model}


def cut_table(result: Any, model: Any) -> dict[str, Any]:
    """Store: the rows that are rightly and wrongly said to be of it, at each threshold."""
    return {"type": "cut-table", "result": result, "model": model}


def cut_part(result: Any, model: Any, part: Any) -> dict[str, Any]:
    """A figure that follows from the threshold."""
    return {"type": "cut-part", "result": result, "model": model, "part": part}


def cut_curve(result: Any, model: Any, kind: Any) -> dict[str, Any]:
    """A curve that says where the threshold is."""
    return {"type": "cut-curve", "result": result, "model": model, "kind": kind}


def parted(result: Any, model: Any) -> dict[str, Any]:
    """What chooses the feature along which errors are told."""
    return {"type": "parted", "result": result, "model": model}


def parted_view(result: Any, model: Any) -> dict[str, Any]:
    """Div: the errors along it."""
    return {"type": "parted-view", "result": result, "model": model}


def explained(result: Any) -> dict[str, Any]:
    """What chooses the row that is explained."""
    return {"type": "explained-row", "result": result}


def explained_view(result: Any) -> dict[str, Any]:
    """Div: what each column adds to what is said of it."""
    return {"type": "explained-view", "result": result}


# Links to a workspace.
def shared(at: Any = "settings") -> dict[str, Any]:
    """Div: the links there are, and the one made just now; it is there only on Settings, hence `at`, to be ALL."""
    return {"type": "shared", "at": at}


def share(does: Any, of: Any) -> dict[str, Any]:
    """What makes a link, withdraws one, or goes back from the workspace of one."""
    return {"type": "share", "does": does, "of": of}


def enter(token: Any) -> dict[str, Any]:
    """What opens the workspace of a link."""
    return {"type": "enter", "token": token}


def sampled(dataset: Any, what: Any) -> dict[str, Any]:
    """The sample of a dataset: rows, by, seed, and what is said of it."""
    return {"type": "sampled", "dataset": dataset, "what": what}
