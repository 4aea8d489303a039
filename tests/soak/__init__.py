"""Long runs: memory, descriptors and tasks stay flat."""
