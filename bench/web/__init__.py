"""What stands beside our look-up: the least that a server can do, and the framework that people otherwise take."""
