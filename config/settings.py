"""All settings, read from the environment. Each variable is explained in `.env.example`."""

from pathlib import Path
from typing import Any

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from whitenoise.compress import Compressor

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"
# Each variable may come from a file that `<NAME>_FILE` names, as container secrets do.
env = environ.FileAwareEnv()
environ.Env.read_env(BASE_DIR / ".env")

# --- Safety -----------------------------------------------------------------------------------
DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="only-for-debug" if DEBUG else "").strip()
if not DEBUG and (len(SECRET_KEY) < 50 or len(set(SECRET_KEY)) < 5):
    raise ImproperlyConfigured("Set SECRET_KEY to 50 random characters or more (`make run` makes one for you).")
# Keys of before a change, so that those who are signed in stay so; take them away after some weeks.
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

HTTPS = env.bool("HTTPS", default=False)
SECURE_SSL_REDIRECT = HTTPS
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
# Browsers take a cookie of this name only from this host itself and over https: no neighbour can plant one.
COOKIE_PREFIX = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME = f"{COOKIE_PREFIX}sessionid"
CSRF_COOKIE_NAME = f"{COOKIE_PREFIX}csrftoken"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = LANGUAGE_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = env.int("HSTS_SECONDS", default=3600 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # Failed sign-ins are counted by address, which is the last that the proxy has added.
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
SESSION_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "config.access.form_too_old"
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
# The one style hash is of the empty <style> element that Plotly.js adds and fills through the CSSOM.
CONTENT_SECURITY_POLICY: dict[str, Any] = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF, "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"],
        "img-src": [SELF, "data:", "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        # pdf.js reads PDFs in a worker of its own.
        "worker-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    }
}
# Who may read without signing in. Exchanges restrict the publication of quotes: see README, "Data terms".
REQUIRE_LOGIN = env.bool("REQUIRE_LOGIN", default=False)

# --- Parts ------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "companies",
    "valuations",
    "config.admin_site.Admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",  # allauth's lists of sessions and keys say how long ago something was
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "template_partials",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "simple_history",
]
MIDDLEWARE = [
    # First, so that redirects, errors and static files have these headers too.
    "config.headers.HeadersMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "config.preferences.PreferencesMiddleware",
    "config.access.LoginRequiredMiddleware",
    "companies.accounts.sessions.SessionsMiddleware",
    "companies.accounts.second_factor.SecondFactorMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static"],
        },
    }
]
AUTH_USER_MODEL = "companies.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "valuations:sector"
LOGOUT_REDIRECT_URL = "valuations:sector"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
ACCOUNT_ADAPTER = "companies.accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email", "username"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*", "password2*"]
# One address per account: another one takes its place once its owner has confirmed it.
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Xinpan] "
ACCOUNT_EMAIL_CONFIRMATION_AUTHENTICATED_REDIRECT_URL = "/accounts/email/"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # where it was changed; all other sessions end
ACCOUNT_REAUTHENTICATION_REQUIRED = True  # before an address, a password or a second factor changes
ACCOUNT_SESSION_REMEMBER = None  # the form to sign in asks
# Sign-ins are counted by companies/accounts/throttle.py; what allauth calls so here are codes of the second factor.
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": "10/m/ip,5/5m/key",
    "change_password": "5/5m/user",
    "reset_password": "10/10m/ip,3/10m/key",
}
PASSWORD_RESET_TIMEOUT = 3600  # seconds
MFA_ADAPTER = "companies.accounts.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Xinpan"
MFA_FORMS = {
    "add_webauthn": "companies.accounts.forms.KeyForm",
    "edit_webauthn": "companies.accounts.forms.KeyNameForm",
}
# Nobody makes an account for themselves here, so nobody can make one with the address of somebody else.
MFA_ALLOW_UNVERIFIED_EMAIL = True
# Browsers themselves offer security keys only to https and to this machine.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
# Whether those who may enter the admin need a second factor.
STAFF_SECOND_FACTOR = env.bool("STAFF_SECOND_FACTOR", default=HTTPS)
# How long the link of an invitation can be used.
INVITATION_DAYS = env.int("INVITATION_DAYS", default=7)
EMAIL_CONFIG = env.email_url("EMAIL_URL", default="consolemail://")
vars().update(EMAIL_CONFIG)
EMAIL_TIMEOUT = 10  # seconds: a person who signs in may be waiting
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Xinpan <xinpan@localhost>")

# History of rows: the reason may be a sentence.
SIMPLE_HISTORY_HISTORY_CHANGE_REASON_USE_TEXT_FIELD = True
SIMPLE_HISTORY_REVERT_DISABLED = True  # the library's own form; ours reverts with a reason
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Data -------------------------------------------------------------------------------------
DATA_DIR = Path(env.str("DATA_DIR", default=str(BASE_DIR / "var")))
DATABASES: dict[str, Any] = {"default": env.db_url("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'xinpan.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE: a transaction that will write waits for its turn at once instead of failing half-way.
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 30,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
# Opening a connection costs more than answering a poll.
DATABASES["default"]["CONN_MAX_AGE"] = 60
# Files of filings, each under the hash of its bytes. Several machines need one directory that all of them see.
DOCUMENT_DIR = Path(env.str("DOCUMENT_DIR", default=str(DATA_DIR / "documents")))
DOCUMENT_MAX_MB = env.int("DOCUMENT_MAX_MB", default=128)
# What reading the text of one file may take. The seconds must stay below the soft time limit of a job.
DOCUMENT_MAX_PAGES = env.int("DOCUMENT_MAX_PAGES", default=3000)
DOCUMENT_TIME_LIMIT = env.int("DOCUMENT_TIME_LIMIT", default=45)
DOCUMENT_MEMORY_MB = env.int("DOCUMENT_MEMORY_MB", default=1024)
# For fetching one document, redirects included; less than a job may take.
DOCUMENT_TIMEOUT = env.float("DOCUMENT_TIMEOUT", default=45.0)
DOCUMENTS_TIME_LIMIT = env.int("DOCUMENTS_TIME_LIMIT", default=3600)
DOCUMENTS_PER_RUN = env.int("DOCUMENTS_PER_RUN", default=50)
REDIS_URL = env.str("REDIS_URL", default=f"redis+socket://{DATA_DIR / 'redis.sock'}").strip()
# What all web processes must agree on: failed sign-ins are counted here. Pages are kept in the processes themselves.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "shared_cache",
        # When there are more, the cache throws away what it has, and with it the counts of an attack.
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}

# --- Jobs (read by config/celery.py) ------------------------------------------------------------
CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
# A job belongs to the worker until it is done: killed workers leave it to be delivered again.
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = env.int("JOB_SOFT_TIME_LIMIT", default=60)
CELERY_TASK_TIME_LIMIT = CELERY_TASK_SOFT_TIME_LIMIT + 15
# Must exceed the longest job, or a job still running is handed to a second worker.
JOB_REDELIVERY_SECONDS = env.int("JOB_REDELIVERY_SECONDS", default=CELERY_TASK_TIME_LIMIT + 45)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": JOB_REDELIVERY_SECONDS,
    # How often workers look for jobs to deliver again: unless told, only every hundred seconds.
    "unacked_restore_interval": min(10, max(1, JOB_REDELIVERY_SECONDS // 4)),
    "unacked_restore_throttle": 1,
    # A worker killed while it looks keeps the others from looking for so long.
    "unacked_mutex_expire": 30,
    "socket_timeout": 10,
    "queue_order_strategy": "priority",
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
# A worker takes from the first queue that has a job: prices before documents, and those before the hours of a backfill.
CELERY_TASK_DEFAULT_QUEUE = "celery"
HISTORY_QUEUE = "history"
DOCUMENT_QUEUE = "documents"
CELERY_TASK_CREATE_MISSING_QUEUES = True
PLAN_EVERY_SECONDS = env.int("PLAN_EVERY_SECONDS", default=60)
CELERY_BEAT_SCHEDULE = {
    "plan-refreshes": {
        "task": "valuations.tasks.plan_refreshes",
        "schedule": float(PLAN_EVERY_SECONDS),
        # A plan that nobody picked up in time is worthless: the next one asks the same question.
        "options": {"expires": PLAN_EVERY_SECONDS},
    },
    "watch-calendar": {
        "task": "valuations.tasks.watch_exchanges",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
}

# --- Sources of prices and rates ----------------------------------------------------------------
SOURCES_ENABLED = env.bool("SOURCES_ENABLED", default=True)
# Asked in this order as long as all are well; one that fails is left alone for a while (valuations/health.py).
QUOTE_SOURCES = env.list("QUOTE_SOURCES", default=["tencent", "sina", "eastmoney", "eastmoney_delay", "yahoo"])
HISTORY_SOURCES = env.list("HISTORY_SOURCES", default=["tencent_history", "eastmoney_history", "yahoo_history"])
RATE_SOURCES = env.list("RATE_SOURCES", default=["cfets", "frankfurter", "ecb"])
SOURCE_URLS = {
    "tencent": env.str("TENCENT_URL", default="https://qt.gtimg.cn"),
    "tencent_history": env.str("TENCENT_HISTORY_URL", default="https://web.ifzq.gtimg.cn"),
    "sina": env.str("SINA_URL", default="https://hq.sinajs.cn"),
    "eastmoney": env.str("EASTMONEY_URL", default="https://push2.eastmoney.com"),
    "eastmoney_delay": env.str("EASTMONEY_DELAY_URL", default="https://push2delay.eastmoney.com"),
    "eastmoney_history": env.str("EASTMONEY_HISTORY_URL", default="https://push2his.eastmoney.com"),
    "yahoo": env.str("YAHOO_URL", default="https://query1.finance.yahoo.com"),
    "yahoo_cookie": env.str("YAHOO_COOKIE_URL", default="https://fc.yahoo.com"),
    "cninfo": env.str("CNINFO_URL", default="https://www.cninfo.com.cn"),
    "cninfo_documents": env.str("CNINFO_DOCUMENTS_URL", default="https://static.cninfo.com.cn"),
    "sse": env.str("SSE_URL", default="https://query.sse.com.cn"),
    "sse_documents": env.str("SSE_DOCUMENTS_URL", default="https://static.sse.com.cn"),
    "szse": env.str("SZSE_URL", default="https://www.szse.cn"),
    "szse_documents": env.str("SZSE_DOCUMENTS_URL", default="https://disc.static.szse.cn"),
    "szse_project_documents": env.str("SZSE_PROJECT_DOCUMENTS_URL", default="http://reportdocs.static.szse.cn"),
    "hkex": env.str("HKEX_URL", default="https://www1.hkexnews.hk"),
    "sec": env.str("SEC_URL", default="https://data.sec.gov"),
    "sec_www": env.str("SEC_WWW_URL", default="https://www.sec.gov"),
    "cfets": env.str("CFETS_URL", default="https://www.chinamoney.com.cn"),
    "frankfurter": env.str("FRANKFURTER_URL", default="https://api.frankfurter.dev"),
    "ecb": env.str("ECB_URL", default="https://www.ecb.europa.eu"),
    "fred": env.str("FRED_URL", default="https://api.stlouisfed.org"),
    "hkma": env.str("HKMA_URL", default="https://api.hkma.gov.hk"),
    "safe": env.str("SAFE_URL", default="https://www.safe.gov.cn"),
}
FRED_API_KEY = env.str("FRED_API_KEY", default="").strip()
SOURCE_TIMEOUT = env.float("SOURCE_TIMEOUT", default=10.0)
SOURCE_INTERVAL = env.float("SOURCE_INTERVAL", default=1.0)
SOURCE_CONTACT = env.str("SOURCE_CONTACT", default="")
QUOTE_BATCH_SIZE = env.int("QUOTE_BATCH_SIZE", default=100)
QUOTE_EVERY_SECONDS = env.int("QUOTE_EVERY_SECONDS", default=60)
RATE_EVERY_SECONDS = env.int("RATE_EVERY_SECONDS", default=6 * 3600)
RUN_TIME_LIMIT = env.int("RUN_TIME_LIMIT", default=900)
# With more jobs waiting than this the plan starts nothing new.
QUEUE_LIMIT = env.int("QUEUE_LIMIT", default=500)
# A backfill of many listings asks thousands of questions, one after the other.
HISTORY_TIME_LIMIT = env.int("HISTORY_TIME_LIMIT", default=6 * 3600)
HISTORY_YEARS = env.int("HISTORY_YEARS", default=10)
# How often the lists of filings are asked for, and how far back at first.
FILINGS_EVERY_SECONDS = env.int("FILINGS_EVERY_SECONDS", default=6 * 3600)
FILINGS_YEARS = env.int("FILINGS_YEARS", default=3)
# Readers without login see prices of this age or older; exchanges ask fifteen minutes of whoever shows them publicly.
PUBLIC_DELAY_MINUTES = env.int("PUBLIC_DELAY_MINUTES", default=15)
STALE_AFTER_OPEN_MINUTES = env.int("STALE_AFTER_OPEN_MINUTES", default=20)
POLL_SECONDS = env.int("POLL_SECONDS", default=15)
POLL_REST_SECONDS = env.int("POLL_REST_SECONDS", default=300)
ROWS_PER_PAGE = env.int("ROWS_PER_PAGE", default=100)

# --- Languages and time -------------------------------------------------------------------------
LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
FORMAT_MODULE_PATH = "config.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"
DISPLAY_TIME_ZONE = env.str("DISPLAY_TIME_ZONE", default="Asia/Shanghai")

# --- Static files -------------------------------------------------------------------------------
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_FINDERS = [
    "config.static_files.ServedFiles",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
]
STATICFILES_DIRS = [
    BASE_DIR / "static",
    ("plotly", str(BASE_DIR / "node_modules" / "plotly.js-finance-dist-min")),
    *(
        (f"pdfjs/{part}", str(BASE_DIR / "node_modules" / "pdfjs-dist" / part))
        for part in ("build", "cmaps", "standard_fonts", "wasm")
    ),
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": (
            "django.contrib.staticfiles.storage.StaticFilesStorage"
            if DEBUG
            else "whitenoise.storage.CompressedManifestStaticFilesStorage"
        )
    },
}
WHITENOISE_MAX_AGE = 3600
# Compressing takes most of a first start. WhiteNoise's own list, and the small binary files of pdf.js.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = [
    *Compressor.SKIP_COMPRESS_EXTENSIONS,
    *("bcmap", "pfb", "ttf"),
]

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {"httpx": {"level": "WARNING"}, "httpcore": {"level": "WARNING"}},
}
