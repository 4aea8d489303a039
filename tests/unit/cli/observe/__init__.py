"""`wormhole observe`: what a capture tells, and how it is shown."""
