"""How long the tests take that `make test` runs, set-up apart."""

import argparse
import subprocess
import sys
import time

from record import Figure, record


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    began = time.monotonic()
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "auto",
            "--dist",
            "loadfile",
            "--max-worker-restart",
            "0",
            "-m",
            "not slow and not gpu",
        ],
        check=True,
    )
    seconds = time.monotonic() - began
    record("tests", {"test_seconds": Figure(seconds, (seconds, seconds), 1, "all passed")}, seeds=[])


if __name__ == "__main__":
    main()
