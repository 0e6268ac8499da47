"""Content-Security-Policy of an HTML page: which scripts and styles a browser may use."""

import base64
import hashlib


def source_of(text: str) -> str:
    """Return the source expression that allows an inline script or style with exactly this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
