"""Tests of single modules and of the sans-I/O core."""
