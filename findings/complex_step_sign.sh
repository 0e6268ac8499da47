#!/usr/bin/env bash
# The complex step derivative of x * sign(x) in SciPy is right under NumPy 1, and twice too large under NumPy 2, without
# a warning.
#
# A good guess: x * np.sign(x) is |x|, so method "cs" of scipy.optimize gives -1 or 1 under either NumPy; and a function
# unsuited to the complex step, such as abs or std, gives 0 or an error, which users would notice.
# What happens: NumPy 1 took the sign of the real part; NumPy 2.0 made sign(z) = z / |z|, whose phase also turns
# with the step: -2 or 2. std, which takes |z|, silently gives 0 under both.
# Whom it hurts: users of jac="cs" (minimize, least_squares) with a penalty such as x * sign(x) who upgrade NumPy:
# with a gradient off by a factor, the fit still descends, but more slowly or to another point.
# Source: NumPy 2.0.0 release notes, "np.sign ... complex"; scipy.optimize.approx_fprime, `_numdiff.approx_derivative`.
# Seen: SciPy 1.13.1 with NumPy 1.26.4 and 2.2.6, Python 3.11 (wheels: 3.10 to 3.12). Exits non-zero if it changes.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/ask.py" <<'PY'
import warnings

import numpy as np
import scipy
from scipy.optimize._numdiff import approx_derivative

warnings.simplefilter("error")
x = np.array([-3.0, 0.5])
print("numpy", np.__version__, "scipy", scipy.__version__)
for name, f in {"x * sign(x)": lambda x: (x * np.sign(x)).sum(), "std(x)": lambda x: np.std(x)}.items():
    three, cs = (approx_derivative(f, x, method=m).ravel() for m in ("3-point", "cs"))
    print(f"{name}: 3-point {np.round(three, 3) + 0.0}, cs {np.round(cs, 3) + 0.0}")
PY
for version in 1.26.4 2.2.6; do
    "${PYTHON:-python3}" -m venv "$work/$version"
    "$work/$version/bin/pip" install --quiet --disable-pip-version-check "numpy==$version" scipy==1.13.1 2>/dev/null
    "$work/$version/bin/python" "$work/ask.py"
done | tee "$work/seen"
diff - "$work/seen" <<'EXPECTED'
numpy 1.26.4 scipy 1.13.1
x * sign(x): 3-point [-1.  1.], cs [-1.  1.]
std(x): 3-point [-0.5  0.5], cs [0. 0.]
numpy 2.2.6 scipy 1.13.1
x * sign(x): 3-point [-1.  1.], cs [-2.  2.]
std(x): 3-point [-0.5  0.5], cs [0. 0.]
EXPECTED
