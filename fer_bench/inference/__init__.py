"""A trained cell as a model file, and predictions from pictures.

May import `training`, `storage` and what lies below them; never `runner` or `leaderboard`.
"""
