"""Tests of the proxies in this process."""
