"""Wiring only: settings, addresses, Celery, health, logs, and what `./dev` runs.

Importing this package loads nothing else, so that `./dev` works before anything is installed.
"""
