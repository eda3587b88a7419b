"""What `./dev` does on one machine: virtual environment, embedded servers, supervisor. Standard library only.

| module | what it does |
|---|---|
| `commands` | the words after `./dev` |
| `virtualenv` | makes `.venv` and installs the hash-pinned groups |
| `home` | the folder `.run/`: lock, secrets, data |
| `servers` | PostgreSQL and Valkey from Python wheels, as root or not |
| `processes` | starts, supervises and stops processes |
| `guard` | the watchdog that cleans up if the supervisor is killed |
| `console` | what people read |
"""
