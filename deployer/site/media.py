"""Media types by a name's ending: a table of our own, since every machine's is another.

Types of text carry their charset: a browser guesses without one, and guesses wrong for Korean.
"""

from __future__ import annotations

UNKNOWN = "application/octet-stream"
HTML = "text/html; charset=utf-8"

_TYPES = {
    HTML: "html htm",
    "text/css; charset=utf-8": "css",
    "text/javascript; charset=utf-8": "js mjs cjs",
    "application/json; charset=utf-8": "json map topojson",
    "application/geo+json; charset=utf-8": "geojson",
    "application/ld+json; charset=utf-8": "jsonld",
    "application/manifest+json; charset=utf-8": "webmanifest",
    "application/xml; charset=utf-8": "xml xsl",
    "application/rss+xml; charset=utf-8": "rss",
    "application/atom+xml; charset=utf-8": "atom",
    "application/xhtml+xml; charset=utf-8": "xhtml",
    "application/yaml; charset=utf-8": "yaml yml",
    "application/toml; charset=utf-8": "toml",
    "text/plain; charset=utf-8": "txt text log license",
    "text/markdown; charset=utf-8": "md markdown",
    "text/csv; charset=utf-8": "csv",
    "text/tab-separated-values; charset=utf-8": "tsv",
    "text/calendar; charset=utf-8": "ics",
    "text/vtt; charset=utf-8": "vtt",
    "text/vcard; charset=utf-8": "vcf",
    "image/svg+xml; charset=utf-8": "svg",
    "application/wasm": "wasm",
    "image/png": "png",
    "image/apng": "apng",
    "image/jpeg": "jpg jpeg jfif",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "image/heic": "heic",
    "image/bmp": "bmp",
    "image/tiff": "tif tiff",
    "image/x-icon": "ico cur",
    "image/jxl": "jxl",
    "font/woff2": "woff2",
    "font/woff": "woff",
    "font/ttf": "ttf",
    "font/otf": "otf",
    "font/collection": "ttc",
    "application/vnd.ms-fontobject": "eot",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/wav": "wav",
    "audio/ogg": "ogg oga opus",
    "audio/flac": "flac",
    "audio/aac": "aac",
    "audio/aiff": "aif aiff",
    "audio/midi": "mid midi",
    "video/mp4": "mp4 m4v",
    "video/webm": "webm",
    "audio/webm": "weba",
    "video/ogg": "ogv",
    "video/quicktime": "mov",
    "video/x-msvideo": "avi",
    "video/mpeg": "mpeg mpg",
    "video/mp2t": "ts",
    "application/vnd.apple.mpegurl": "m3u8",
    "application/dash+xml": "mpd",
    "model/gltf+json": "gltf",
    "model/gltf-binary": "glb",
    "application/pdf": "pdf",
    "application/epub+zip": "epub",
    "application/rtf": "rtf",
    "application/zip": "zip",
    "application/gzip": "gz tgz",
    "application/x-tar": "tar",
    "application/x-7z-compressed": "7z",
    "application/x-bzip2": "bz2",
    "application/zstd": "zst",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.hancom.hwp": "hwp",
    "application/vnd.hancom.hwpx": "hwpx",
    "application/vnd.android.package-archive": "apk",
}
_BY_ENDING = {ending: media for media, endings in _TYPES.items() for ending in endings.split()}

_BY_NAME = {
    "apple-app-site-association": "application/json; charset=utf-8",
    "license": "text/plain; charset=utf-8",
    "cname": "text/plain; charset=utf-8",
}
"""Names without an ending that have a meaning."""


def media_type(path: str) -> str:
    """The Content-Type of a path; `UNKNOWN` where its ending says nothing."""
    name = path.rpartition("/")[2].lower()
    stem, dot, ending = name.rpartition(".")
    if dot and stem:
        return _BY_ENDING.get(ending, UNKNOWN)
    return _BY_NAME.get(name, UNKNOWN)


def is_page(content_type: str) -> bool:
    """Whether a visitor opens it: what shows a release to the world, and is changed last."""
    return content_type.startswith(("text/html", "application/xhtml+xml"))
