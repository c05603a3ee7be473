"""`python -m fer_bench.cli` is `fer-bench`."""

from fer_bench.cli.main import main

main()
