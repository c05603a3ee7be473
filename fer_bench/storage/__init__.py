"""Where results lie: result files (the truth), MLflow and Optuna (kept in agreement with them), and locks.

The only package that imports MLflow; with `runner.search` the only one that imports Optuna. May import
`study`, `evaluation`, `data` and `strategies`; never `training`.
"""
