"""Validation, and the only imports of scikit-learn's private names."""
