"""fer-bench: which backbone, with which answer to class imbalance, reads facial expressions best.

Read it from the top: `cli` parses a command, `study` makes a plan of it, `runner` fills the plan's slots,
`training` trains one, `storage` keeps what came out, `leaderboard` ranks it, `inference` takes a model out of
it. `backbones`, `strategies` and `datasets` hold the plug-ins, one file each. Packages import downwards only;
the contract is in pyproject.toml.
"""
