"""Which coefficients does a network join? Agglomeration against a pair that is known.

Run ``python benchmarks/interactions.py`` (minutes; ``--quick``: less than one). Networks
learn ``2 min(a, b) + 1.5 max(c, 0)`` of three wavelet coefficients of noise, where ``a``
and ``b`` are parent and child. It prints in how many samples the first two coefficients
that are joined are ``a`` and ``b``

- with the tree of the wavelet as connectivity, and with all pairs;
- by contextual decomposition, and by removal, ``f(x) - f(x - part)``, as the score of a
  part;
- in samples in which the two do interact, and in all. The interaction of ``a`` and ``b``
  in the target, ``2 (min(a, b) - min(a, 0) - min(b, 0))``, is 0 where their signs differ;
  counted as interacting are those in which it is 0.5 or more in absolute value.
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
    interaction = 2 * (np.minimum(a, b) - np.minimum(a, 0) - np.minimum(b, 0))
    interacts = np.abs(interaction[test][:n_test]) >= 0.5
    return network, network.score(flat[test], y[test]), X[test][:n_test], interacts


def by_removal(transformer, network, x, connectivity):
    """Join the coefficients of a sample by what the output loses without them."""
    (coefficients,) = transformer.transform(x[np.newaxis])
    output = network.predict(x.reshape(1, -1))

    def score(groups):
        parts = transformer.inverse_transform(groups * coefficients)
        return output - network.predict((x - parts).reshape(len(parts), -1))

    n_units = len(coefficients)
    graph = make_connectivity(connectivity, transformer.layout_, n_units)
    return agglomerate(score, graph, transformer.get_feature_names_out())


def found(tree, pair):
    """Return whether the first two that are joined are the pair."""
    return set(tree.names[tree.children[0]]) == set(pair)


def study(shape, transformer, names, n_networks, n_test):
    """Print the table of a case."""
    hits, interacts, r2, seconds = {}, [], [], {}
    for seed in range(n_networks):
        network, score, X, interacting = learn(shape, transformer, names, seed, n_test)
        r2.append(score)
        interacts.append(interacting)
        decomposition = ContextualDecomposition(
            transformer, Teacher(network), groups="coefficients"
        ).fit(X)
        for connectivity in ("tree", None):
            for rule in ("contextual decomposition", "removal"):
                start = time.perf_counter()
                for x in X:
                    if rule == "removal":
                        tree = by_removal(transformer, network, x, connectivity)
                    else:
                        tree = agglomerate_attributions(
                            decomposition, x, connectivity=connectivity
                        )
                    key = rule, connectivity
                    hits.setdefault(key, []).append(found(tree, names[:2]))
                seconds[key] = (time.perf_counter() - start) / n_test
    interacts = np.concatenate(interacts)
    print(f"R2 of the networks: {min(r2):.4f} to {max(r2):.4f}")
    print(f"{'score':24}  pairs  {interacts.sum():4d} that interact  "
          f"{len(interacts):4d} samples  s a sample")  # fmt: skip
    for (rule, connectivity), every in hits.items():
        every, pairs = np.array(every), "tree" if connectivity else "all"
        strong = every[interacts].mean()
        elapsed = seconds[rule, connectivity]
        print(
            f"{rule:24}  {pairs:5}  {strong:18.1%}  {every.mean():12.1%}  {elapsed:10.3f}"
        )


def main():
    """Print both tables."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # twenty epochs are enough
    quick = "--quick" in sys.argv
    for case, arguments in CASES.items():
        print(f"\n{case}: the pair {' and '.join(arguments[2][:2])} is joined first")
        study(*arguments, n_networks=1 if quick else 5, n_test=20 if quick else 100)


if __name__ == "__main__":
    main()
