"""A database of our own for each run, so that nobody's data is touched or in the way."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql


class NoDatabase(Exception):
    """The server does not let us make a database."""


@contextlib.contextmanager
def own_database(purpose: str = "bench") -> Iterator[str]:
    """Make a database beside the one of DATABASE_URL, point DATABASE_URL to it, and drop it afterwards."""
    given = os.environ.get("DATABASE_URL", "")
    if not given:
        raise NoDatabase(f"DATABASE_URL is not set: run this as ./dev {purpose}.")
    parts = urlsplit(given)
    name = f"{parts.path.strip('/')[:30]}_{purpose}_{secrets.token_hex(4)}"
    try:
        with psycopg.connect(given, autocommit=True, connect_timeout=5) as server:
            server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.Error as error:
        said = str(error).strip().splitlines()[0]
        raise NoDatabase(
            f"PostgreSQL does not let us make a database ({said}): DATABASE_URL must name a role that may."
        ) from error
    os.environ["DATABASE_URL"] = urlunsplit(parts._replace(path=f"/{name}"))
    try:
        yield name
    finally:
        os.environ["DATABASE_URL"] = given
        with psycopg.connect(given, autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
