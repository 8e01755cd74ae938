"""The command line: the only place where planning and training meet.

Commands import what they need when they run, so that listing, showing, checking and copying files
answer at once and need neither torch nor a database.
"""

from qsched.cli.entry import main

__all__ = ["main"]
