"""A trained cell as a model file with its card; what it says of pictures, videos and a camera; the demo.

May import `training`, `storage` and what lies below them; never `runner` or `leaderboard`.
"""
