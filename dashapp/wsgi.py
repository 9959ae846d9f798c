"""What gunicorn serves: `gunicorn dashapp.wsgi:server`."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, NoReturn

from dashapp import logs, startup
from dashapp.settings import BadSetting, Settings
from dashapp.startup import CannotStart
from services.errors import Expected

if TYPE_CHECKING:
    from dash import Dash

NO_USE = 3  # gunicorn takes this as “worker failed to boot” and ends; after any other it would try for ever


def _started() -> Dash:
    """Make the application, or say in one line of the log why it cannot be."""
    logs.set_up("info")
    try:
        settings = Settings.read()
        logs.set_up(settings.log_level)
        startup.installed()
        startup.writable(settings.data_dir)
        from dashapp.app import create_app
    except (BadSetting, CannotStart) as error:
        _end(str(error))
    except ImportError as error:
        _end(startup.missing(error))
    try:
        return create_app(settings)
    except Expected as error:
        _end(error.message)
    except OSError as error:
        if error.errno not in startup.OF_THE_DISK:
            raise
        _end(startup.unwritable(settings.data_dir, error))


def _end(message: str) -> NoReturn:
    logging.getLogger("datainsights").critical(message)
    sys.exit(NO_USE)


app = _started()
server = app.server
