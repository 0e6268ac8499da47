"""Errors, warnings and the result of a gradient check."""


class GradientError(AssertionError):
    """The backward is not the derivative of its forward, or breaks the layers' protocol."""


class NotVerified(GradientError):
    """A gradient can be neither confirmed nor refuted at this point."""


class KinkError(NotVerified):
    """The forward has a kink or a jump at this point, hence no derivative to compare backward with."""


class RealDifferencesOnly(UserWarning):
    """The forward is not complex-safe: backward agrees with real differences, but only to 1e-6."""


class Unconfirmed(UserWarning):
    """Gradients are too small for real differences to see: only the complex step confirms them."""


class Errors(dict):
    """The largest error of each array, by name.

    scales: the array's largest numeric gradient, of which the error is a share, by the same names.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scales: dict[str, float] = {}
