"""The status server: health, metrics, the state as JSON, and a page (extra `status`)."""
