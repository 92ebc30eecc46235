"""Listings are whole, whatever order a store sorts its keys in, and however many starts there are."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from urllib.parse import parse_qs, quote_plus

import pytest

from deployer.site.s3 import listing
from deployer.site.store import Listed


class Bucket:
    """Answers queries as S3 does, in an order of its own.

    :param order: what keys are sorted by; S3 goes by the key's bytes, SeaweedFS by folders.
    """

    def __init__(self, keys: Sequence[str], order: Callable[[str], object], page: int) -> None:
        self._keys = sorted(keys, key=order)  # type: ignore[arg-type]
        self._order = order
        self._page = page
        self.asked = 0

    def fetch(self, query: str) -> bytes:
        self.asked += 1
        said = {name: values[0] for name, values in parse_qs(query).items()}
        after = said.get("continuation-token") or said.get("start-after", "")
        keys = [key for key in self._keys if key.startswith(said.get("prefix", ""))]
        rest = [key for key in keys if not after or self._order(key) > self._order(after)]  # type: ignore[operator]
        some = rest[: self._page]
        more = len(rest) > len(some)
        contents = "".join(
            f"<Contents><Key>{quote_plus(key, safe='/')}</Key><ETag>&quot;e{len(key)}&quot;</ETag>"
            f"<Size>{len(key)}</Size><Owner><ID>1</ID></Owner></Contents>"
            for key in some
        )
        token = f"<NextContinuationToken>{some[-1]}</NextContinuationToken>" if more else ""
        return (
            '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{token}{contents}"
            "<EncodingType>url</EncodingType></ListBucketResult>"
        ).encode()

    def fetch_all(self, queries: Sequence[str]) -> list[bytes]:
        return [self.fetch(query) for query in queries]


def by_bytes(key: str) -> object:
    return key.encode()


def by_folder(key: str) -> object:
    return [part.encode() for part in key.split("/")]


def scrambled(key: str) -> object:
    return hash(("scrambled", key)), key


ORDERS = [by_bytes, by_folder, scrambled]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("seed", range(12))
def test_stretches_make_a_whole(
    order: Callable[[str], object], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    monkeypatch.setattr(listing, "STRETCH", 7)
    names = ["a", "a-b", "a.b", "a b", "가", "+", "z/y", "a/b"]
    keys = {
        f"{chance.choice(names)}/{chance.choice(names)}{chance.randrange(50)}"
        for _ in range(chance.choice([0, 1, 6, 40, 300]))
    }
    known = sorted({*chance.sample(sorted(keys), len(keys) * 2 // 3), *(f"gone/{n}" for n in range(20))})
    bucket = Bucket(sorted(keys), order, page=chance.choice([1, 3, 8, 1000]))
    found = listing.everything(bucket.fetch, bucket.fetch_all, "", known)
    assert found == [Listed(key, len(key), f"e{len(key)}") for key in sorted(keys)]


def test_what_is_known_saves_waiting_and_costs_no_request() -> None:
    keys = [f"assets/{number:05}.js" for number in range(5000)]
    bucket = Bucket(keys, by_bytes, page=1000)
    assert len(listing.everything(bucket.fetch, bucket.fetch_all, "assets/", keys)) == 5000
    assert bucket.asked == 6  # at the same time; one after the other, it takes 5
    bucket.asked = 0
    assert len(listing.everything(bucket.fetch, bucket.fetch_all, "", ())) == 5000
    assert bucket.asked == 5


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html></html>",
        b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
        b"<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
        b"<ListBucketResult><Contents>",
        b"<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents><ETag>x</ETag></ListBucketResult>!",
        b"<ListBucketResult><Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>",
    ],
)
def test_what_is_no_listing_is_said_to_be_none(page: bytes) -> None:
    with pytest.raises(ValueError, match="listing"):
        listing.parse(page)


@pytest.mark.parametrize(
    ("written", "encoding", "key"),
    [
        ("a%20b%2Bc+d%26%EA%B0%80", "<EncodingType>url</EncodingType>", "a b+c d&가"),
        ("a%20b+c", "", "a%20b+c"),
        ("&lt;&amp;&gt;&#13;가", "", "<&>\r가"),
        ("plain/key.js", "<EncodingType>url</EncodingType>", "plain/key.js"),
    ],
)
@pytest.mark.parametrize("quote", ["&quot;", "&#34;", '"', ""])
def test_keys_and_etags_are_read_as_they_are_written(
    written: str, encoding: str, key: str, quote: str
) -> None:
    page = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>b</Name>{encoding}<IsTruncated>false</IsTruncated><Contents><Key>{written}</Key>"
        f"<LastModified>2026-11-28T02:37:59Z</LastModified><ETag>{quote}0123-2{quote}</ETag><Size>7</Size>"
        "<Owner><ID>1</ID><DisplayName>x</DisplayName></Owner></Contents></ListBucketResult>\n"
    )
    assert listing.parse(page.encode()) == listing.Page([Listed(key, 7, "0123-2")], "")


def test_a_page_without_objects_is_not_the_end() -> None:
    token = b"<NextContinuationToken>t</NextContinuationToken>"
    pages = [
        b"<ListBucketResult><IsTruncated>true</IsTruncated>%s</ListBucketResult>" % token,
        b'<ListBucketResult><Contents><Key>a+b</Key><Size>1</Size><ETag>"e"</ETag></Contents></ListBucketResult>',
    ]
    found = listing.everything(lambda _: pages.pop(0), lambda _: [], "")
    assert found == [Listed("a+b", 1, "e")]  # not encoded, for the page does not say so
