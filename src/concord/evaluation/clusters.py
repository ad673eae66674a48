"""Prompts in groups by the words that they use: TF-IDF and k-means, so that whole groups can be kept back."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from concord.records import digest

MOST = 20_000
"""Prompts whose words make the groups; of more, so many are drawn by their names, and all are then put into them."""
WORDS = 20_000
"""Different words that are told apart."""
APART = 12
"""Prompts a group, on average: fewer say little."""
TERMS = 3
"""Words that name a group."""


@dataclass(frozen=True)
class Clusters:
    """Groups of prompts, and what each of them is called."""

    of: Mapping[str, int]
    """Each prompt's group by the prompt's name."""
    names: tuple[str, ...]
    """The words that tell a group from the others."""


def clustered(texts: Mapping[str, str], count: int, seed: int = 0) -> Clusters | None:
    """Prompts by their words in so many groups, or in fewer if there are few; None where there is nothing to group.

    One thread does it, so that the groups do not depend on how many there are.
    """
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import TfidfVectorizer
    from threadpoolctl import threadpool_limits

    names = sorted(texts)
    drawn = sorted(names, key=lambda name: digest("cluster", seed, name))[:MOST]
    count = min(count, len(drawn) // APART, len({texts[name] for name in drawn}))
    if count < 2:
        return None
    reader = TfidfVectorizer(
        sublinear_tf=True,
        max_features=WORDS,
        max_df=0.5,
        stop_words="english",
        token_pattern=r"(?u)\b\w\w+\b",
    )
    with threadpool_limits(1):
        try:
            seen = reader.fit_transform([texts[name] for name in drawn])
        except ValueError:  # no word that some prompts have and others have not
            return None
        edges = pairwise(seen.indptr)
        count = min(count, len({(seen.indices[a:b].tobytes(), seen.data[a:b].tobytes()) for a, b in edges}))
        if count < 2:
            return None
        model = KMeans(count, n_init=4, random_state=seed % 2**32).fit(seen)
        found = model.predict(reader.transform([texts[name] for name in names]))
    words = reader.get_feature_names_out()
    top = np.argsort(-model.cluster_centers_, axis=1, kind="stable")[:, :TERMS]
    return Clusters(
        {name: int(one) for name, one in zip(names, found, strict=True)},
        tuple(" ".join(words[place] for place in row) for row in top),
    )
