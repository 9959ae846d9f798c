"""What gunicorn serves: `gunicorn dashapp.wsgi:server`."""

from dashapp.app import create_app
from dashapp.settings import Settings

app = create_app(Settings.read())
server = app.server
