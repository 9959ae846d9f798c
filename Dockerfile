# The Python that the tests run on; nothing is compiled, and LightGBM needs the system's OpenMP alone.
FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*

WORKDIR /app
COPY requirements.lock requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.lock

COPY assets assets
COPY callbacks callbacks
COPY dashapp dashapp
COPY layouts layouts
COPY services services
COPY gunicorn.conf.py ./
RUN python -m compileall -q callbacks dashapp layouts services \
 && useradd --uid 1000 --create-home datainsights \
 && install -d -m 0700 -o datainsights -g datainsights /data

USER datainsights
ENV PYTHONUNBUFFERED=1 DATA_DIR=/data PORT=8050
EXPOSE 8050
# No VOLUME: a nameless one would look as if it lasted. Run it with --volume datainsights:/data.

# Alive, not ready: a server that is full for a minute is not to be restarted.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=8)"]

# The Procfile's line; `exec env` makes gunicorn the process that is told to stop.
CMD exec env MALLOC_ARENA_MAX=2 HOST=0.0.0.0 gunicorn dashapp.wsgi:server --bind 0.0.0.0:$PORT --workers 1 --worker-class gthread --threads 8 --timeout 60 --graceful-timeout 10 --no-control-socket
