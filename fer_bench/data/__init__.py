"""Images in memory: FaceImages, splits, audit; and how files become them: archives, decoding, the cache.

May import nothing of fer_bench but the ground: `errors`, `registry`, `files`.
"""
