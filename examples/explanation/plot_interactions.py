"""
Find coefficients that a network uses together
==============================================

Attributions score one coefficient at a time. A network may need two of them
together. Then neither has a score alone. Agglomerative contextual
decomposition joins neighbours in the tree of a wavelet. It first joins those
that interact the most.
"""

# %%
# A network that needs a pair
# ---------------------------
# The input is noise. The target is the smaller of two wavelet coefficients, a
# parent and its child. A third coefficient is added if it is positive. The
# network never sees the transform.
import matplotlib.pyplot as plt
import numpy as np
from scipy.cluster.hierarchy import dendrogram
from sklearn.neural_network import MLPRegressor

from sk_awave import WaveletTransformer
from sk_awave.attribution import (
    ContextualDecomposition,
    TransformImportance,
    agglomerate_attributions,
)
from sk_awave.inspection import AttributionTreeDisplay

X = np.random.default_rng(0).standard_normal((10_000, 32))
wavelet = WaveletTransformer("db2", level=3).fit(X)
columns = list(wavelet.get_feature_names_out())
Xt = wavelet.transform(X)
parent, child, other = (
    Xt[:, columns.index(name)] for name in ("cD2_4", "cD1_8", "cA3_2")
)
y = 2 * np.minimum(parent, child) + 1.5 * np.maximum(other, 0)
network = MLPRegressor(
    hidden_layer_sizes=(64, 64),
    learning_rate_init=2e-3,
    early_stopping=True,
    n_iter_no_change=3,
    random_state=0,
).fit(X[:9000], y[:9000])
print(f"R2 of the network: {network.score(X[9000:], y[9000:]):.3f}")

# %%
# One sample
# ----------
# All three coefficients of this sample are large. At first each coefficient is
# a group. The members of the pair score almost nothing alone. They are joined
# first, and then the pair has the largest score.
smallest = np.min([parent, child, other], axis=0)
x = X[9000 + smallest[9000:].argmax()]
decomposition = ContextualDecomposition(
    wavelet, network, groups="coefficients"
).fit(X[:1])
display = AttributionTreeDisplay.from_estimator(decomposition, x)
plt.show()

# %%
# The first merges, their interactions, and the scores of the new groups:
tree = display.tree
for i in range(4):
    pair = " + ".join(tree.names[tree.groups(i + 1)[-1]])
    interaction, score = tree.interactions[i], tree.scores[len(columns) + i]
    print(f"{pair}: interaction {interaction:+.2f}, score {score:+.2f}")

# %%
# Gradients give another result for this sample. The minimum has a gradient
# only with respect to the smaller of the two coefficients.
trim = TransformImportance(wavelet, network).fit(X[:1])
(gradients,) = trim.transform(x[np.newaxis])
for name in ("cD2_4", "cD1_8", "cA3_2"):
    i = columns.index(name)
    print(
        f"{name} = {wavelet.transform(x[np.newaxis])[0, i]:.2f}: "
        f"gradient {gradients[i]:+.2f}, score alone {tree.scores[i]:+.2f}"
    )

# %%
# The whole tree
# --------------
# Interactions do not shrink from merge to merge. So the height of a branch is
# the number of its merge. All coefficients together have the score of the
# output.
plt.figure(figsize=(8, 3), layout="constrained")
dendrogram(
    tree.linkage(),
    labels=tree.names,
    leaf_rotation=90,
    color_threshold=0,
    above_threshold_color="C0",
)
plt.ylabel("merge")
plt.show()
print(f"score of all: {tree.scores[-1]:.3f}")
print(f"output: {network.predict(x[np.newaxis])[0]:.3f}")

# %%
# Other samples
# -------------
# If one of the two coefficients is positive and the other is negative, their
# minimum is the negative one. Then there is no interaction to find.
found = []
for i in range(9000, 9040):
    first = agglomerate_attributions(decomposition, X[i])
    found.append(set(first.names[first.children[0]]) == {"cD2_4", "cD1_8"})
same_sign = (parent * child)[9000:9040] > 0
found = np.array(found)
for text, where in (("same", same_sign), ("other", ~same_sign)):
    print(
        f"{text} sign: the pair is joined first in "
        f"{found[where].sum()} of {where.sum()} samples"
    )
