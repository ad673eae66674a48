"""`python -m concord` is the same as `concord`."""

from concord.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
