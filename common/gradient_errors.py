"""What a gradient check raises, warns of and returns."""


class GradientError(AssertionError):
    """A backward that is not the derivative of its forward, or that breaks the layers' protocol."""


class NotVerified(GradientError):
    """Nothing can be said of a gradient at this point, good or bad."""


class KinkError(NotVerified):
    """The forward has a kink or a jump at this point: there is no derivative that backward could be compared with."""


class RealDifferencesOnly(UserWarning):
    """The forward is not complex-safe: backward agrees with real differences, to 1e-6 and no more."""


class Unconfirmed(UserWarning):
    """Gradients too small for real differences to see: nothing but the complex step speaks for them."""


class Errors(dict):
    """The largest error of each array, by name.

    scales: by the same names, what the error is a share of: the array's largest numeric gradient.
    """

    def __init__(self):
        super().__init__()
        self.scales: dict[str, float] = {}
