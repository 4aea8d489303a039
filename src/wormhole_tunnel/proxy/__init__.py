"""The client proxy and the server proxy: what is opened when, and how both start, serve, drain and stop."""
