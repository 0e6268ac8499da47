"""The framework: layers, gradients, optimizers, training. Knows no encoder, no date, no text, no argv."""
