# One image for web, worker, beat and the one-shot set-up; docker-compose.yml says which part a container plays.

FROM python:3.13-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/venv
COPY requirements/base.txt /tmp/base.txt
RUN /opt/venv/bin/pip install --require-hashes --only-binary=:all: --no-deps -r /tmp/base.txt

WORKDIR /app
COPY manage.py pyproject.toml ./
COPY accounts accounts
COPY config config
COPY notifications notifications
COPY transfers transfers
# Compiling needs settings but no server; these keys are made here, used here and kept nowhere.
RUN key() { /opt/venv/bin/python -c "import base64, os; print(base64.b64encode(os.urandom($1)).decode())"; } \
    && export SECRET_KEY="$(key 48)" FIELD_KEYS="build:$(key 32)" LOOKUP_KEY="$(key 32)" CASE_NUMBER_KEY="$(key 32)" \
    && export DATABASE_URL=postgres://build@localhost/build REDIS_URL=redis://localhost/0 \
    && /opt/venv/bin/python manage.py translations compile \
    && /opt/venv/bin/python manage.py collectstatic --noinput -v0 \
    && /opt/venv/bin/python -m compileall -q accounts config notifications transfers

FROM python:3.13-slim-bookworm
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jiexu \
    && install -d -o jiexu -g jiexu -m 0700 /data
COPY --from=build /opt/venv /opt/venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    UPLOAD_DIR=/data/uploads \
    SMS_FILE=/data/sms.jsonl
VOLUME /data
USER jiexu
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--blocking-threads", "1", "--respawn-failed-workers", "--log-level", "warning", "config.wsgi:application"]
