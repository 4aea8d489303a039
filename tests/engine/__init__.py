"""The whole protocol without a socket: two ends, a virtual clock, and a hostile wire between them."""
