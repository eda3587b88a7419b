"""The rows of the table, by what is broken."""

from faults.rows import database, killed, letters, programs, times
from faults.table import Fault

FAULTS: list[Fault] = [*killed.FAULTS, *database.FAULTS, *times.FAULTS, *letters.FAULTS, *programs.FAULTS]
