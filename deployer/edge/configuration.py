"""The text of haproxy.cfg, and the few lines of it that a rollout rewrites."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from deployer.config.schema import Config
from deployer.edge import site
from deployer.edge.state import SLOTS, EdgeState, Slot
from deployer.render import render, source

_SLOTS = re.compile(r"(    # slots: (app|streams)\n).*?(    # end of slots\n)", re.DOTALL)
_UNUSED_PORT = 9
"""Stands in a slot that nobody is in: a server line needs a port, and discard answers nowhere."""

Addresses = Mapping[Slot, str]

SETTINGS = "deployer.edge-settings"
"""The label of an edge's container with the digest of what it was made from."""

OUTDATED = "the edge is not as the config (edge, site, service.streams) and our templates have it today"
"""What is said of an edge whose digest is another one."""

RENEWED = "`deployer edge upgrade` makes it so, without a lost request"

SOURCES = ("haproxy/haproxy.cfg.j2", "haproxy/bucket.cfg.j2", "haproxy/hold.lua.j2")
_IMAGE_SOURCE = "docker/edge.Dockerfile.j2"


def configuration(config: Config, state: EdgeState, addresses: Addresses, *, public: bool = True) -> str:
    """haproxy.cfg for a service.

    :param addresses: the fixed address of each slot on the service's network.
    :param public: listen on the service's ports; otherwise only on the preview socket, for an edge that is
        made ready while something else still has the port.
    """
    edge = config.edge
    text = render(
        "haproxy/haproxy.cfg.j2",
        service=config.service.name,
        threads=1,
        max_connections=edge.max_connections,
        connect_timeout_ms=_ms(edge.connect_timeout),
        read_timeout_ms=_ms(edge.read_timeout),
        stream_timeout_ms=_ms(edge.stream_timeout),
        public=public,
        address=edge.address,
        port=edge.port,
        tls=edge.tls,
        site=site.route(config.site),
        api_prefix=edge.api_prefix,
        streams=config.service.streams,
        retry_after=round(edge.retry_after),
        check_interval_ms=_ms(edge.check_interval),
        # While a slot is not up, a rollout waits for it.
        fast_interval_ms=max(20, _ms(edge.check_interval) // 4),
        check_timeout_ms=_ms(edge.check_timeout),
        check_rise=edge.check_rise,
        check_fall=edge.check_fall,
    )
    return with_slots(text, state, addresses)


def settings(config: Config) -> str:
    """A digest of all that an edge is made from, and that only `edge upgrade` changes."""
    edge = config.dump("edge")["edge"]
    sources = [source(name) for name in (*SOURCES, *(() if config.edge.image else (_IMAGE_SOURCE,)))]
    text = json.dumps([edge, site.settings(config), config.service.streams, sources], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def with_slots(text: str, state: EdgeState, addresses: Addresses) -> str:
    """`text` with the server lines of both slots as `state` has them; the rest untouched."""

    def lines(match: re.Match[str]) -> str:
        backend = match[2]
        servers = "".join(_server(backend, slot, state, addresses[slot]) for slot in SLOTS)
        return match[1] + servers + match[3]

    return _SLOTS.sub(lines, text)


def hold_script(config: Config) -> str:
    """hold.lua: what keeps requests waiting."""
    return render("haproxy/hold.lua.j2", hold=round(config.edge.hold))


def _server(backend: str, slot: Slot, state: EdgeState, address: str) -> str:
    occupant = state.occupant(slot)
    port = occupant.port if occupant else _UNUSED_PORT
    health = "check" if backend == "app" else f"track app/{slot}"
    return f"    server {slot} {address}:{port} weight {state.weight(slot)} {health}\n"


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
