"""Tests of the image, which tools/container_stage.py builds and runs them against."""
