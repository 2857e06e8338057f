# Makes NotoSansSC-Subset.ttf, the font that src/coupon_art.rs draws with.
#
#   pip install fonttools==4.68.0
#   python3 media/font/make_subset.py
#
# Needs Python 3.9 or later and npm. README.md says what goes in and what comes out.

import pathlib
import subprocess
import tarfile
import tempfile

from fontTools import subset
from fontTools.ttLib import TTFont

SOURCE = "@expo-google-fonts/noto-sans-sc@0.4.3"  # Noto Sans SC 2.004
HERE = pathlib.Path(__file__).parent

# What a shop may write beside GBK, where the font has it.
RANGES = [
    (0x0020, 0x024F),  # Latin
    (0x0300, 0x036F),  # accents
    (0x0370, 0x03FF),  # Greek
    (0x0400, 0x045F),  # Cyrillic
    (0x1E00, 0x1EFF),  # Latin of pinyin and Vietnamese
    (0x2000, 0x206F),  # punctuation
    (0x2070, 0x209F),  # superscripts and subscripts
    (0x20A0, 0x20BF),  # currencies
    (0x2100, 0x214F),  # letterlike signs
    (0x2150, 0x218F),  # fractions
    (0x2190, 0x21FF),  # arrows
    (0x2200, 0x22FF),  # mathematics
    (0x2460, 0x24FF),  # numbers in circles
    (0x2500, 0x27BF),  # lines, blocks, shapes, signs
    (0x3000, 0x303F),  # Chinese punctuation
    (0x3040, 0x30FF),  # kana
    (0x3100, 0x312F),  # bopomofo
    (0x31F0, 0x31FF),  # small kana
    (0x3220, 0x32FF),  # letters in circles
    (0x3300, 0x33FF),  # squared words
    (0xFF00, 0xFFEF),  # full-width and half-width forms
]


def gbk():
    """All characters of GBK."""
    for lead in range(0x81, 0xFF):
        for trail in range(0x40, 0xFF):
            try:
                yield ord(bytes([lead, trail]).decode("gbk"))
            except (UnicodeDecodeError, TypeError):
                pass


def download(folder):
    packed = subprocess.run(
        ["npm", "pack", "--silent", SOURCE],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    with tarfile.open(pathlib.Path(folder, packed.stdout.strip())) as archive:
        font = archive.extractfile("package/400Regular/NotoSansSC_400Regular.ttf")
        licence = archive.extractfile("package/LICENSE_FONT")
        pathlib.Path(folder, "font.ttf").write_bytes(font.read())
        HERE.joinpath("OFL.txt").write_bytes(licence.read())


def main():
    options = subset.Options(
        # Lines run from left to right, and are drawn with anti-aliasing at known sizes: no
        # vertical metrics, no hints.
        hinting=False,
        drop_tables=["BASE", "DSIG", "GDEF", "STAT", "VORG", "gasp", "vhea", "vmtx", "prep"],
        layout_features=["ccmp", "kern", "liga", "mark", "mkmk"],
        # Copyright, names, licence.
        name_IDs=[0, 1, 2, 4, 5, 6, 13, 14],
        name_languages=[0x0409],
        glyph_names=False,
        notdef_outline=True,
        recalc_timestamp=False,
    )
    with tempfile.TemporaryDirectory() as folder:
        download(folder)
        font = subset.load_font(str(pathlib.Path(folder, "font.ttf")), options)
        subsetter = subset.Subsetter(options)
        characters = set(gbk())
        for first, last in RANGES:
            characters.update(range(first, last + 1))
        subsetter.populate(unicodes=characters)
        subsetter.subset(font)
        target = HERE / "NotoSansSC-Subset.ttf"
        subset.save_font(font, str(target), options)
    kept = TTFont(target)
    print(f"{target.name}: {target.stat().st_size} bytes, {len(kept.getBestCmap())} characters")


if __name__ == "__main__":
    main()
