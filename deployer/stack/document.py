"""CloudFormation's YAML, read: short tags become what they stand for, and a key said twice is refused."""

from __future__ import annotations

from typing import Any, cast

import yaml

from deployer.errors import TemplateError


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Our own class, since constructors are registered on one; in C where there is that, far quicker."""


def parse(text: str, name: str = "template") -> dict[str, Any]:
    """A template as a mapping, with the long form of every intrinsic function.

    :param name: for the error.
    :raises TemplateError: not YAML, a key twice in one mapping, an unknown tag.
    """
    try:
        found = yaml.load(text, _Loader)  # noqa: S506 -- a safe loader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise TemplateError(f"{name}:{line}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise TemplateError(f"{name}: {error}") from None
    if not isinstance(found, dict):
        raise TemplateError(f"{name}: is no mapping")
    return cast(dict[str, Any], found)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen = set()
    for key, _ in node.value:
        if key.value in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"'{key.value}' stands twice in one mapping", key.start_mark
            )
        seen.add(key.value)
    return cast(dict[Any, Any], loader.construct_mapping(node, deep=True))


def _function(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = _mapping(loader, cast(yaml.MappingNode, node))
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
_Loader.add_multi_constructor("!", _function)
# A date stays text: CloudFormation's own version is one.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
