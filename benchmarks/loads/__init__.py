"""The programs that make traffic or answer it. Each runs as a process of its own and prints one line of JSON, if any."""
