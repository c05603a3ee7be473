"""The page of `fer-bench demo`: a picture or a camera in, boxes, bars and curves out.

Only this package imports Gradio, and of it `page` alone.
"""
