"""What the tests of the readers of labelled texts share."""

import pytest


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def refused(read, *args, **kwargs):
    with pytest.raises(ValueError) as error:
        read(*args, **kwargs)
    message = str(error.value)
    assert "\n" not in message
    return message
