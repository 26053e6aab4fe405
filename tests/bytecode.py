"""Imported before the package: keep its bytecode, also where the shell forbids to.

The tests start a hundred processes, and each would compile every module anew: three seconds and more.
"""

import os
import sys

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
