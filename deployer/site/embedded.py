"""The site's own store on the host's engine, for those without an AWS account: one container, SeaweedFS.

    account = ensure(engine, config, emit)          # address and keys, for open_store
    store = open_store(config.site, environ, account)

Only its S3 port leaves the container, and only to the host itself; what SeaweedFS speaks with its own parts
asks nobody for a key, so it stays inside, in a network where nobody else is. Visitors may read the bucket
through the edge; whoever writes needs the keys, which the container makes for itself when its volume is new.
They are in the volume and nowhere else: who may use the engine can read them there, and could read anything.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from typing import Any

from deployer.aws.account import Account, Credentials
from deployer.config.schema import Config
from deployer.config.sections.site import Site, SiteStore
from deployer.edge.site import STORE_ADDRESS
from deployer.errors import CloudError, CloudUnreachable, Conflict, EngineError, PreflightError
from deployer.events import Emit, Note
from deployer.host.engine import Engine, Inspect
from deployer.image.edge import base_image
from deployer.image.store import USER, store_image
from deployer.interrupts import shielded
from deployer.site.s3 import open_store
from deployer.site.store import Headers

_FOLDER = "/data"
_KEYS = f"{_FOLDER}/keys"
_PORT = 8333
"""Of S3, inside the container."""

MEMORY = 512 * 1024**2
"""The cap, in bytes. Measured: 25 MB at rest, beside what the kernel keeps of the program's file; 50 MB while
5,000 small files arrive, 240 MB while a large one does, in parts of 16 MiB."""

HEAP = 128
"""MiB beyond which the program tidies up rather than grows."""

START_TIMEOUT = 60.0
"""Seconds until it must have stored something; two or three are usual."""

SETTINGS = "deployer.store-settings"
"""The label with the digest of what the container was made from."""

_START = f"""
umask 077
word() {{ head -c 400 /dev/urandom | base64 --wrap=0 | tr -d '+/=' | head -c "$1"; }}
if [ ! -s {_KEYS} ]; then
    # Whole or not there: nobody could write to a store whose keys were lost.
    echo "$(word 20) $(word 40)" > {_KEYS}.new && sync {_KEYS}.new && mv {_KEYS}.new {_KEYS} || exit 1
fi
read -r access secret < {_KEYS}
printf '{{"identities": [
    {{"name": "deployer", "actions": ["Admin", "Read", "Write", "List"],
     "credentials": [{{"accessKey": "%s", "secretKey": "%s"}}]}},
    {{"name": "anonymous", "actions": ["Read:%s"]}}]}}' "$access" "$secret" "$STORE_BUCKET" > /tmp/s3.json
unset access secret
mkdir -p {_FOLDER}/store
# Its own parts elect a leader among one: half a second is enough for that, instead of ten.
exec weed -logtostderr=true -v=0 server -dir={_FOLDER}/store -ip=127.0.0.1 -ip.bind=127.0.0.1 \\
    -master.volumeSizeLimitMB=1024 -master.electionTimeout=500ms -master.telemetry=false \\
    -volume.max=0 -volume.preStopSeconds=0 -volume.minFreeSpace=1 -filer -filer.exposeDirectoryData=false \\
    -s3 -s3.port={_PORT} -s3.ip.bind=0.0.0.0 -s3.config=/tmp/s3.json -s3.iam=false \\
    -s3.port.iceberg=0 -s3.port.lance=0
"""


def container_name(service: str) -> str:
    """The store's container, and its volume and network."""
    return f"{service}-store"


def ensure(engine: Engine, config: Config, emit: Emit) -> Account:
    """Make the store run as the config has it, and wait until it stores; its address and keys.

    What is in it stays, whatever of the container is made anew. Nothing happens where all is well.

    :raises PreflightError: its port or its name is somebody else's.
    :raises EngineError: it does not start; the details are what it said.
    """
    site, own = _asked(config)
    service = config.service.name
    name = container_name(service)
    image = store_image(engine, base_image(engine, config), emit)
    body = _container(service, image, site, own)
    found = _ours(engine.container(name), "container", service)
    if found is not None and found["Config"]["Labels"].get(SETTINGS) != body["Labels"][SETTINGS]:
        emit(Note("the site's store is made anew, with what is in it"))
        engine.remove(name)
        found = None
    made = found is None and _create(engine, service, body)
    try:
        if found is None or not found["State"]["Running"]:
            emit(Note(f"starting the site's store on port {own.port}"))
            _start(engine, name, own)
        return _await(engine, site, own, name)
    except BaseException:
        with shielded():
            if made:
                # Or the engine would try again and again.
                engine.remove(name)
        raise


def standing(engine: Engine, config: Config) -> Account:
    """The address and the keys of the store as it stands, for those who only look.

    :raises CloudUnreachable: it does not run.
    """
    _, own = _asked(config)
    name = container_name(config.service.name)
    found = _ours(engine.container(name), "container", config.service.name)
    account = _account(engine, name, own) if found and found["State"]["Running"] else None
    if account is None:
        raise CloudUnreachable(
            f"the site's store, container {name}, does not run", remedy="`deployer site deploy` starts it"
        )
    return account


def _asked(config: Config) -> tuple[Site, SiteStore]:
    assert config.site is not None, "asked for the store of a config without a site"  # noqa: S101
    assert config.site.store is not None, "asked for the store of a site that has one elsewhere"  # noqa: S101
    return config.site, config.site.store


def _container(service: str, image: str, site: Site, own: SiteStore) -> dict[str, Any]:
    name = container_name(service)
    body: dict[str, Any] = {
        "Image": image,
        "Cmd": ["bash", "-c", _START],
        "User": f"{USER}:{USER}",
        "Env": [f"STORE_BUCKET={site.bucket}", f"GOMEMLIMIT={HEAP}MiB", "GOGC=50"],
        "ExposedPorts": {f"{_PORT}/tcp": {}},
        "HostConfig": {
            "NetworkMode": name,
            "PortBindings": {f"{_PORT}/tcp": [{"HostIp": STORE_ADDRESS, "HostPort": str(own.port)}]},
            "RestartPolicy": {"Name": "always"},
            "Init": True,
            "Binds": [f"{name}:{_FOLDER}"],
            "Tmpfs": {"/tmp": "rw,noexec,nosuid,nodev,size=16m"},
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "Memory": MEMORY,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}},
        },
    }
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return {**body, "Labels": {**_labels(service), SETTINGS: digest}}


def _create(engine: Engine, service: str, body: Mapping[str, object]) -> bool:
    """Make the container, its volume and network where they are not; False where somebody was faster."""
    name = container_name(service)
    _ours(engine.create_volume(name, _labels(service)), "volume", service)
    if _ours(engine.network(name), "network", service) is None:
        engine.create_network(name, labels=_labels(service))
    try:
        engine.create(name, body)
    except Conflict:
        return False
    return True


def _start(engine: Engine, name: str, own: SiteStore) -> None:
    try:
        engine.start(name)
    except EngineError as error:
        if not any(words in error.message for words in ("already allocated", "already in use")):
            raise
        raise PreflightError(
            f"the site's store cannot listen on {STORE_ADDRESS}:{own.port}: the port is taken",
            remedy="stop what listens there, or choose another site.store.port",
            details=[error.message],
        ) from error


def _await(engine: Engine, site: Site, own: SiteStore, name: str) -> Account:
    deadline = time.monotonic() + START_TIMEOUT
    problem = "S3 does not answer"
    while True:
        # Asked plainly first: a client of S3 takes longer and longer pauses where nobody answers.
        account = _account(engine, name, own) if _answers(own) else None
        if account is not None:
            try:
                _try(site, account)
            except CloudError as error:
                problem = error.message
            else:
                return account
        container = engine.container(name)
        ended = container is None or container["RestartCount"] > 2 or not container["State"]["Running"]
        if ended or time.monotonic() > deadline:
            raise EngineError(
                f"the site's store does not store anything: {problem}",
                remedy=f"the lines below are its own; `docker restart {name}` may help, its data stays",
                details=engine.logs(name),
            )
        time.sleep(0.1)


def _answers(own: SiteStore) -> bool:
    """Whether S3 says anything; the engine accepts connections before there is somebody behind it."""
    from http.client import HTTPConnection, HTTPException

    connection = HTTPConnection(STORE_ADDRESS, own.port, timeout=5)
    try:
        connection.request("HEAD", "/")
        connection.getresponse()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return True


def _account(engine: Engine, name: str, own: SiteStore) -> Account | None:
    keys = engine.get_file(name, _KEYS).split()
    if len(keys) != 2:
        return None
    return Account(endpoint=f"http://{STORE_ADDRESS}:{own.port}", credentials=Credentials(keys[0], keys[1]))


def _try(site: Site, account: Account) -> None:
    """Store something, which also makes the bucket: S3 answers before there is a disk behind it."""
    key = f"{site.prefix}.deployer/alive"
    store = open_store(site, {}, account)
    try:
        store.write(key, b"", Headers("text/plain"))
        store.delete([key])
    finally:
        store.close()


def _ours(found: Inspect | None, kind: str, service: str) -> Inspect | None:
    """What was found, if anything. :raises PreflightError: it is somebody else's."""
    if found is None:
        return None
    labels = found["Config"]["Labels"] if kind == "container" else found["Labels"]
    if not _labels(service).items() <= (labels or {}).items():
        name = container_name(service)
        raise PreflightError(
            f"there is a {kind} {name} already, which was not made by the deployer for {service}'s site",
            remedy=f"rename that {kind}, or give service.name another value",
        )
    return found


def _labels(service: str) -> dict[str, str]:
    return {"deployer.service": service, "deployer.role": "store"}
