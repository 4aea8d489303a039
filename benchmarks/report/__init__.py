"""What comes out: a table for the terminal, JSON for programs, plots for the documentation."""
