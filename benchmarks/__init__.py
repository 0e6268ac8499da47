"""Benchmarks of speed and accuracy against PyTorch and the chapter's code. Not installed: run with ``python -m``."""
