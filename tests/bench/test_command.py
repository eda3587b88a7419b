"""What is refused before anything is started."""

from __future__ import annotations

import pytest

from bench.__main__ import main
from simulate.database import own_database


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["W99"], "there is no benchmark W99: choose from W1, W1B, W2, W2G, W3, W4, W5, W6, W7"),
        (["--rounds", "4"], "from 5 to 100"),
        (["--rounds", "x"], "from 5 to 100"),
        (["--size", "huge"], "invalid choice"),
        (["--out", "/proc/none/x.json"], "name another file with --out"),
    ],
)
def test_a_wrong_argument_is_one_sentence(words, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_without_a_server_it_says_what_to_do(monkeypatch, capsys, tmp_path):
    for name in ("DJANGO_SETTINGS_MODULE", "DEBUG", "DEMO", "HTTPS", "TRUSTED_PROXIES", "LOG_LEVEL"):
        monkeypatch.setenv(name, "false")  # put back afterwards
    monkeypatch.setenv("DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
    assert main(["W1", "--out", str(tmp_path / "out.json")]) == 1
    assert "PostgreSQL does not let us make a database" in capsys.readouterr().err


def test_nobody_s_database_is_touched(db, monkeypatch):
    import os

    import psycopg
    from django.db import connection

    given = dict(connection.get_connection_params())
    address = f"postgres://{given['user']}:{given['password']}@{given['host']}:{given['port']}/{given['dbname']}"
    monkeypatch.setenv("DATABASE_URL", address)
    with own_database() as name:
        assert os.environ["DATABASE_URL"].endswith(f"/{name}")
        assert name != given["dbname"]
        with psycopg.connect(os.environ["DATABASE_URL"]) as inside:
            assert inside.execute("SELECT current_database()").fetchone() == (name,)
    assert os.environ["DATABASE_URL"] == address
    with psycopg.connect(address) as after:
        assert after.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is None
