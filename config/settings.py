"""Settings, all from the environment. A malformed value stops the start with one sentence that names it.

| variable | meaning | default |
|---|---|---|
| `DATABASE_URL` | PostgreSQL 15 or later | required |
| `REDIS_URL` | Redis 7 or Valkey 8 or later | required |
| `SECRET_KEY` | signs sessions and one-time links; 50 characters or more | required |
| `FIELD_KEYS` | `id:base64[,id:base64…]`, 32-byte keys; the first encrypts, all decrypt | required |
| `LOOKUP_KEY` | base64, 32 bytes; finds an identity number without storing it | required |
| `CASE_NUMBER_KEY` | base64, 32 bytes; shuffles case numbers so that they tell no volumes | required |
| `DEBUG` | development pages | `false` |
| `ALLOWED_HOSTS` | comma-separated host names | `localhost,127.0.0.1,[::1]` |
| `CSRF_TRUSTED_ORIGINS` | comma-separated origins, when behind a proxy | empty |
| `HTTPS` | the site is served over TLS: secure cookies, HSTS, redirect | `true` unless `DEBUG` |
| `HSTS_SUBDOMAINS` | HSTS covers all subdomains and may be preloaded | `false` |
| `ENROLMENT_REGISTRIES` | `area=dotted.path[,…]`: areas that plug in a registry of their own | empty |
| `PAPER_SIGNER` | dotted path of what seals papers in the agencies' names (docs/papers.md) | a demonstration |
| `PUBLIC_URL` | address of the site as people see it, for links in letters | `http://localhost:8000` |
| `TRUSTED_PROXIES` | number of proxies in front whose `X-Forwarded-For` is believed | `0` |
| `EMAIL_URL` | how letters leave by e-mail, for example `smtp+tls://user:password@mail:587` | `consolemail://` |
| `EMAIL_FROM` | sender address | `jiexu@localhost` |
| `SMS_GATEWAY_URL`, `SMS_GATEWAY_KEY` | HTTP gateway for SMS; empty writes to `SMS_FILE` | empty |
| `SMS_FILE` | the file that receives SMS when there is no gateway | `.run/sms.jsonl` |
| `WEBHOOK_ALLOW_PRIVATE` | allow webhooks to loopback and private addresses | `false` |
| `UPLOAD_DIR` | where attachments and issued papers are kept | `.run/uploads` |
| `KEEP_HISTORY_MONTHS` | events and alarms of a month's cases may leave so long after the last of them ended | `36` |
| `KEEP_LETTERS_MONTHS` | the same of their letters | `12` |
| `METRICS_TOKEN` | bearer token that lets other machines read `/metrics` | empty |
| `HEARTBEAT_FILE` | a file that worker and beat touch while they work, for a container's health check | empty |
| `LOG_LEVEL` | `DEBUG`, `INFO`, `WARNING`, `ERROR` | `INFO` |
| `DEMO` | the demonstration data may be loaded and its sign-ins are shown | `false` |
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import Any

import environ
import structlog
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from config.logs import scrub

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()


def key_bytes(name: str, value: str) -> bytes:
    """Decode one base64 key of 32 bytes, or say which variable is wrong."""
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise ImproperlyConfigured(f"{name} must be 32 bytes in base64: make one with `openssl rand -base64 32`.")
    return raw


def read(kind: str, name: str, *default: Any) -> Any:
    """Read one variable with django-environ; a bad or missing value becomes one clear sentence."""
    try:
        return getattr(env, kind)(name, **({"default": default[0]} if default else {}))
    except ImproperlyConfigured as error:
        raise ImproperlyConfigured(f"Set {name}: it has no default (see config/settings.py).") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        shown = (
            name if name.endswith(("_URL", "_KEY", "_KEYS")) else f"{name}={env.str(name, '')!r}"
        )  # no secret in a log
        raise ImproperlyConfigured(f"{shown} is not a valid value: see config/settings.py for its form.") from error


def read_bool(name: str, default: bool) -> bool:
    """Read a switch; a word that is neither yes nor no is refused rather than taken for no."""
    text = read("str", name, str(default)).strip().lower()
    if text not in {"true", "yes", "on", "1", "false", "no", "off", "0"}:
        raise ImproperlyConfigured(f"{name}={text!r} must be true or false.")
    return text in {"true", "yes", "on", "1"}


def read_field_keys() -> dict[str, bytes]:
    """Read FIELD_KEYS: key id to key, the one that encrypts first."""
    keys: dict[str, bytes] = {}
    for item in read("str", "FIELD_KEYS").split(","):
        key_id, colon, value = item.strip().partition(":")
        if not colon or not key_id.isalnum() or key_id in keys:
            raise ImproperlyConfigured(
                "FIELD_KEYS must be id:base64[,id:base64…] with ids of letters and digits, each once."
            )
        keys[key_id] = key_bytes("FIELD_KEYS", value)
    return keys


# --- identity of the installation ---------------------------------------------------------------
DEBUG: bool = read_bool("DEBUG", False)
DEMO: bool = read_bool("DEMO", False)
SECRET_KEY: str = read("str", "SECRET_KEY")
if len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("SECRET_KEY must have 50 characters or more: make one with `openssl rand -base64 48`.")
FIELD_KEYS: dict[str, bytes] = read_field_keys()
LOOKUP_KEY: bytes = key_bytes("LOOKUP_KEY", read("str", "LOOKUP_KEY"))
CASE_NUMBER_KEY: bytes = key_bytes("CASE_NUMBER_KEY", read("str", "CASE_NUMBER_KEY"))
ALLOWED_HOSTS: list[str] = read("list", "ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS: list[str] = read("list", "CSRF_TRUSTED_ORIGINS", [])
PUBLIC_URL: str = read("str", "PUBLIC_URL", "http://localhost:8000").rstrip("/")
TRUSTED_PROXIES: int = read("int", "TRUSTED_PROXIES", 0)
if TRUSTED_PROXIES < 0:
    raise ImproperlyConfigured(f"TRUSTED_PROXIES={TRUSTED_PROXIES} must be 0 or more.")

# --- what runs ----------------------------------------------------------------------------------
INSTALLED_APPS = [
    "config.admin_site.ConsoleConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django_fsm",
    "pgtrigger",
    "axes",
    "csp",
    "django_structlog",
    "accounts",
    "notifications",
    "transfers",
    "config",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.policy_middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.LanguageMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.middleware.LogMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [
            BASE_DIR / "config" / "templates",
            *(BASE_DIR / "transfers" / face / "templates" for face in ("admin", "web")),
        ],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- data ---------------------------------------------------------------------------------------
DATABASES = {"default": read("db_url", "DATABASE_URL")}
if DATABASES["default"].get("ENGINE") != "django.db.backends.postgresql":
    raise ImproperlyConfigured("DATABASE_URL must be a postgres:// address: Jiexu runs on PostgreSQL only.")
DATABASES["default"] |= {
    "ENGINE": "config.database",
    "CONN_MAX_AGE": 300,
    "CONN_HEALTH_CHECKS": True,
    # What the address asks for (sslmode, for one) stands.
    "OPTIONS": {"server_side_binding": True, "prepare_threshold": 1, "connect_timeout": 5}
    | DATABASES["default"].get("OPTIONS", {}),
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# How long months stay at hand; `manage.py partitions --retire` takes none out before (docs/operations.md).
KEEP_HISTORY_MONTHS: int = read("int", "KEEP_HISTORY_MONTHS", 36)
KEEP_LETTERS_MONTHS: int = read("int", "KEEP_LETTERS_MONTHS", 12)
if KEEP_HISTORY_MONTHS < 1 or KEEP_LETTERS_MONTHS < 1:
    raise ImproperlyConfigured("KEEP_HISTORY_MONTHS and KEEP_LETTERS_MONTHS must be 1 or more.")
UPLOAD_DIR = Path(read("str", "UPLOAD_DIR", str(BASE_DIR / ".run" / "uploads")))
MEDIA_ROOT = UPLOAD_DIR
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 3500  # the form of a correction has up to five for each of a sheet's 600 periods

# --- the queue ----------------------------------------------------------------------------------
REDIS_URL: str = read("str", "REDIS_URL")
if not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise ImproperlyConfigured("REDIS_URL must start with redis:// or rediss://.")
CELERY_BROKER_URL = REDIS_URL
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 300
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 10
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
}
CELERY_TIMEZONE = "Asia/Shanghai"
CELERY_ENABLE_UTC = True
CELERY_BEAT_SCHEDULER = "config.heartbeat.BeatingScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 10
# Only nudges: every instant that matters is a row. Two beats are harmless (unique keys decide).
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "transfers.tasks.sweep", "schedule": 60.0, "options": {"expires": 55}},
    "drain": {"task": "notifications.tasks.drain", "schedule": 10.0, "options": {"expires": 9}},
    "papers": {"task": "transfers.tasks.papers", "schedule": 30.0, "options": {"expires": 28}},
    "bank": {"task": "transfers.tasks.bank", "schedule": 300.0, "options": {"expires": 280}},
    "bulk": {"task": "transfers.tasks.bulk", "schedule": 60.0, "options": {"expires": 55}},
    "recompute": {"task": "transfers.tasks.recompute", "schedule": 600.0, "options": {"expires": 550}},
    "digests": {"task": "transfers.tasks.digests", "schedule": 1800.0, "options": {"expires": 1700}},
    "verify": {"task": "transfers.tasks.verify", "schedule": 3600.0, "options": {"expires": 3000}},
    # From two o'clock on (actions/reconciling.py); asked again each half hour, so that no night is missed.
    "reconcile": {"task": "transfers.tasks.reconcile", "schedule": 1800.0, "options": {"expires": 1700}},
    "partitions": {"task": "transfers.tasks.partitions", "schedule": 14400.0, "options": {"expires": 14000}},
    "tidy": {"task": "notifications.tasks.tidy", "schedule": 3600.0, "options": {"expires": 3000}},
}

# --- who signs in -------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
SESSION_COOKIE_AGE = 8 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_IPWARE_PROXY_COUNT = TRUSTED_PROXIES
AXES_ENABLE_ADMIN = False
AXES_LOCKOUT_TEMPLATE = "accounts/locked.html"
AXES_VERBOSE = False

# --- language and time --------------------------------------------------------------------------
LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("Simplified Chinese")), ("en", _("English"))]
LOCALE_PATHS = [
    BASE_DIR / "config" / "locale",
    BASE_DIR / "transfers" / "admin" / "locale",
    BASE_DIR / "transfers" / "web" / "locale",
    BASE_DIR / "transfers" / "api" / "locale",
]
TIME_ZONE = "Asia/Shanghai"
USE_I18N = True
USE_TZ = True

# --- security -----------------------------------------------------------------------------------
HTTPS: bool = read_bool("HTTPS", not DEBUG)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^livez$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31536000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = read("bool", "HSTS_SUBDOMAINS", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- files and pages ----------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = DEBUG

# --- letters ------------------------------------------------------------------------------------
EMAIL_CONFIG = read("email_url", "EMAIL_URL", "consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL: str = read("str", "EMAIL_FROM", "jiexu@localhost")
SMS_GATEWAY_URL: str = read("str", "SMS_GATEWAY_URL", "")
SMS_GATEWAY_KEY: str = read("str", "SMS_GATEWAY_KEY", "")
SMS_FILE = Path(read("str", "SMS_FILE", str(BASE_DIR / ".run" / "sms.jsonl")))
WEBHOOK_ALLOW_PRIVATE: bool = read_bool("WEBHOOK_ALLOW_PRIVATE", False)

# --- the rooms that may be replaced -------------------------------------------------------------
# Area code -> dotted path of an EnrolmentRegistry; every other area reads our own tables.
ENROLMENT_REGISTRIES: dict[str, str] = read("dict", "ENROLMENT_REGISTRIES", {})
# Dotted path of the PaperSigner that seals papers in the name of agencies.
PAPER_SIGNER: str = read("str", "PAPER_SIGNER", "transfers.documents.pdfseal.DemonstrationPaperSigner")

# --- signs of life ------------------------------------------------------------------------------
HEARTBEAT_FILE: str = read("str", "HEARTBEAT_FILE", "")
METRICS_TOKEN: str = read("str", "METRICS_TOKEN", "")
# Backlog -> (function(now=…) giving the wait of its oldest due piece in seconds or None, seconds that are still well).
HEALTH_BACKLOGS: dict[str, tuple[str, float]] = {
    "alarms": ("config.health.oldest_due_alarm", 180.0),
    "letters": ("notifications.outbox.oldest_unsent_age", 600.0),
    "papers": ("transfers.actions.papers.oldest_waiting", 600.0),
}

# --- logs ---------------------------------------------------------------------------------------
LOG_LEVEL: str = read("str", "LOG_LEVEL", "INFO").upper()
if LOG_LEVEL not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
    raise ImproperlyConfigured(f"LOG_LEVEL={LOG_LEVEL!r} must be DEBUG, INFO, WARNING or ERROR.")
_processors: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=False),
    scrub,
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "foreign_pre_chain": _processors,
            "processor": structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
            if DEBUG  # a traceback with local variables would tell on people
            else structlog.processors.JSONRenderer(),
        }
    },
    "filters": {"telling": {"()": "config.logs.OnlyTelling"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["telling"]}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "django.request": {"level": "ERROR"},
        "django_structlog.celery": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
        "httpx": {"level": "WARNING"},
    },
}
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        *_processors,
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
DJANGO_STRUCTLOG_CELERY_ENABLED = True
SILENCED_SYSTEM_CHECKS: list[str] = []
