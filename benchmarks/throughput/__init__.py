"""Throughput: how many trainings an hour, against what people use, and against the machine.

    python -m benchmarks.throughput            # what `make bench` runs
    python -m benchmarks.throughput --quick    # fewer rounds
    python -m benchmarks.throughput.gpu        # what `make bench-gpu` runs

docs/performance.md holds the last table and says how it is measured.
"""
