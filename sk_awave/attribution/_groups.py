"""Groups of coefficients, as users name them, as masks."""

import numpy as np


def as_masks(groups, inverse):
    """Turn groups into masks.

    Parameters
    ----------
    groups : "bands", "coefficients", array-like or dict
        As in `ContextualDecomposition`.
    inverse : LinearInverse

    Returns
    -------
    names : list of str or None
        None for single coefficients: the transformer names these.
    masks : ndarray of bool of shape (n_groups, n_components)

    Raises
    ------
    ValueError
        If they do not fit the coefficients.
    """
    if isinstance(groups, str):
        if groups == "coefficients":
            return None, np.eye(inverse.n_components, dtype=bool)
        return _band_masks(inverse)
    if isinstance(groups, dict):
        pairs = groups.items()
        masks = [_group_mask(name, group, inverse.n_components) for name, group in pairs]
        return list(map(str, groups)), _check_masks(masks, inverse.n_components)
    masks = _check_masks(groups, inverse.n_components)
    return [f"group{i}" for i in range(len(masks))], masks


def _band_masks(inverse):
    """Return the subbands of each channel."""
    layout = inverse.layout
    if layout is None:
        raise ValueError(
            "groups='bands' needs a wavelet transformer. Set groups to 'coefficients', "
            "to a boolean array, or to a dict such as {'first': [0, 1]}."
        )
    n_channels = layout.n_channels or 1
    prefixes = [f"ch{c}_" for c in range(n_channels)] if n_channels > 1 else [""]
    names = [prefix + band.name for prefix in prefixes for band in layout.bands]
    sizes = [band.stop - band.start for band in layout.bands] * n_channels
    return names, np.repeat(np.eye(len(names), dtype=bool), sizes, axis=1)


def _group_mask(name, group, n_components):
    """Return the mask of a group of a dict."""
    group = np.asarray(group)
    if group.dtype == bool and group.shape == (n_components,):
        return group
    is_index = group.ndim == 1 and (group.dtype.kind in "iu" or group.size == 0)
    if not is_index or not all(-n_components <= i < n_components for i in group):
        raise ValueError(
            f"The group {name!r} must hold indices of the {n_components} coefficients, "
            f"or be a boolean mask of shape ({n_components},). Got {group!r} instead."
        )
    mask = np.zeros(n_components, dtype=bool)
    mask[group.astype(int)] = True
    return mask


def _check_masks(masks, n_components):
    masks = np.asarray(masks)
    is_full = masks.ndim == 2 and len(masks) > 0 and masks.shape[1] == n_components
    if masks.dtype != bool or not is_full:
        raise ValueError(
            "The 'groups' parameter of ContextualDecomposition must be a boolean array "
            f"of shape (n_groups, {n_components}), with at least one group. Got dtype "
            f"{masks.dtype} and shape {masks.shape} instead."
        )
    return masks
