"""Audio onsets: when a sound begins, on the clock of the pictures, using nothing that came later than it admits.

Log energies of 25 ms windows every 10 ms in about 40 bands; the onset strength is the mean rise over the
bands (spectral flux). A peak is an onset when it stands out from the median of the past seconds; it can only
be told from a rise that goes on once the next window is there, so an onset is *known* 20 ms after its time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from lucida.media.errors import InputError

WINDOW, HOP = 0.025, 0.010  # seconds
BANDS = 40


@dataclass(frozen=True, kw_only=True)
class OnsetConfig:
    """What counts as an onset."""

    past: float = 3.0  # seconds that an onset is compared with
    ratio: float = 4.0  # rise over the median rise of the past
    least: float = 0.35  # natural log of energy, mean over bands: smaller rises are never onsets
    gap: float = 0.08  # seconds between two onsets
    floor: float = 1e-7  # energy taken for silence


@dataclass(frozen=True, kw_only=True)
class Onset:
    """A sound begins at ``t``; it could be told at ``known``. ``strength``: mean rise of the bands' log energy."""

    t: float
    known: float
    strength: float


def onset_strength(samples: np.ndarray, rate: int, config: OnsetConfig | None = None) -> np.ndarray:
    """(frames,) mean positive rise of log band energy; frame i ends at ``i * HOP + WINDOW`` seconds.

    Args:
        samples: (n,) float in [-1, 1].
        rate: samples per second.
    """
    config = config or OnsetConfig()
    if rate < 1000:
        raise InputError(f"rate is {rate} Hz: want at least 1000")
    size, hop = round(WINDOW * rate), round(HOP * rate)
    if len(samples) < size:
        return np.zeros(0)
    count = 1 + (len(samples) - size) // hop
    window, bands = np.hanning(size), _bands(size, rate)
    energy = np.empty((count, bands.shape[1]))
    for start in range(0, count, 1000):  # ten seconds at a time
        rows = np.arange(start, min(count, start + 1000))
        pieces = samples[rows[:, None] * hop + np.arange(size)] * window
        energy[rows] = np.abs(np.fft.rfft(pieces)) ** 2 @ bands / size
    logs = np.log(energy + config.floor)
    rise = np.zeros(count)
    rise[1:] = np.maximum(np.diff(logs, axis=0), 0).mean(1)
    return rise


def onsets(
    samples: np.ndarray, rate: int, t0: float = 0.0, config: OnsetConfig | None = None
) -> Iterator[Onset]:
    """Onsets in order; each depends only on samples up to its ``known``.

    Args:
        samples: (n,) float in [-1, 1]. rate: samples per second. t0: seconds of the first sample.
    """
    config = config or OnsetConfig()
    rise = onset_strength(samples, rate, config)
    hop = round(HOP * rate) / rate
    past = max(1, round(config.past / HOP))
    last = -np.inf
    for i in range(1, len(rise) - 1):
        usual = float(np.median(rise[max(0, i - past) : i]))
        peak = rise[i] >= rise[i - 1] and rise[i] > rise[i + 1]
        # The rise enters with the newest hop of the window, where the window is nearly zero; half way is its middle.
        t = t0 + i * hop + WINDOW / 2
        if peak and rise[i] >= max(config.least, config.ratio * usual) and t - last >= config.gap:
            last = t
            yield Onset(t=t, known=t0 + (i + 1) * hop + WINDOW, strength=float(rise[i]))


def _bands(size: int, rate: int) -> np.ndarray:
    """(size // 2 + 1, BANDS) triangles, evenly spaced on the mel scale; bands without a bin are left out."""
    hertz = np.fft.rfftfreq(size, 1 / rate)
    mels = np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), BANDS + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    left, middle, right = edges[:-2], edges[1:-1], edges[2:]
    up = (hertz[:, None] - left) / np.maximum(middle - left, 1e-9)
    down = (right - hertz[:, None]) / np.maximum(right - middle, 1e-9)
    bands = np.clip(np.minimum(up, down), 0, None)
    bands = bands[:, bands.sum(0) > 0]
    return bands / bands.sum(0)
