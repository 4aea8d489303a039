"""Settings: one table of options, from which command line, environment and configuration file derive.

The command line wins over the environment, the environment over the file.
"""
