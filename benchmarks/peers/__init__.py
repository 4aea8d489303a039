"""The peers: how each program is set up and started as a pair of proxies."""
