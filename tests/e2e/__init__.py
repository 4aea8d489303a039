"""Tests that run the real commands beside real servers; they fail where a server is missing."""
