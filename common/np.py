"""``np``: numpy, or cupy when a GPU is requested (see ``common.config``); chosen once, here.

Raises ImportError that says what to install when a GPU is requested and cupy is missing or broken.
"""

from typing import TYPE_CHECKING

from common import config
from support.install import GPU

if TYPE_CHECKING:  # cupy has the same functions, and its arrays the same methods
    import numpy as np
elif config.GPU:
    try:
        import cupy as np
    except (ImportError, OSError) as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == "cupy"
        raise ImportError(
            f"GPU was asked for, but cupy {'is missing' if missing else 'cannot be imported'}: {GPU}, or unset GPU"
        ) from error
else:
    import numpy as np

__all__ = ["np"]
