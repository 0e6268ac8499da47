"""Commands that install the optional packages; everything else comes with the project.

They name the packages and not the extras: the project itself is in no package index.
"""

GPU = "pip install cupy-cuda12x"
MPI = 'pip install mpi4py "mpich>=5"'  # else pip installs the empty mpich 0.0.0 where there is no wheel
FONT = "pip install matplotlib-fontja"
SENTENCEPIECE = "pip install sentencepiece"
TORCH = "pip install torch==2.13.0"
COMMANDS = {  # by package
    "cupy": GPU,
    "h5py": "pip install h5py",
    "matplotlib_fontja": FONT,
    "mpi4py": MPI,
    "onnx": "pip install onnx",
    "onnxruntime": "pip install onnxruntime",
    "safetensors": "pip install safetensors",
    "selenium": "pip install selenium",
    "sentencepiece": SENTENCEPIECE,
    "torch": TORCH,
}
