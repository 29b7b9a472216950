"""Codes: exact bytes, inverse maps, honest inner products."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lucida.media.errors import InputError
from lucida.watch.memory.codec import Codec, mix, unmix

DIMS = st.sampled_from([8, 24, 64, 112, 384])


@given(dim=DIMS, seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_mixing_keeps_lengths_and_angles_and_is_undone(dim: int, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal((3, dim)).astype(np.float32)
    np.testing.assert_allclose(mix(x) @ mix(x).T, x @ x.T, atol=1e-3)
    np.testing.assert_allclose(unmix(mix(x)), x, atol=1e-4)


@pytest.mark.parametrize(
    ("precision", "size"), [("float32", 260), ("float16", 132), ("int8", 68), ("sign", 12)]
)
def test_bytes_of_a_code_and_its_scale(precision: str, size: int) -> None:
    codec = Codec(precision=precision, dim=64)
    code, scale = codec.encode(np.ones(64, np.float32))
    assert code.nbytes + scale.nbytes == codec.bytes == size


@pytest.mark.parametrize(
    ("precision", "most"), [("float32", 1e-6), ("float16", 1e-3), ("int8", 0.01), ("sign", 0.12)]
)
def test_scores_are_close_to_the_cosines_and_not_biased(precision: str, most: float) -> None:
    random = np.random.default_rng(0)
    codec, dim = Codec(precision=precision, dim=384), 384
    query = random.standard_normal(dim).astype(np.float32)
    query /= np.linalg.norm(query)
    rows = query + random.standard_normal((300, dim)) * random.uniform(0.2, 3, (300, 1)) / dim**0.5
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    codes, scales = zip(*(codec.encode(row) for row in rows), strict=True)
    error = codec.scores(np.stack(codes), np.array(scales), query) - rows @ query
    told = codec.errors(np.array(scales))
    # What it says of its errors is no less than the truth.
    assert (error**2).mean() <= 1.3 * (told**2).mean() + 1e-6
    assert np.abs(error).max() < most
    assert abs(error.mean()) < most / 10


def test_the_centre_of_one_bit_codes_carries_what_all_share() -> None:
    random = np.random.default_rng(0)
    centre = random.standard_normal(64).astype(np.float32)
    row = centre + 0.05 * random.standard_normal(64).astype(np.float32)
    codec = Codec(precision="sign", dim=64)
    code, scale = codec.encode(row, centre)
    near = codec.decode(code[None], scale[None], centre)[0]
    assert np.linalg.norm(near - row) < 0.7 * np.linalg.norm(centre - row) < 0.05 * np.linalg.norm(row)


@given(dim=DIMS, seed=st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_mixed_vectors_give_the_same_code_and_come_back_mixed(dim: int, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal(dim).astype(np.float32)
    codec = Codec(precision="sign", dim=dim)
    code, scale = codec.encode(x)
    again, other = codec.encode(codec.enter(x), mixed=True)
    assert np.array_equal(code, again) and scale == other
    inside = codec.decode(code[None], scale[None], mixed=True)[0]
    np.testing.assert_allclose(inside, mix(codec.decode(code[None], scale[None])[0]), atol=1e-4)
    np.testing.assert_allclose(np.sign(inside), np.unpackbits(code) * 2.0 - 1)


def test_zero_vectors_and_bad_settings() -> None:
    for precision in ("float32", "float16", "int8", "sign"):
        codec = Codec(precision=precision, dim=8)
        code, scale = codec.encode(np.zeros(8, np.float32))
        assert not codec.decode(code[None], scale[None]).any()
    with pytest.raises(InputError, match="multiple of 8"):
        Codec(precision="sign", dim=12)
    with pytest.raises(InputError, match="precision must be one of"):
        Codec(precision="int4", dim=8)  # type: ignore[arg-type]
