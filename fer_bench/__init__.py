"""fer-bench: which backbone, with which answer to class imbalance, reads facial expressions best."""
