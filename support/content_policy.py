"""What a page of HTML tells its browser that it may run and load: a Content-Security-Policy."""

import base64
import hashlib


def source_of(text: str) -> str:
    """The source expression that allows an inline script or style of just this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
