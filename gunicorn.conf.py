"""What gunicorn reads beside its line in the Procfile."""

from typing import Any


def post_worker_init(worker: Any) -> None:
    """Let no lines that dribble hold the threads."""
    from dashapp import lines

    lines.guard(worker)
