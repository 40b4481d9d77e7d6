"""Scores of texts are those of their definitions."""

import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon, pdist

from persona_assets.evaluation.score_texts import (
    estimate_cosine,
    estimate_distance_divergence,
    estimate_term_overlap,
    js_divergence,
)


def unit(rows, seed, *, spread=1.0):
    rng = np.random.default_rng(seed)
    vectors = np.array([1.0] + [0.0] * 7) + spread * rng.normal(size=(rows, 8))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_the_cosine_is_that_of_each_text_to_its_own():
    true, predicted = unit(40, 0), unit(40, 1)
    found = estimate_cosine(true, predicted, samples=100, seed=0)

    assert found.value == pytest.approx(float((true * predicted).sum(axis=1).mean()), abs=1e-6)
    assert found.low < found.value < found.high
    assert estimate_cosine(true, true, samples=5, seed=0).value == pytest.approx(1, abs=1e-6)


def test_the_divergence_is_that_of_histograms_of_cosine_distances():
    true, predicted = unit(30, 0), unit(30, 1, spread=0.3)
    bins = np.linspace(0, 2, 51)
    histograms = [np.histogram(pdist(side.astype(np.float64), "cosine"), bins)[0] for side in (true, predicted)]

    found = estimate_distance_divergence(true, predicted, samples=20, seed=0)

    assert found.value == pytest.approx(jensenshannon(*histograms, base=2) ** 2, abs=0.02)
    assert estimate_distance_divergence(true, true, samples=5, seed=0).value == 0


def test_texts_that_are_all_alike_diverge_from_those_of_people():
    true = unit(30, 0)

    alike = estimate_distance_divergence(true, true[:1].repeat(30, axis=0), samples=5, seed=0)
    assert alike.value > 0.9
    assert math.isnan(estimate_distance_divergence(true[:1], true[:1], samples=5, seed=0).value)


def test_the_divergence_of_disjoint_histograms_is_1():
    assert js_divergence(np.array([1.0, 0]), np.array([0, 3.0])) == 1
    assert math.isnan(js_divergence(np.zeros(2), np.ones(2)))


def test_the_overlap_is_that_of_the_top_terms_without_stop_words():
    found = estimate_term_overlap(
        ["the bread and the oven", "bread"], ["bread of the rook", "pawn"], samples=20, seed=0
    )

    assert found.value == pytest.approx(1 / 4)  # bread, of bread, oven, rook, pawn without the ones on one side
    assert estimate_term_overlap(["bread oven"], ["bread oven"], samples=5, seed=0).value == 1
    assert math.isnan(estimate_term_overlap(["the"], ["and"], samples=5, seed=0).value)
    assert math.isnan(estimate_term_overlap([], [], samples=5, seed=0).value)


def test_only_the_100_top_terms_of_each_side_count():
    many = [" ".join(f"word{number}x{side}" for number in range(200)) for side in range(2)]

    assert estimate_term_overlap([many[0], many[1]], [many[0], many[0]], samples=0, seed=0).value < 1
