"""Commands that install the optional packages; everything else comes with the project."""

GPU = "pip install 'attention-from-scratch[gpu]'"
JAPANESE = "pip install 'attention-from-scratch[japanese]'"
TORCH = "pip install torch==2.13.0"
COMMANDS = {"cupy": GPU, "matplotlib_fontja": JAPANESE, "sentencepiece": JAPANESE, "torch": TORCH}  # by package
