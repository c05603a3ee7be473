"""What is asked: study files, recipes, the checked specification and the plan of a run.

Nothing here trains or writes. May import `datasets`, `data`, `strategies` and `backbones`.
"""
