"""One spelling: what becomes what, and what must hold whatever the text."""

import random
import unicodedata

import pytest

from companies.filings.text import normalised


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("\uf90a\ufa08\uf937", "金行路"),  # compatibility ideographs
        ("⾦⻓⻋", "金长车"),  # radicals in place of ideographs
        ("１，２００．５％", "1,200.5%"),
        ("（－３）", "(-3)"),
        ("2025\u20112026\u20132027\u20142028\u22121", "2025-2026-2027-2028-1"),
        ("6.45～7.20〜8", "6.45~7.20~8"),
        ("a\u3000b\u00a0c\u2009d\te", "a b c d e"),
        ("in\u00advisi\u200bble\ufeff\u2060", "invisible"),
        ("a\u202eb\u2066c\u200e", "abc"),  # marks of direction
        ("葛\U000e0100 ✔\ufe0f", "葛 ✔"),  # variants of a glyph
        ("auto\x02matic\x00\x07\x7f\x9f", "automatic"),
        ("e\u0301", "é"),
        ("e\u00ad\u0301", "é"),  # what cannot be seen does not keep them apart
        ("ｶﾞ", "ガ"),
        ("\u1112\u1161\u11ab", "한"),
        ("ﬁve …", "five ..."),
        ("a\r\nb\rc\u2028d\x0be\x0cf\x85g", "a\nb\nc\nd\ne\nf\ng"),
        ("  a   b \n  c\n\n d  ", "a b\nc\n\nd"),
        ("\ud800x\udfff", "\ufffdx\ufffd"),
        ("😀 \U00020000", "😀 \U00020000"),
        ("", ""),
        (" \u3000\u200b", ""),
    ],
)
def test_what_reads_the_same_is_written_the_same(raw: str, text: str) -> None:
    assert normalised(raw).text == text


@pytest.mark.parametrize("raw", ["1,200²", "3½", "①5", "⒈5", "10⁸", "H₂O", "8㎡"])
def test_nothing_becomes_a_digit_that_is_none(raw: str) -> None:
    assert normalised(raw).text == raw


@pytest.mark.parametrize(
    ("raw", "origins"),
    [
        ("金额：1", (0, 1, 2, 3)),
        ("ﬁx", (0, 0, 1)),
        ("e\u0301x", (0, 2)),
        ("a\u00adb", (0, 2)),
        ("a\r\nb", (0, 1, 3)),
        (" a \n b ", (1, 3, 5)),
        ("…x", (0, 0, 0, 1)),
        ("\ud83d\ude00x", (0, 1, 2)),  # two lone halves, as no string of characters has them
    ],
)
def test_origins_tell_where_each_character_stood(raw: str, origins: tuple[int, ...]) -> None:
    assert normalised(raw).origins == origins


def assert_sound(raw: str) -> None:
    """What holds for every text."""
    once = normalised(raw)
    assert normalised(once.text).text == once.text
    assert len(once.origins) == len(once.text)
    assert all(one <= other for one, other in zip(once.origins, once.origins[1:], strict=False))
    assert all(0 <= origin < len(raw) for origin in once.origins)
    once.text.encode()


def test_every_character_is_written_in_its_last_spelling_beside_others() -> None:
    every = [chr(code) for code in range(0x30000)] + [chr(code) for code in range(0xE0000, 0xE1000)]
    for start in range(0, len(every), 64):
        # After a letter, so that marks have something to stand on.
        assert_sound("".join(f"a{one}\n" for one in every[start : start + 64]))


def test_any_mixture_is_written_in_its_last_spelling() -> None:
    signs = [
        *"a1, \n=金か가각", "\r", "\r\n", "\u0301", "\u0316", "\u0338", "\u3099", "ｶ", "ﾞ", "\u200b", "\u00ad", "\u00b4",
        "\u00a8", "²", "½", "①", "\uf90a", "\u2011", "１", "，", "\u3000", "\ud800", "\udc00", "😀", "\u1100", "\u1161",
        "\u11a8", "\u3161", "ﬁ", "…", "\u0344", "⻓", "⾦", "\ufe0f", "\u0f71", "\u09c7", "\u09be", "\u200d",
    ]  # fmt: skip
    chance = random.Random(1)
    for _ in range(20_000):
        assert_sound("".join(chance.choices(signs, k=chance.randint(1, 8))))


def test_it_is_nfkc_where_no_sign_of_ours_stands() -> None:
    raw = "Ａｐｐｌｅ ㈱ ﾊﾟ ㎏ Å ｱｲｳ ﷺ ㍿ 각 à la carte, “摩尔线程”"
    assert normalised(raw).text == unicodedata.normalize("NFKC", raw)
