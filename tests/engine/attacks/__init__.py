"""A hostile wire: whatever it does, no stream is opened, no byte delivered and no end believed that was not sent."""
