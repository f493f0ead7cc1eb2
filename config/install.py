"""Install what the project needs: `python3.11 -P config/install.py run`, or `dev` for tests and checks.

`make run` and `make test` call this on a machine that may have nothing but Python 3.11, so it uses the standard library
alone. Each step leaves a stamp with the hash of the lock file it installed; an unchanged lock is skipped, and needs no
network.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
NODE_MODULES = ROOT / "node_modules"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHINESE_FONT = Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc")


class CannotInstall(Exception):
    """A step failed; the message tells a person what to do."""


def say(text: str) -> None:
    """Print one line about the step that begins."""
    print(f"--- {text}", flush=True)


def run(command: Sequence[str | Path], failure: str, *, env: dict[str, str] | None = None) -> None:
    """Run a command in the project's directory.

    Raises:
        CannotInstall: with `failure`, when the command cannot be started or does not succeed.
    """
    try:
        subprocess.run(command, cwd=ROOT, env=env, check=True)
    except (OSError, subprocess.CalledProcessError) as problem:
        raise CannotInstall(f"{failure} ({problem})") from problem


def can_use_apt() -> bool:
    """Whether Debian packages can be installed without asking anybody."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def apt_install(*packages: str) -> None:
    """Install Debian packages; the caller has checked `can_use_apt`."""
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run(["apt-get", "update", "-qq"], "apt-get could not read its package lists", env=env)
    run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages], "apt-get failed", env=env)


def is_installed(stamp: Path, lock: Path) -> bool:
    """Whether `stamp` was written for exactly this lock file."""
    return stamp.is_file() and stamp.read_text() == hashlib.sha256(lock.read_bytes()).hexdigest()


def write_stamp(stamp: Path, lock: Path) -> None:
    """Remember that this lock file has been installed."""
    stamp.write_text(hashlib.sha256(lock.read_bytes()).hexdigest())


def environment_works() -> bool:
    """Whether .venv holds a Python 3.11 that starts, which a copied or moved checkout may not have."""
    if not (VENV / "pyvenv.cfg").is_file() or not VENV_PYTHON.exists():
        return False
    question = "import sys; print(sys.prefix, *sys.version_info[:2])"
    answer = subprocess.run([VENV_PYTHON, "-c", question], capture_output=True, text=True, check=False)
    return answer.stdout.split() == [str(VENV), "3", "11"]


def create_environment() -> None:
    """Make .venv, by whatever means this Python has."""
    if environment_works():
        return
    say("Creating .venv")
    if importlib.util.find_spec("ensurepip") is None and importlib.util.find_spec("virtualenv") is None:
        # Debian ships Python without ensurepip; `venv` alone would stop half-way.
        if importlib.util.find_spec("pip") is not None:
            run([sys.executable, "-m", "venv", "--clear", "--without-pip", VENV], "Could not create .venv")
            return
        if not can_use_apt():
            raise CannotInstall(
                "This Python can neither make virtual environments nor install packages. "
                "On Debian or Ubuntu run `sudo apt install python3.11-venv`, then try again."
            )
        apt_install("python3.11-venv")
        importlib.invalidate_caches()
    tool = "venv" if importlib.util.find_spec("ensurepip") is not None else "virtualenv"
    run([sys.executable, "-m", tool, "--clear", VENV], "Could not create .venv")


def pip_install(lock_name: str) -> None:
    """Install one hash-pinned lock file into .venv, unless it is there already."""
    lock, stamp = ROOT / lock_name, VENV / f".installed-{lock_name}"
    if is_installed(stamp, lock):
        return
    say(f"Installing Python packages ({lock_name}); the first time takes a minute or two")
    pip: list[str | Path] = [VENV_PYTHON, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True, check=False).returncode:
        pip = [sys.executable, "-m", "pip", "--python", VENV_PYTHON]
    # Every dependency is in the lock, so --no-deps loses nothing and lets no package in that has no hash.
    options = ["--disable-pip-version-check", "--quiet", "--no-input", "--no-deps", "--require-hashes"]
    run([*pip, "install", *options, "-r", lock], f"Could not install {lock_name}; is the network up?")
    write_stamp(stamp, lock)


def install_browser_packages() -> None:
    """Install what the pages load into node_modules, with a Node.js from PyPI where there is none."""
    lock, stamp = ROOT / "package-lock.json", NODE_MODULES / ".installed-package-lock.json"
    if is_installed(stamp, lock):
        return
    npm, env = shutil.which("npm"), dict(os.environ)
    if npm is None:
        pip_install("requirements-node.lock")
        npm = str(VENV / "bin" / "npm")
        env["PATH"] = f"{VENV / 'bin'}{os.pathsep}{env.get('PATH', os.defpath)}"
    say("Installing browser packages (package-lock.json)")
    # The optional packages are for drawing PDFs outside of a browser.
    options = ["--ignore-scripts", "--omit=optional", "--no-audit", "--no-fund", "--no-update-notifier"]
    options.append("--loglevel=error")
    run([npm, "ci", *options], "Could not install the browser packages; is the network up?", env=env)
    write_stamp(stamp, lock)


def install_for_tests() -> None:
    """Install browser and Chinese font of the tests with apt where possible; tests that lack one are skipped."""
    has_chromium = os.environ.get("CHROMIUM") or any(shutil.which(name) for name in CHROMIUM_NAMES)
    packages = [] if has_chromium else ["chromium"]
    packages += [] if CHINESE_FONT.exists() else ["fonts-noto-cjk"]
    if not packages:
        return
    names = " and ".join(packages)
    if not can_use_apt():
        say(f"No {names} found, and only root can install it: the tests that need it will be skipped")
        return
    say(f"Installing {names} for the tests")
    try:
        apt_install(*packages)
    except CannotInstall as problem:
        say(f"{problem}: the tests that need it will be skipped")


def main(purpose: str) -> None:
    """Install everything for `purpose`: "run" or "dev"."""
    create_environment()
    pip_install("requirements.lock" if purpose == "run" else "requirements-dev.lock")
    install_browser_packages()
    if purpose == "dev":
        install_for_tests()


if __name__ == "__main__":
    if sys.argv[1:] not in (["run"], ["dev"]):
        sys.exit("Usage: python3.11 -P config/install.py run|dev")
    try:
        main(sys.argv[1])
    except CannotInstall as problem:
        sys.exit(f"\n{problem}")
    except KeyboardInterrupt:
        sys.exit(130)
