"""A real registry on the network of hosts: it wants TLS and a password, as a private one does.

    with registry(client, hosts, folder) as found:
        ref = found.push(hosts[0], "deployer-test/shop:1")      its name there, by its digest
        found.login(folder)                                     what `docker login` writes: DOCKER_CONFIG

Debian's package, in an image of its own: installed on the machine, it would be a service that starts.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import bcrypt
from docker import DockerClient

from tests.support import images, names
from tests.support.machines import Host
from tests.support.waiting import until

PORT = 5000
USER, PASSWORD = "deployer", "let me in"

RECIPE = """\
FROM {base}
RUN apt-get update \\
 && apt-get install -y --no-install-recommends docker-registry \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb
CMD ["docker-registry", "serve", "/registry/config.json"]
"""
CONFIG = {
    "version": "0.1",
    "storage": {"filesystem": {"rootdirectory": "/var/lib/registry"}},
    "http": {
        "addr": f":{PORT}",
        "tls": {"certificate": "/registry/certificate.pem", "key": "/registry/key.pem"},
    },
    "auth": {"htpasswd": {"realm": "registry", "path": "/registry/htpasswd"}},
}


class Registry:
    """
    :ivar name: as images' names begin with it.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def login(self, folder: Path) -> Path:
        """A folder for DOCKER_CONFIG, of somebody who has logged in."""
        word = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {self.name: {"auth": word}}}))
        return folder

    def push(self, host: Host, ref: str) -> str:
        """Have a host push an image of its own, and forget it by that name; what it is called here."""
        there = f"{self.name}/{ref}"
        steps = [
            f"docker login -u {USER} -p {shlex.quote(PASSWORD)} {self.name}",
            f"docker tag {ref} {there}",
            f"docker push -q {there}",
            f"docker logout {self.name}",
            f"docker image inspect -f '{{{{index .RepoDigests 0}}}}' {there} >/tmp/pushed",
            f"docker rmi {there}",  # and its digest with it
        ]
        host.run(" && ".join(steps))
        return host.run("cat /tmp/pushed").strip()


@contextlib.contextmanager
def registry(client: DockerClient, hosts: Sequence[Host], folder: Path) -> Iterator[Registry]:
    """Runs within, and hosts trust its certificate."""
    host = names.service_name()
    found = Registry(f"{host}:{PORT}")
    recipe = RECIPE.format(base=images.base())
    with images.alone():
        images._build(client, tag := f"deployer-test/registry:{images.digest(recipe)}", recipe)
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    words += ["-keyout", f"{folder}/key.pem", "-out", f"{folder}/certificate.pem", "-days", "2"]
    words += ["-subj", "/CN=registry", "-addext", f"subjectAltName=DNS:{host}"]
    subprocess.run(words, check=True, capture_output=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    kept = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "htpasswd").write_text(f"{USER}:{kept}\n")
    container = client.containers.run(
        tag,
        detach=True,
        name=host,
        network=next(iter(hosts[0].container.attrs["NetworkSettings"]["Networks"])),
        volumes={str(folder): {"bind": "/registry", "mode": "ro"}},
    )
    try:
        trusted = f"/etc/docker/certs.d/{found.name}"
        certificate = (folder / "certificate.pem").read_text()
        for each in hosts:
            each.run(f"mkdir -p {trusted}; cat >{trusted}/ca.crt <<'END'\n{certificate}END")
        until(lambda: b"listening on" in container.logs(), "the registry answers")
        yield found
    finally:
        container.remove(force=True, v=True)
