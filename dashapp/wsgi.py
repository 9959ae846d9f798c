"""What gunicorn serves: `gunicorn dashapp.wsgi:server`."""

from dashapp import logs
from dashapp.app import create_app
from dashapp.settings import Settings

settings = Settings.read()
logs.set_up(settings.log_level)
app = create_app(settings)
server = app.server
