"""PSNR, SSIM and the Fréchet distance: by hand, by identity, and by their invariances."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.metrics.frechet import frechet_distance, moments
from lucida.metrics.pictures import psnr, ssim


def noise(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


def test_psnr_by_hand() -> None:
    a = np.zeros((2, 4, 4, 3))
    b = a.copy()
    b[0] += 0.1  # mean squared error 0.01: 20 dB
    assert psnr(a, b) == pytest.approx([20.0, math.inf])
    grey, lighter = np.full((4, 4, 3), 100, np.uint8), np.full((4, 4, 3), 110, np.uint8)
    assert float(psnr(grey, lighter)) == pytest.approx(20 * math.log10(25.5))
    assert float(psnr(lighter, grey)) == float(psnr(grey, lighter))  # no wrap-around of bytes


def test_a_set_is_the_mean_of_its_pictures() -> None:
    a, b = noise(0, (3, 12, 12, 3)), noise(1, (3, 12, 12, 3))
    for metric in (psnr, ssim):
        assert np.allclose(metric(a, b), [float(metric(x, y)) for x, y in zip(a, b, strict=True)])


def test_ssim() -> None:
    """1 for equal pictures; of two flat ones only the luminance term is left, which is computed by hand."""
    a = noise(0, (16, 16, 3))
    assert float(ssim(a, a)) == pytest.approx(1.0)
    flat, brighter = np.full((12, 12, 1), 0.4), np.full((12, 12, 1), 0.6)
    c1 = 0.01**2
    assert float(ssim(flat, brighter)) == pytest.approx((2 * 0.24 + c1) / (0.16 + 0.36 + c1), abs=1e-6)
    assert float(ssim(a, 1 - a)) < 0 < float(ssim(a, 0.8 * a + 0.2 * noise(1, a.shape)))
    assert float(ssim(a * 255, a[::-1] * 255, peak=255.0)) == pytest.approx(float(ssim(a, a[::-1])))


def test_ssim_of_one_window_is_the_formula() -> None:
    x, y = noise(2, (11, 11)), noise(3, (11, 11))
    g = np.exp(-((np.arange(11) - 5) ** 2) / (2 * 1.5**2))
    w = np.outer(g, g) / g.sum() ** 2
    mx, my = (w * x).sum(), (w * y).sum()
    vx, vy, cov = (w * x * x).sum() - mx**2, (w * y * y).sum() - my**2, (w * x * y).sum() - mx * my
    c1, c2 = 1e-4, 9e-4
    exact = (2 * mx * my + c1) * (2 * cov + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))
    assert float(ssim(x[..., None], y[..., None])) == pytest.approx(exact)


def test_bad_pictures() -> None:
    with pytest.raises(InputError, match="pictures differ"):
        psnr(np.zeros((4, 4, 3)), np.zeros((4, 5, 3)))
    with pytest.raises(InputError, match="pictures differ"):
        psnr(np.zeros((4, 4, 3)), np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match="at least 11"):
        ssim(np.zeros((8, 20, 3)), np.zeros((8, 20, 3)))


@given(st.integers(0, 1000), st.integers(1, 6))
def test_frechet_identities(seed: int, width: int) -> None:
    x = np.random.default_rng(seed).normal(size=(40, width))
    shift = np.arange(width) + 1.0
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(x, x + shift) == pytest.approx(float((shift**2).sum()))
    spread = float(np.trace(moments(x).covariance))
    assert frechet_distance(x - x.mean(0), 3 * (x - x.mean(0))) == pytest.approx(4 * spread)
    turn, _ = np.linalg.qr(np.random.default_rng(seed + 1).normal(size=(width, width)))
    y = np.random.default_rng(seed + 2).normal(size=(30, width)) * 2 + 1
    assert frechet_distance(x @ turn, y @ turn) == pytest.approx(frechet_distance(x, y), abs=1e-8)
    assert frechet_distance(y, x) == pytest.approx(frechet_distance(x, y), abs=1e-8)


def test_frechet_of_commuting_gaussians_by_hand() -> None:
    """Diagonal covariances: Σ (σ₁ − σ₂)² plus the squared shift; also with fewer rows than channels."""
    base = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]]) * math.sqrt(1.5)  # covariance I
    assert np.allclose(moments(base).covariance, np.eye(2))
    other = base * [2.0, 3.0] + [1.0, 0.0]
    assert frechet_distance(base, other) == pytest.approx(1 + 1 + 4)
    few = noise(0, (3, 10))
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)


def test_bad_features() -> None:
    with pytest.raises(InputError, match="two or more rows"):
        frechet_distance(np.zeros((1, 3)), np.zeros((4, 3)))
    with pytest.raises(InputError, match="widths 3 and 2"):
        frechet_distance(np.zeros((4, 3)), np.zeros((4, 2)))
