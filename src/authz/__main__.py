"""`python -m authz` and the command `millesime`."""

from authz.cli import main

if __name__ == "__main__":
    main()
