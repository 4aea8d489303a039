"""The tests: `unit` needs no socket, `process` runs the real commands, `e2e` runs them beside real servers."""
