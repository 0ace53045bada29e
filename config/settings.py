"""Django's settings. Values come from `config.env`; policy constants live beside the code that uses them."""

from datetime import timedelta

from corsheaders.defaults import default_headers
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from alphapulse.market.timeframes import TIMEFRAMES
from alphapulse.resilience.breaker import BreakerState
from alphapulse.types import LedgerKind, OrderStatus, PositionSide, Side, TransferKind, TransferStatus
from apps.core.encryption import key_ring
from config import env
from config.celery import app as celery_app  # noqa: F401  (wherever Django is set up, tasks are sent by our app)
from config.database import database
from config.logging import configure_logging
from config.schedule import QUEUES  # noqa: F401  (what the watchdog watches)

BASE_DIR = env.ROOT
HOME = env.HOME

# --- Security -----------------------------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG")
SECRET_KEY = env.secret("SECRET_KEY", "`make run` makes one; elsewhere set 50 random characters.")
# `id:base64 of 32 bytes`, comma separated: the first encrypts, all decrypt. See apps/core/encryption.py.
CREDENTIAL_KEYS = env.required(
    "CREDENTIAL_KEYS", "It encrypts the exchange credentials: `python manage.py make_credential_key` prints one."
)
# In the same form, and no key of those: what seals the audit. The database must not know it.
AUDIT_SEAL_KEYS = env.required(
    "AUDIT_SEAL_KEYS", "It seals the audit: `python manage.py make_credential_key --id seal1` prints one."
)
try:
    if {*key_ring(CREDENTIAL_KEYS).values()} & {*key_ring(AUDIT_SEAL_KEYS, "AUDIT_SEAL_KEYS").values()}:
        raise ImproperlyConfigured("AUDIT_SEAL_KEYS has a key of CREDENTIAL_KEYS: it needs one of its own.")
except ImproperlyConfigured as problem:
    raise env.MalformedSetting(str(problem)) from None
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", "localhost,127.0.0.1")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS")
AUTH_USER_MODEL = "users.User"
# The first makes; the others only read what an earlier version made.
PASSWORD_HASHERS = ["apps.users.hashers.Argon2", "django.contrib.auth.hashers.PBKDF2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

# Off only where there is no TLS at all: `make run` on loopback.
HTTPS = env.bool("HTTPS", True)
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
# One proxy in front, whose X-Forwarded-Proto and X-Forwarded-For are true; without it they are the visitor's own words.
BEHIND_PROXY = env.bool("BEHIND_PROXY")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
# Off only where `make run` has no TLS either: the demo user is staff, on loopback.
STAFF_TWO_FACTOR = env.bool("STAFF_TWO_FACTOR", HTTPS)
SESSION_COOKIE_AGE = 60 * 60 * 12
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrftoken"
CSRF_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Everything from here, nothing inline: pages, API and docs alike. A script of a template's own takes the nonce.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    }
}
# Origins (`https://app.example.org`) whose pages may call the API. Tokens travel in a header, cookies never do.
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS")
CORS_URLS_REGEX = r"^/api/"
CORS_EXPOSE_HEADERS = ["ETag", "Retry-After"]
CORS_ALLOW_HEADERS = [*default_headers, "if-none-match"]

# --- Applications -------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "apps.core",
    "apps.audit",
    "apps.users",
    "apps.exchanges",
    "apps.market",
    "apps.ledger",
    "apps.sync",
    "apps.portfolio",
    "apps.feed",
    "apps.system",
    # Its pages are found by config.urls: they know everything, and processes without a page need not (75 MB).
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "corsheaders",
    "csp",
    "django_prometheus",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "apps.core.headers.PermissionsPolicy",
    "csp.middleware.CSPMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "apps.core.caching.ApiCaching",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "apps.core.origin.Origins",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
ASGI_APPLICATION = "config.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Database -----------------------------------------------------------------------------------------------------

DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
DATABASE_URL = env.str("DATABASE_URL", f"sqlite:///{HOME / 'alphapulse.sqlite3'}")
DATABASES = {"default": database(DATABASE_URL)}

# --- Redis: broker, feed, shared budgets --------------------------------------------------------------------------

REDIS_URL = env.str("REDIS_URL", "redis://127.0.0.1:6379/0")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # redis-py 8's own default of 5 s kills an idle WebSocket.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 15}], "prefix": "feed"},
    }
}

# All rate limits times this: for a machine that asks its own, as measurements do.
RATE_LIMIT_FACTOR = max(1, env.int("RATE_LIMIT_FACTOR", 1))

# --- Celery -------------------------------------------------------------------------------------------------------

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # Well above the hardest limit, so that nothing running is delivered twice; restored soon after a worker's death.
    "visibility_timeout": 900,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    # A path that swallows packets must be noticed: kombu's default is to wait for ever.
    "socket_timeout": 5,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
}
CELERY_TIMEZONE = "UTC"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "control"
CELERY_TASK_CREATE_MISSING_QUEUES = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_SOFT_TIME_LIMIT = 90
CELERY_TASK_TIME_LIMIT = 120
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
# Celery closes the connection after every task unless told otherwise (3.7 ms of PostgreSQL each).
CELERY_DB_REUSE_MAX = 1000
CELERY_BEAT_CRON_STARTING_DEADLINE = 300
CELERY_BEAT_SCHEDULER = "config.scheduler:Scheduler"

# --- Exchanges ----------------------------------------------------------------------------------------------------

# Where sandbox accounts' traffic goes; without it a sandbox account is never asked.
SANDBOX_URL = env.str("SANDBOX_URL")
# Exchange id -> base URL through which all traffic of that exchange's live accounts goes.
EXCHANGE_GATEWAYS: dict[str, str] = env.json("EXCHANGE_GATEWAYS", {})
# Egress label -> {"local_address": ip} or {"proxy": url}: keys are bound to IPs, and so are budgets and bans.
EGRESSES: dict[str, dict[str, str]] = env.json("EGRESSES", {})
# The part of every published limit that is left to the owner's other tools, and how many processes share the rest while
# Redis is away.
BUDGET_FOR_OTHERS = env.share("BUDGET_FOR_OTHERS", 0.0, most=0.8)
SYNC_PROCESSES = max(1, env.int("SYNC_PROCESSES", 3))
# The European Central Bank's daily file of reference rates, as XML or CSV: a path, or an address.
ECB_RATES = env.str("ECB_RATES")

# --- Mail to who operates it: of ops events, where both are set ---------------------------------------------------

ADMINS = [(address, address) for address in env.list("ADMINS")]
EMAIL_HOST = env.str("EMAIL_HOST")
EMAIL_PORT = env.int("EMAIL_PORT", 587)
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", True)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD")
SERVER_EMAIL = env.str("SERVER_EMAIL", "alphapulse@localhost")
EMAIL_SUBJECT_PREFIX = "[AlphaPulse] "
EMAIL_TIMEOUT = 10

# --- REST ---------------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["apps.users.api.authentication.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["apps.users.api.permissions.HasScope"],
    "DEFAULT_SCHEMA_CLASS": "config.schema.Schema",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_RENDERER_CLASSES": ["apps.core.renderers.Json"],
    "DEFAULT_PARSER_CLASSES": ["apps.core.parsers.JsonBody"],
    "EXCEPTION_HANDLER": "apps.core.problems.problem_response",
    "DEFAULT_THROTTLE_CLASSES": ["apps.core.throttling.Limits"],
    # `?format=` is no parameter of ours: there is JSON alone.
    "URL_FORMAT_OVERRIDE": None,
}
# How long a refresh token lasts, how it rotates and what ends it: apps/users/models/sessions.py.
SIMPLE_JWT = {"ACCESS_TOKEN_LIFETIME": timedelta(minutes=5)}

SPECTACULAR_SETTINGS = {
    "TITLE": "AlphaPulse",
    "VERSION": "1",
    "DESCRIPTION": (
        "Answers come from stored rows and never wait for an exchange. Amounts are strings, exact and plain; null is "
        "unknown, never zero. Times are ISO 8601, UTC. Errors are problem+json with a stable `code`."
    ),
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SWAGGER_UI_SETTINGS": {"validatorUrl": None},
    # What is only ever said is left out of what is sent, and the other way round.
    "COMPONENT_SPLIT_REQUEST": True,
    "ENUM_NAME_OVERRIDES": {
        "OrderSideEnum": [each.value for each in Side],
        "PositionSideEnum": [each.value for each in PositionSide],
        "OrderStatusEnum": [each.value for each in OrderStatus],
        "WalletStatusEnum": "apps.ledger.models.WalletStatus",
        "TransferKindEnum": [each.value for each in TransferKind],
        "TransferStatusEnum": [each.value for each in TransferStatus],
        "LedgerKindEnum": [each.value for each in LedgerKind],
        "TimeframeEnum": list(TIMEFRAMES),
        "ProposalTimeframeEnum": ["1h", "4h", "1d"],
        "ProposalStateEnum": "apps.portfolio.models.ProposalState",
        "SeriesStatusEnum": "apps.market.models.SeriesStatus",
        "AccountKindEnum": "alphapulse.types.KINDS_OF_ACCOUNT",
        "TroubleEnum": "apps.system.models.Trouble",
        "KeyTroubleEnum": ["expires_soon", "expired", "may_withdraw", "same_account"],
        "RestartStateEnum": "apps.system.models.RestartState",
        "BreakerStateEnum": [each.value for each in BreakerState],
    },
    "POSTPROCESSING_HOOKS": ["drf_spectacular.hooks.postprocess_schema_enums", "config.schema.with_problems"],
}

# --- Time, language, files ----------------------------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = ["config.formats"]
STATIC_URL = "static/"
STATIC_ROOT = HOME / "static"
# The embedded web server serves the admin's files by itself.
WHITENOISE_USE_FINDERS = True

# --- Logging ------------------------------------------------------------------------------------------------------

LOGGING_CONFIG = None
configure_logging(level=env.str("LOG_LEVEL", "INFO"), as_json=env.bool("LOG_JSON"))
