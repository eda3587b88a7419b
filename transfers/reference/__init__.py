"""Reference data: areas, working-day calendars, the national policy. See README.md in this folder for the sources."""
