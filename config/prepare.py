"""Bring the data directory up to date before the processes start: `python -m config.prepare`.

Translations, static files, database, starter facts, example documents, first administrator. Each step does nothing when
there is nothing to do, so that a second start takes seconds.
"""

import hashlib
import os
import sys
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent


def static_fingerprint() -> str:
    """Changes when the collected static files would: our own files, the locked packages, or how they are collected."""
    sources = [ROOT / "requirements.lock", ROOT / "package-lock.json"]
    sources += [ROOT / "config" / "settings.py", ROOT / "config" / "static_files.py"]
    sources += sorted(path for path in (ROOT / "static").rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in sources:
        digest.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def main() -> None:
    """Run every step, in the order in which they need each other."""
    from config.messages import compile_catalogues

    compile_catalogues()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

    # Only now: these read the settings.
    from django.conf import settings
    from django.core.management import call_command
    from django.db import OperationalError, connection

    data_dir: Path = settings.DATA_DIR
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        connection.ensure_connection()
    except OperationalError as problem:
        sys.exit(f"The database does not answer: {problem}")

    stamp, fingerprint = data_dir / "static.stamp", static_fingerprint()
    if not (stamp.is_file() and stamp.read_text() == fingerprint and Path(settings.STATIC_ROOT).is_dir()):
        print("Collecting static files …", flush=True)
        stamp.unlink(missing_ok=True)
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(fingerprint)
    call_command("migrate", interactive=False, verbosity=0)
    call_command("load_starter")
    call_command("load_examples")
    call_command("ensure_admin")


if __name__ == "__main__":
    main()
