"""Who does what when: worker processes (local or Ray), free cells, the slots of a cell, the next parameters.

Knows no database: reads and writes through `storage`. May import `training`, `storage`, `study` and what lies
below them; of Optuna only its sampler, in `search`.
"""
