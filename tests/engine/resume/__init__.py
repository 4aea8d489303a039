"""Sessions that outlive their links."""
