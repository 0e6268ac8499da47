"""``np``: numpy, or cupy where a GPU was asked for (see ``common.config``); chosen once, here.

Raises ImportError, with what to install, when a GPU was asked for and cupy is missing.
"""

from common import config

if config.GPU:
    try:
        import cupy as np
    except ImportError as error:
        raise ImportError(
            "GPU was asked for, but cupy is missing: pip install 'attention-from-scratch[gpu]', or unset GPU"
        ) from error
else:
    import numpy as np

__all__ = ["np"]
