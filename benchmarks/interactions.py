"""Which coefficients does a network join? Agglomeration against a pair that is known.

Run ``python benchmarks/interactions.py`` (minutes; ``--quick``: less than one). Networks
learn ``2 min(a, b) + 1.5 max(c, 0)`` of three wavelet coefficients of noise, where ``a``
and ``b`` are parent and child. It prints in how many samples the first two coefficients
that are joined are ``a`` and ``b``

- with the tree of the wavelet as connectivity, and with all pairs;
- by contextual decomposition, and by removal, ``f(x) - f(x - part)``, as the score of a
  part;
- in samples in which the two interact, and in all. Their interaction in the target,
  ``2 (min(a, b) - min(a, 0) - min(b, 0))``, is zero where their signs differ.

Seconds are those of the processor, for a sample.
"""

import os

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
)

import sys
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from sk_awave import WaveletTransformer
from sk_awave.attribution import (
    ContextualDecomposition,
    Teacher,
    agglomerate_attributions,
)
from sk_awave.attribution._agglomeration import agglomerate
from sk_awave.attribution._connectivity import make_connectivity

N_TRAIN = 20_000

#: Shape of a sample, transformer, and the names of a, b and c.
CASES = {
    "signals of 32, db2": (
        (32,),
        WaveletTransformer("db2", level=3),
        ("cD2_4", "cD1_8", "cA3_2"),
    ),
    "images of 8 x 8, haar": (
        (8, 8),
        WaveletTransformer("haar", level=2, ndim=2),
        ("cH2_0_1", "cH1_1_2", "cA2_1_0"),
    ),
}


def learn(shape, transformer, names, seed, n_test):
    """Return a network, its R2, test samples, and where the two interact in them."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((N_TRAIN + 1000, *shape))
    Xt = transformer.fit_transform(X)
    columns = list(transformer.get_feature_names_out())
    a, b, c = (Xt[:, columns.index(name)] for name in names)
    y = 2 * np.minimum(a, b) + 1.5 * np.maximum(c, 0)
    flat, test = X.reshape(len(X), -1), slice(N_TRAIN, None)
    network = MLPRegressor(
        hidden_layer_sizes=(64, 64),
        alpha=0,
        learning_rate_init=2e-3,
        max_iter=20,
        random_state=seed,
    ).fit(flat[:N_TRAIN], y[:N_TRAIN])
    interacts = (a * b > 0)[test][:n_test]
    return network, network.score(flat[test], y[test]), X[test][:n_test], interacts


def by_removal(decomposition, network, x, connectivity):
    """Join the coefficients of a sample by what the output loses without them."""
    transformer = decomposition.transformer
    (coefficients,) = transformer.transform(x[np.newaxis])
    output = network.predict(x.reshape(1, -1))

    def score(groups):
        parts = transformer.inverse_transform(groups * coefficients)
        return output - network.predict((x - parts).reshape(len(parts), -1))

    graph = make_connectivity(connectivity, transformer.layout_, len(coefficients))
    return agglomerate(score, graph, transformer.get_feature_names_out())


def by_decomposition(decomposition, network, x, connectivity):
    """Join them by contextual decomposition."""
    return agglomerate_attributions(decomposition, x, connectivity=connectivity)


RULES = {
    ("contextual decomposition", "tree"): by_decomposition,
    ("contextual decomposition", None): by_decomposition,
    ("removal", "tree"): by_removal,
    ("removal", None): by_removal,
}


def study(shape, transformer, names, n_networks, n_test):
    """Print the table of a case."""
    hits, seconds = {rule: [] for rule in RULES}, dict.fromkeys(RULES, 0.0)
    interacts, scores = [], []
    for seed in range(n_networks):
        network, r2, X, interacting = learn(shape, transformer, names, seed, n_test)
        scores.append(r2)
        interacts.append(interacting)
        decomposition = ContextualDecomposition(
            transformer, Teacher(network), groups="coefficients"
        ).fit(X)
        for (rule, connectivity), join in RULES.items():
            start = time.process_time()
            trees = [join(decomposition, network, x, connectivity) for x in X]
            seconds[rule, connectivity] += time.process_time() - start
            first = [set(tree.names[tree.children[0]]) for tree in trees]
            hits[rule, connectivity] += [pair == set(names[:2]) for pair in first]
    interacts = np.concatenate(interacts)
    n_pairs, n_samples = interacts.sum(), len(interacts)
    print(f"R2 of the networks: {min(scores):.4f} to {max(scores):.4f}")
    print(f"{'score':24}  neighbours  they interact ({n_pairs})  all ({n_samples})  s")
    for (rule, connectivity), found in hits.items():
        found, elapsed = np.array(found), seconds[rule, connectivity] / n_samples
        print(
            f"{rule:24}  {connectivity or 'all':10}  {found[interacts].mean():18.1%}"
            f"  {found.mean():9.1%}  {elapsed:.3f}"
        )


def main():
    """Print both tables."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # twenty epochs are enough
    quick = "--quick" in sys.argv
    for case, arguments in CASES.items():
        print(f"\n{case}: the pair {' and '.join(arguments[2][:2])} is joined first")
        study(*arguments, n_networks=1 if quick else 3, n_test=20 if quick else 60)


if __name__ == "__main__":
    main()
