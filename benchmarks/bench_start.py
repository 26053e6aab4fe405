"""How fast the program starts: what `import microtome` loads, and how long `microtome --help` takes."""

import subprocess
import sys
import time
from pathlib import Path

from record import Figure, median_of, record

REPEATS = 9


def torch_modules() -> int:
    """Modules of torch that `import microtome` loads."""
    run = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import microtome"],
        capture_output=True,
        text=True,
        check=True,
    )
    names = [line.rsplit("|", 1)[-1].strip() for line in run.stderr.splitlines()]
    return sum(name == "torch" or name.startswith("torch.") for name in names)


def help_seconds() -> list[float]:
    """Wall time of `microtome --help`, several times."""
    program = Path(sys.executable).with_name("microtome")
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        subprocess.run([program, "--help"], capture_output=True, check=True)
        seconds.append(time.perf_counter() - began)
    return seconds


def main() -> None:
    modules, seconds = torch_modules(), help_seconds()
    record(
        "start",
        {
            "import_loads_torch": Figure(modules, (modules, modules), 1, "python -X importtime"),
            "help_seconds": median_of(seconds, "median wall time"),
        },
        seeds=[],
    )


if __name__ == "__main__":
    main()
