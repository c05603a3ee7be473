"""`fer-bench speed`: what fer-bench costs, side by side with notebooks and bare Keras.

May import every package but `cli`.
"""
