"""Fetch photographic cut-outs: Debian's ``tuxpaint-stamps-default``, for training only.

The package is GPL-2, so its pictures never enter examples, figures, tests or the wheel. ``fetch_cutouts``
downloads it with ``apt-get download`` (no root, nothing is installed), unpacks it in a temporary folder,
keeps what passes a rule for "is a photograph", and gives each file a plain noun.
"""

from __future__ import annotations

import io
import re
import secrets
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from lucida.media import settings
from lucida.media.errors import InputError
from lucida.world.sprites import crop_to_alpha

PACKAGE = "tuxpaint-stamps-default"
_SKIPPED_FOLDERS = {"cartoon", "symbols", "people", "flags", "roadsigns"}
# noun: file stems. Other stamps are named by their description when that is "A <one word>.", or left out.
LEMMAS = {
    "airplane": "747", "antelope": "gnu-baby-stand gnu-baby gnu-sitting gnu-stand indian_blackbuck",
    "avocado": "avocado", "balloon": "balloon360", "bear": "bear european-bear",
    "bell pepper": "yellowpepper", "bird": "lark cuckoo blackbird crow magpie", "broccoli": "broccoli",
    "bus": "green_korean_bus", "camel": "camel dromedary", "candle": "candle",
    "candy cane": "Candy_cane_photo_1 Candy_cane_photo_2", "car": "beetle", "cement mixer": "cementmixer",
    "cherry": "Cherry_Stella", "chilli": "chilepepper", "chimpanzee": "chimp",
    "christmas pudding": "Christmas_pudding", "christmas tree": "Christmas_Tree_photo",
    "clothes peg": "clothespin_new clothespin_old", "corn cob": "corn", "cow": "cow cow_white zebu",
    "cricket ball": "cricketball", "cymbal": "cymbal_crash", "deer": "deer doe caribou wapiti",
    "dog": "dog dingo", "drum": "drum_tomtom_floor", "drum kit": "drumkit", "duck": "duck drake",
    "dumper truck": "dumper", "fighter jet": "f22_raptor", "fire engine": "firetruck",
    "fish": "bluegroper butterflyfish clownfish coraltrout dolphinfish moonwrasse",
    "flamingo": "pink_flamingo",
    "flower": "adeenia anemone_red anthoorium bolsom chemparathi flower1 flower10 flower3 "
        "flower6 flower8 flower9 iris marigold pigface chuvanna_plastic_poo red-gazania "
        "whitestar-petunia yellow-flower",
    "football": "soccer", "garbage truck": "garbagetruck", "gas cylinder": "cylinder",
    "ginger root": "ginger", "goat": "goat mountaingoat", "goose": "gander",
    "gravestone": "grave-a grave-b grave-d grave-g grave-h grave-i",
    "guinea fowl": "guineafowl helmeted_guineafowl",
    "guitar": "guitar2 guitar_classical guitar_electric guitar_electric_bass", "hen": "hen chicken_profile",
    "heron": "heron_greatblue heron_greatblue_flying", "hippo": "hippopotamus", "jug": "pitcher_small",
    "kangaroo": "kangaroo", "kettle": "kettle", "kiwi": "kiwi", "lemon": "lemon", "lettuce": "redlettuce",
    "light bulb": "Lightbulb", "mailbox": "usps_mailbox", "moth": "xanthia", "mushroom": "cep-1 cep",
    "ostrich": "ostrich nandou", "paintbrush": "paintbrush_large", "palm tree": "liberia-palm",
    "parrot": "adelaide-rosella rainbow-lorikeet", "peacock": "peacock",
    "penguin": "penguin little-penguin magellanic_penguin", "pie": "Mince_Pie",
    "pig": "pig pig_golden pig_golden2",
    "planet": "2_venus 3_earth 4_mars 5_jupiter 6_saturn 7_uranus 8_neptune", "postbox": "uk_post_box",
    "rabbit": "rabbit rabbit-2 rabbit_little", "racing car": "indycar", "roast turkey": "Roast_turkey",
    "rooster": "rooster", "rubber duck": "rubberduck", "rugby ball": "australian_rules_football football",
    "sailboat": "chineseJunk walnutBoat", "seagull": "seagull silver-gull", "seal": "sea_lion",
    "seashell": "abalone murray-mussel", "sheep": "sheep sheep_lamb ram", "shovel": "spade",
    "slug": "Brown_slug", "spanner": "wrench wrench_plumbers", "stethoscope": "stethoscope",
    "tangerine": "mandarine orange_seville", "tank": "bradley", "tape measure": "measuring_tape",
    "teddy bear": "edward_bear", "tennis ball": "tennis_ball", "tiger": "tiger tiger_sumatran",
    "tree": "holm_oak tree336", "tricycle": "pink_tricycle", "trophy": "trophy_cup",
    "wasp": "hornet hoverfly", "waste bin": "garbagecan", "wheel": "wheel_tractor",
    "wheelie bin": "wheelie_bin", "wreath": "xmaswreath",
}  # fmt: skip
SKIPPED = {"bluebird", "bunny", "butterfly", "button", "fireman240a", "paratrooper", "yam"}
_NOUN_OF = {stem: noun for noun, stems in LEMMAS.items() for stem in stems.split()}
_LICENSE = f"""\
These pictures come from the Debian package {PACKAGE} (Tux Paint stamps, copyright Bill Kendrick and
contributors, https://tuxpaint.org) and are licensed under the GNU General Public License, version 2. Lucida
uses them for training only and ships none of them. File names were changed to plain nouns; this is where each
came from:

"""


def looks_photographic(rgba: np.ndarray) -> bool:
    """Whether (H, W, 4) uint8 is a cut-out photograph large enough to use.

    A photograph has many colours (at least 200 at five bits a channel) and hardly any runs of equal pixels
    (drawings are flat or smooth: over 40 % of neighbours are equal). A cut-out has between 5 % and 88 %
    transparent pixels, and is at least 0.3 times as wide as it is long.
    """
    height, width = rgba.shape[:2]
    inside = rgba[..., 3] > 200
    transparent = float((rgba[..., 3] < 128).mean())
    if max(height, width) < 64 or min(height, width) < 40 or not 0.05 <= transparent <= 0.88:
        return False
    box = crop_to_alpha(rgba, 128).shape
    if min(box[:2]) < 0.3 * max(box[:2]):
        return False
    if len(np.unique(rgba[inside][:, :3] // 8, axis=0)) < 200:
        return False
    step = np.abs(np.diff(rgba[..., :3].astype(np.int16), axis=1)).max(-1)
    return float((step[inside[:, 1:] & inside[:, :-1]] <= 1).mean()) <= 0.40


def stamp_noun(stem: str, description: str) -> str | None:
    """The noun of a stamp from its file stem and its description's first line; None leaves it out."""
    if stem in _NOUN_OF:
        return _NOUN_OF[stem]
    match = re.fullmatch(r"An? ([A-Za-z]+)\.", description.strip())
    return match[1].lower() if match and stem not in SKIPPED else None


def _download(folder: Path) -> Path:
    """The package file, downloaded into ``folder``."""
    if settings.offline():
        raise InputError(f"LUCIDA_OFFLINE is set; fetching {PACKAGE} needs the network")
    if shutil.which("apt-get") is None:
        raise InputError(f"apt-get not found; download {PACKAGE}_*.deb from Debian and use --package FILE")
    try:
        done = subprocess.run(
            ["apt-get", "download", PACKAGE],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise InputError(f"apt-get download {PACKAGE} took more than 15 minutes") from error
    found = sorted(folder.glob("*.deb"))
    if done.returncode or not found:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no message"]
        raise InputError(
            f"apt-get download {PACKAGE} failed: {lines[-1]} (is the package list there? apt-get update)"
        )
    return found[0]


def _archive_member(package: Path, prefix: str) -> tuple[str, bytes]:
    """Name and bytes of the member of a Unix ``ar`` archive whose name begins with ``prefix``."""
    with package.open("rb") as stream:
        if stream.read(8) != b"!<arch>\n":
            raise InputError(f"{package} is not a Debian package")
        while len(header := stream.read(60)) == 60:
            name, size = header[:16].decode("ascii", "replace").strip().rstrip("/"), int(header[48:58])
            if name.startswith(prefix):
                return name, stream.read(size)
            stream.seek(size + size % 2, io.SEEK_CUR)
    raise InputError(f"{package} has no {prefix} member; the download may be damaged")


def unpack(package: Path, folder: Path) -> None:
    """Unpack a ``.deb`` with ``dpkg-deb``, or without it by reading the archive.

    Raises:
        InputError: not a Debian package, damaged, or compressed in a way this Python cannot read.
    """
    if shutil.which("dpkg-deb"):
        done = subprocess.run(
            ["dpkg-deb", "-x", package, folder], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise InputError(
                f"cannot unpack {package}: {done.stderr.strip().splitlines()[-1:] or ['no message']}"
            )
        return
    name, data = _archive_member(package, "data.tar")
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            archive.extractall(folder, filter="data")
    except (tarfile.TarError, OSError) as error:
        raise InputError(f"cannot unpack {name} of {package} without dpkg-deb: {error}") from error


def _kept(root: Path) -> list[tuple[str, Path, np.ndarray]]:
    """(noun, file, RGBA) of every stamp that is a photograph and has a noun, sorted by path."""
    kept = []
    for path in sorted(root.rglob("*.png")):
        if _SKIPPED_FOLDERS & set(path.relative_to(root).parts) or path.stem.endswith("_mirror"):
            continue
        text = path.with_suffix(".txt")
        lines = text.read_text(encoding="utf-8", errors="replace").splitlines() if text.is_file() else []
        noun = stamp_noun(path.stem, lines[0] if lines else "")
        if noun is None:
            continue
        with PILImage.open(path) as image:
            rgba = np.asarray(image.convert("RGBA"))
        if looks_photographic(rgba):
            kept.append((noun, path, rgba))
    return kept


def fetched_folder() -> Path:
    """Where ``fetch_cutouts`` puts the pictures: ``$LUCIDA_HOME/cutouts/tuxpaint``, or under the user data folder."""
    return settings.home() / "cutouts" / "tuxpaint"


def fetch_cutouts(package: Path | None = None, *, target: Path | None = None) -> Path:
    """Fetch the stamps and return the folder of cut-outs; what is already there is not fetched again.

    Args:
        package: a ``.deb`` that is already here; by default it is downloaded (about 160 MB).
        target: default ``fetched_folder()``.

    Raises:
        InputError: no network, no ``apt-get``, a damaged package, or an unwritable folder.
    """
    target = target or fetched_folder()
    if (target / "LICENSE.txt").is_file():
        return target
    if package is not None and not package.is_file():
        raise InputError(f"package {package} does not exist")
    staging = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        staging.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as scratch:
            unpacked = Path(scratch) / "unpacked"
            unpack(package or _download(Path(scratch)), unpacked)
            sources, counts = [], dict[str, int]()
            for noun, path, rgba in _kept(unpacked):
                counts[noun] = counts.get(noun, 0) + 1
                name = f"{noun.replace(' ', '_')}_{counts[noun]}.png"
                PILImage.fromarray(rgba).save(staging / name)
                sources.append(f"{name}: {path.relative_to(unpacked)}")
        if not sources:
            raise InputError(f"package {package or PACKAGE} holds no photographic stamps")
        (staging / "LICENSE.txt").write_text(_LICENSE + "\n".join(sources) + "\n", encoding="utf-8")
        if target.exists():  # without a licence note: an older or foreign folder is not overwritten
            raise InputError(f"folder {target} exists but was not made by this command; move it away")
        staging.rename(target)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target
