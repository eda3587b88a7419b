"""The day of finance staff in the console: each page has a module of its own; `urls` wires them."""
