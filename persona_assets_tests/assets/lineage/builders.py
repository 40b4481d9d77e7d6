"""Small inputs for the tests of `lineage`."""

import datetime as dt

import numpy as np
import pyarrow as pa

from persona_assets import tables
from persona_assets.assets.lineage.read_days import ClustersOfDay

WIDTH = 32
FIRST = dt.date(2025, 3, 1)


def date_of(number):
    """The n-th day of the month, from 1."""
    return FIRST + dt.timedelta(number - 1)


def users_of(name, numbers):
    """A set of user ids: the name followed by each number."""
    return {f"{name}{number}" for number in numbers}


def centre_of(name, *, jitter=0.0, seed=0):
    """A unit vector that depends on the name, with random noise of scale `jitter`."""
    vector = np.random.default_rng(sum(map(ord, name)) * 7919 + len(name)).normal(size=WIDTH)
    vector = vector / np.linalg.norm(vector) + jitter * np.random.default_rng(seed).normal(size=WIDTH)
    return vector / np.linalg.norm(vector)


def day_of(number, personas, *, centres=None, jitter=0.0):
    """The clusters of the n-th day: a set of users for each name, numbered in this order."""
    names = list(personas)
    user_ids = [user for name in names for user in sorted(personas[name])]
    clusters = np.repeat(np.arange(len(names), dtype=np.int32), [len(personas[name]) for name in names])
    centres = centres or {name: centre_of(name, jitter=jitter, seed=number) for name in names}
    matrix = np.array([centres[name] for name in names], np.float32)
    return ClustersOfDay(date_of(number), pa.array(user_ids, pa.string()), clusters, matrix)


def tables_of(day):
    """`clusters` and `cluster_centres` of a day, as the asset `clusters` stores them."""
    users = np.bincount(day.clusters, minlength=len(day.centres))
    schema = tables.add_vector_model(tables.centres_schema(day.centres.shape[1]), day.model)
    column = pa.FixedSizeListArray.from_arrays(day.centres.ravel(), type=schema.field("centre").type)
    centres = pa.table([np.arange(len(users), dtype=np.int32), users, column], schema=schema)
    similarity = np.ones(len(day.clusters), np.float32)
    return pa.table([day.user_ids, day.clusters, similarity], schema=tables.CLUSTERS), centres


class Month:
    """Simulated personas: a tenth of the users of each is replaced every day, and clusters are numbered by size."""

    def __init__(self, seed=0):
        self._rng = np.random.default_rng(seed)
        self._born = 0
        self.personas = {}

    def add(self, name, users):
        self.personas[name] = self._new(users)

    def remove(self, name):
        del self.personas[name]

    def merge(self, name, *, into):
        self.personas[into] |= self.personas.pop(name)

    def split(self, name, *, off, users):
        moved = set(sorted(self.personas[name])[:users])
        self.personas[name] -= moved
        self.personas[off] = moved

    def next_day(self, number):
        """The clusters of the n-th day, and the name of the persona of each cluster."""
        for name, users in self.personas.items():
            gone = set(self._rng.choice(sorted(users), len(users) // 10, replace=False).tolist())
            self.personas[name] = (users - gone) | self._new(len(gone))
        names = sorted(self.personas, key=lambda name: (-len(self.personas[name]), self._rng.random()))
        return day_of(number, {name: self.personas[name] for name in names}, jitter=0.05), names

    def _new(self, users):
        self._born += users
        return users_of("u", range(self._born - users, self._born))
