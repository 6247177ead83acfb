"""Generated optimizers against those of Keras and TensorFlow's own kernels.

From the project's folder: `python -m benchmarks`.
"""
