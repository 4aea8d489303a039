"""Tests that run the real commands, and nothing else, as processes."""
