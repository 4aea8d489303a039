"""The workloads: each starts a pair and a backend, makes its load, and returns figures under the keys of `metrics.py`."""
