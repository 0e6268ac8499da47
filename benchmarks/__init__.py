"""Speed and accuracy beside PyTorch and the chapter's way. Not installed: run in the clone by ``python -m``."""
