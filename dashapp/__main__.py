"""The command line: `python -m dashapp serve | analyses | profile | run | clean | doctor`.

Exactly one JSON object on standard output, progress on standard error. Exit codes: 0 done; 2 the
user can fix it; 3 killed by a limit; 130 cancelled; 1 a bug.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import secrets
import sys
import traceback
from typing import Any, NoReturn

from dashapp import startup
from dashapp.printed import ended
from dashapp.settings import BadSetting, Settings
from dashapp.startup import CannotStart
from services.errors import Expected

DONE, BUG, FIXABLE, KILLED, CANCELLED = 0, 1, 2, 3, 130


def parser() -> argparse.ArgumentParser:
    """The arguments of each command."""
    root = argparse.ArgumentParser(prog="python -m dashapp", description="DataInsights on the command line.")
    commands = root.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="start the dashboard")
    serve.add_argument("--host", help="address to listen on (default: HOST, else 127.0.0.1)")
    serve.add_argument("--port", type=int, help="port to listen on (default: PORT, else 8050)")
    commands.add_parser("analyses", help="list the analyses and their parameters")
    profile = commands.add_parser("profile", help="describe every column of a table")
    profile.add_argument("file")
    profile.add_argument("--out", help="folder to write profile.json to")
    run = commands.add_parser("run", help="run an analysis on a table")
    run.add_argument("slug")
    run.add_argument("file")
    run.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter; may be repeated")
    run.add_argument("--out", help="folder to write each table to, as <table>.csv, and files")
    run.add_argument("--with", action="append", dest="others", help="the file of another table that it asks for")
    clean = commands.add_parser("clean", help="apply a recipe to every row of a table")
    clean.add_argument("file")
    clean.add_argument("--recipe", required=True, help="the JSON file of the recipe")
    clean.add_argument("--to", required=True, help="the file to write, .csv or .parquet")
    clean.add_argument("--with", action="append", dest="others", help="the file of another table that a step names")
    doctor = commands.add_parser("doctor", help="look at the server and DATA_DIR, and repair what is safe to repair")
    doctor.add_argument("--check", action="store_true", help="only look, change nothing")
    return root


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says and return the exit code."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asked = parser().parse_args(arguments)
    try:
        settings = Settings.read()
    except BadSetting as error:
        return _fail(asked, str(error))
    try:
        if asked.command != "doctor":  # which finds what is missing, among the rest
            startup.installed()
        if asked.command == "serve":
            startup.writable(settings.data_dir)
            _serve(asked, settings)
        from dashapp import cli
    except CannotStart as error:
        return _fail(asked, str(error))
    except ImportError as error:
        return _fail(asked, startup.missing(error))
    try:
        match asked.command:
            case "analyses":
                said, code = cli.analyses(), DONE
            case "profile":
                said, code = cli.profile(asked.file, asked.out, settings)
            case "clean":
                said, code = cli.clean(asked.file, asked.recipe, asked.to, settings, asked.others)
            case "doctor":
                from dashapp import doctor

                said, code = doctor.examine(settings, check=asked.check)
            case _:
                said, code = cli.run(asked.slug, asked.file, asked.set, asked.out, settings, asked.others)
    except Expected as error:
        return _fail(asked, error.message, error.field)
    except KeyboardInterrupt:
        print(json.dumps(ended("cancelled", "Cancelled.")))
        return CANCELLED
    except Exception:  # noqa: BLE001 - the boundary of the process: a bug has a number, its traceback goes to stderr
        incident = secrets.token_hex(3).upper()
        print(f"incident {incident}\n{traceback.format_exc()}", file=sys.stderr)
        print(json.dumps(ended("failed", "This is our mistake.", incident=incident)))
        return BUG
    print(json.dumps(said, ensure_ascii=False))
    return code


def _fail(asked: argparse.Namespace, message: str, field: str | None = None) -> int:
    print(message, file=sys.stderr)
    if asked.command != "serve":
        print(json.dumps(ended("failed", message, field=field), ensure_ascii=False))
    return FIXABLE


def _serve(asked: argparse.Namespace, settings: Settings) -> NoReturn:
    """Become gunicorn, as the Procfile does."""
    host, port = asked.host or settings.host, asked.port or settings.port
    _check_port(host, port)
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    print(f"DataInsights is at http://{host}:{port}", flush=True)
    command: list[Any] = [
        sys.executable, "-m", "gunicorn", "dashapp.wsgi:server", "--bind", f"{host}:{port}", "--workers", "1",
        "--worker-class", "gthread", "--threads", "8", "--timeout", "60", "--graceful-timeout", "10",
        "--no-control-socket", "--log-level", "warning",
    ]  # fmt: skip
    os.execv(sys.executable, command)


def _check_port(host: str, port: int) -> None:
    """End with a sentence where nothing can listen at this address."""
    import socket

    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0] if port < 65_536 else None
    except socket.gaierror:
        sys.exit(_refused(f"“{host}” is no address of this machine. Set HOST to 127.0.0.1, or to 0.0.0.0 for all."))
    if found is None:
        sys.exit(_refused(f"There is no port {port}: set PORT to a number from 1 to 65535."))
    with socket.socket(found[0]) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(found[4])
        except OSError as error:
            sys.exit(_refused(f"Port {port} of {host} cannot be used: {error.strerror}. Set PORT to another."))


def _refused(message: str) -> int:
    print(message, file=sys.stderr)
    return FIXABLE


if __name__ == "__main__":
    sys.exit(main())
