"""Displays, after the protocol of scikit-learn's."""
