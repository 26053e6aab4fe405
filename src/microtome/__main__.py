"""`python -m microtome`."""

from microtome.cli.app import main

if __name__ == "__main__":
    main()
