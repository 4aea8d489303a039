"""What an operator sees of a running proxy, starting with its logs."""
