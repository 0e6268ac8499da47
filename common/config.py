"""Settings that must be chosen before the rest of the framework is imported.

``GPU``: True makes ``common.np.np`` cupy instead of numpy. Set the environment
variable ``GPU=1``, or run ``from common import config; config.GPU = True`` before
importing anything else of ``common``.
"""

import os

GPU = os.environ.get("GPU", "") not in ("", "0")
