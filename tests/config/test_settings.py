"""The settings and what is said about them."""

import re

from django.conf import settings


def test_every_setting_of_the_environment_is_explained_once() -> None:
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (settings.BASE_DIR / "config" / "settings.py").read_text()))
    told = re.findall(r"^#?([A-Z_]+)=", (settings.BASE_DIR / ".env.example").read_text(), re.MULTILINE)
    assert len(told) == len(set(told))
    assert read <= set(told)
