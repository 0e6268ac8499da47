"""Commands that install the optional packages; everything else comes with the project."""

GPU = "pip install 'attention-from-scratch[gpu]'"
JAPANESE = "pip install 'attention-from-scratch[japanese]'"
ONNX = "pip install 'attention-from-scratch[onnx]'"
TORCH = "pip install torch==2.13.0"
WEIGHTS = "pip install 'attention-from-scratch[weights]'"
COMMANDS = {  # by package
    "cupy": GPU,
    "h5py": WEIGHTS,
    "matplotlib_fontja": JAPANESE,
    "onnx": ONNX,
    "onnxruntime": ONNX,
    "safetensors": WEIGHTS,
    "sentencepiece": JAPANESE,
    "torch": TORCH,
}
