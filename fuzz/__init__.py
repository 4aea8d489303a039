"""Fuzzing, guided by coverage: whatever the bytes, only documented errors come out, and memory stays bounded.

    python -m fuzz                       every target in turn, FUZZ_SECONDS in all (`make fuzz` does this)
    python -m fuzz session frames        only these
    python -m fuzz --reproduce FILE      one input again, with its traceback

A target (parsers.py, session.py) is a plain function of bytes that raises when something is wrong, so that the tests can
run the kept corpus (corpus/) without a fuzzer. The fuzzer itself is atheris, on libFuzzer (worker.py).
"""
