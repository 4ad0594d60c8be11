"""Exit codes of every verb of `docward`. The one table; `docward --help` prints it."""

from __future__ import annotations

OK = 0
FAILED = 1
"""It was tried and failed: a document ended in a failure, a command was rejected, a server did not start."""
USAGE = 2
"""The words of the call are wrong, or a file that it names cannot be read."""
NOT_RUNNING = 3
"""Nothing answers: the stack is down, or the address is wrong."""
TIMED_OUT = 4
"""It is still going on, and was waited for long enough."""
DENIED = 5
"""The token is missing, wrong, or may not do this."""
NOT_FOUND = 6
"""There is nothing of that id or name."""
FOUND = 7
"""The check found what its profile does not let pass."""

TABLE = """Exit codes: 0 done · 1 failed · 2 wrong usage · 3 nothing answers · 4 not done in time · 5 not allowed ·
6 not found · 7 check: found what the profile does not let pass"""
