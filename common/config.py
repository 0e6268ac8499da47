"""Settings that are chosen before the framework is imported.

``GPU``: True makes ``common.np.np`` cupy instead of numpy. Set the environment
variable ``GPU=1``, or ``from common import config; config.GPU = True`` before
anything else of ``common`` is imported.
"""

import os

GPU = os.environ.get("GPU", "") not in ("", "0")
