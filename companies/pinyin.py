"""How a Chinese name can be typed in Latin letters."""

from itertools import islice, product

MOST_KEYS = 64  # a name of many-voiced characters has thousands of readings


def pinyin_keys(name: str) -> list[str]:
    """Full pinyin and initials of a Chinese name, every reading of every character.

    摩尔线程 gives `moerxiancheng`, `mexc` and, because the syllable "er" is typed as `r` by many, `mrxc`.
    A name without Chinese characters gives nothing.
    """
    # Imported when a name is saved: readers' pages never need the dictionary.
    from pypinyin import Style, pinyin

    if not any("\u4e00" <= character <= "\u9fff" for character in name):
        return []
    readings = [
        list(dict.fromkeys(syllables)) for syllables in pinyin(name.lower(), style=Style.NORMAL, heteronym=True)
    ]
    initials = [
        list(dict.fromkeys(letter for syllable in syllables for letter in _first_letters(syllable)))
        for syllables in readings
    ]
    spelled = ("".join(parts) for parts in islice(product(*readings), MOST_KEYS))
    short = ("".join(parts) for parts in islice(product(*initials), MOST_KEYS))
    return [key.replace(" ", "") for key in dict.fromkeys((*spelled, *short)) if key.strip()]


def _first_letters(syllable: str) -> str:
    return "er" if syllable == "er" else syllable[:1]
