"""The annotated reference of the config, made from the schema alone.

`docs/configuration.md` is the output of `markdown()`, and so is what `deployer config docs` prints.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from deployer.config import outline, units
from deployer.config.model import fields
from deployer.config.outline import Key

_WIDTH = 100
_INDENT = "  "

_INTRODUCTION = """\
# Configuration

<!-- Made from deployer/config/schema.py by `make docs`; changes here are overwritten. -->

One file, `config.yaml`, says what is deployed and how. This is enough to deploy any image:

```yaml
service: {name: shop, image: "shop:1", port: 8080, health: /health}
edge: {port: 80}
```

Everything else has a default, given below.

| command | |
|---|---|
| `deployer config check` | lists every problem of the file and its environments, and what they refer to |
| `deployer config show` | prints the config after merging, with defaults, and secrets masked |
| `deployer config schema` | prints the JSON Schema, for completion in an editor |
| `deployer config docs` | prints this page |

## Which file

`--config PATH`, else the path in `DEPLOYER_CONFIG`, else `config.yaml` in the current folder. Relative paths
in the file start from the file's own folder, wherever the command is run.

## Environments

`environments:` holds parts of a config by name. `--env NAME` (else `DEPLOYER_ENV`) merges one over the
base: mappings merge key by key, lists and single values replace, `null` removes the key.

```yaml
service: {name: shop, image: "shop:1", port: 8080, env: {MODE: test}}
edge: {port: 8080}
environments:
  production:
    service: {env: {MODE: live}}
    edge: {port: 80}
```

`--set KEY=VALUE` overrides one key for one run and may be repeated: `--set rollout.drain=1m`,
`--set 'service.volumes=[data:/data]'`, `--set edge.tls=null`. The value is YAML; below `env`, `labels`,
`args`, `metadata` and `redirects` it is taken literally, and the rest of the key, dots included, is one name.

## Values

* A *duration* is written `500ms`, `30s`, `5m`, `1h`, `1d`, or as a number of seconds.
* A *size* is written `512k`, `512m`, `2g`, or as a number of bytes; a step is 1024, as in Docker.
* Text need not be quoted: `1.10`, `yes` and `0755` stay what is written. Only a bare `null`, `~` or nothing
  at all means "not given".
* YAML anchors, aliases and `<<` work. A key given twice is an error.

## Secrets

Values of `env`, the keys of `site`, and the addresses and tokens of `notify` may refer to secrets, which are
looked up when a container is created, the bucket opened or somebody told, and are never shown, logged, or put
into labels or images:

| reference | |
|---|---|
| `${env:NAME}` | variable of the process that runs the deployer |
| `${file:/run/secrets/x}` | content of a file on the deployer's machine, without its last newline |
| `${ssm:/path}` | parameter of AWS Systems Manager, where the installation can reach it |
| `$${` | a plain `${` |

A reference may stand inside a longer text: `mysql://shop:${env:DB_PASSWORD}@db/shop`. A secret that is
written out is found by its name (`*_PASSWORD`, `*_TOKEN`, `*_KEY`, `*_WEBHOOK`, ...) and warned about by
`config check`.

## Reference

Keys with their defaults. A key behind `#` is not set unless you set it; it shows an example.
"""


def markdown() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for name, field in fields(outline.whole()).items():
        parts.append(f"\n### {name}\n\n{field.description}\n\n```yaml\n" + "\n".join(_top(name)) + "\n```\n")
    return "".join(parts)


def as_data() -> list[dict[str, Any]]:
    """Every key as data: `{key, kind, unit, required, default, description}`; durations in seconds."""
    return [
        {
            "key": key.dotted,
            "kind": key.kind if key.section is None else "list of mappings" if key.many else "mapping",
            "unit": {"duration": "seconds", "size": "bytes"}.get(key.measure, key.measure) or None,
            "required": key.required,
            "default": None if key.section and not key.many else _jsonable(key.default),
            "description": key.field.description,
        }
        for key in outline.keys_of()
    ]


def _top(name: str) -> Iterator[str]:
    key = next(found for found in outline.keys_of() if found.path == (name,))
    if key.many:
        item = _off(["-", *_below(key, (*key.path, "[]"))], 1)
        return iter([f"{name}: []  # list of mappings; an item:", *item])
    lines = [f"{name}:", *_below(key, key.path)]
    # A section that is off by default is shown, but as an example.
    return iter(_off(lines, 0) if key.default is None and not key.required else lines)


def _below(section: Key, path: tuple[str, ...]) -> Iterator[str]:
    """The lines of a section's keys, indented below it."""
    found = outline.keys_of(section.section, path, section.inner) if section.section else ()
    direct = [key for key in found if len(key.path) == len(path) + 1]
    for index, key in enumerate(direct):
        if index:
            yield ""
        yield from (_INDENT + line for line in _key(key))


def _key(key: Key) -> Iterator[str]:
    for line in textwrap.wrap(key.field.description, _WIDTH):
        yield f"# {line}"
    if key.section is None:
        off = key.default is None and not key.required
        value = key.field.example if off or key.required else key.default
        yield f"{'#' if off else ''}{key.name}: {_written(value, key)}  # {_note(key)}"
    elif key.many:
        yield f"{key.name}: []  # list of mappings; an item:"
        yield from _off(["-", *_below(key, (*key.path, "[]"))], 1)
    else:
        yield from _off([f"{key.name}:", *_below(key, key.path)], 0)


def _note(key: Key) -> str:
    note = key.kind
    if key.measure and key.measure != key.kind:
        note += f" ({key.measure})"
    if key.required:
        return f"{note}; required"
    if key.default is None:
        return f"{note}; not set"
    if key.field.example is not None:
        return f"{note}; for example {_written(key.field.example, key)}"
    return note


def _written(value: Any, key: Key) -> str:
    """A value as YAML on one line, durations and sizes as people write them."""
    import yaml

    if isinstance(value, (int, float)) and key.measure == "duration":
        return units.format_duration(value)
    if isinstance(value, int) and key.measure == "size":
        return units.format_size(value)
    if key.kind == "path" and value is not None:
        value = str(value)
    text: str = yaml.safe_dump(
        value, default_flow_style=True, width=10_000, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("...\n").strip()


def _jsonable(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


def _off(lines: list[str], indent: int) -> list[str]:
    """`lines` as an example that YAML does not read."""
    return [f"{_INDENT * indent}#{line}".rstrip() for line in lines]
