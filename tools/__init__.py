"""Scripts of the Makefile and of the continuous integration."""
