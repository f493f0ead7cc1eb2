"""A server of the files in `FLOOR` and nothing else, by the same means as our static files."""

import os
from collections.abc import Iterable
from typing import Any

from whitenoise import WhiteNoise


def nothing(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """What is not a file is not found."""
    start_response("404 Not Found", [("Content-Type", "text/plain"), ("Content-Length", "0")])
    return [b""]


application = WhiteNoise(nothing, root=os.environ["FLOOR"], max_age=0)
