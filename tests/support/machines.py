"""Hosts of a test's own: containers with a root file system, an SSH server and a Docker engine each.

    with machines(client, 3) as hosts:
        hosts[0].ssh("docker ps")

Containers rather than machines, so they share the kernel: its swap and its settings are the real ones, and a
host's `swapon` and `sysctl` are stand-ins that write down what they were told (`told`).
"""

from __future__ import annotations

import contextlib
import functools
import io
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import docker
from docker import DockerClient
from docker.models.containers import Container

from tests.support import images, names
from tests.support.execs import execute

SOCKET = "/var/run/docker.sock"
REPOSITORY = "deployer-test/host"

# The packages are fetched with the image, so that an empty host can install them without waiting.
DOCKERFILE = """\
FROM {base}
RUN apt-get update \\
 && apt-get install -y --no-install-recommends openssh-server sudo procps iproute2 \\
 && apt-get install -y --no-install-recommends --download-only docker.io iptables nftables ca-certificates \\
 && mkdir -p /run/sshd && rm -f /etc/ssh/ssh_host_*
COPY boot /usr/local/sbin/boot
COPY stand-in /usr/local/sbin/swapon
COPY stand-in /usr/local/sbin/swapoff
COPY stand-in /usr/local/sbin/sysctl
COPY service /usr/local/sbin/service
RUN chmod 755 /usr/local/sbin/* && touch /run/swaps \\
 && useradd --create-home --shell /bin/bash admin \\
 && echo 'admin ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/admin
CMD ["/usr/local/sbin/boot"]
"""

PREPARED = """\
FROM {empty}
RUN apt-get install -y --no-install-recommends docker.io iptables nftables ca-certificates \\
 && usermod -aG docker admin
"""

BOOT = """\
#!/bin/bash
# Starts what a host starts, and ends with it.
[ -f /etc/ssh/ssh_host_ed25519_key ] || ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
mkdir -p /run/sshd
/usr/sbin/sshd
start-docker() {
    rm -f /var/run/docker.pid /run/docker/containerd/containerd.pid
    # All hosts have one volume, so that links to what one of them has cost the others nothing.
    GOGC=400 dockerd --data-root="/var/lib/docker/$HOSTNAME" >>/var/log/dockerd.log 2>&1 &
}
command -v dockerd >/dev/null && start-docker
# Docker's own init script raises a limit, which a container may not: `service` asks for it here.
trap 'exit 0' TERM INT
while :; do
    sleep 1 &
    wait $!
    if [ -e /run/docker-restart ]; then
        rm /run/docker-restart
        [ -f /var/run/docker.pid ] && kill "$(cat /var/run/docker.pid)" && sleep 2
        start-docker
    fi
done
"""

SERVICE = """\
#!/bin/sh
case "$1 $2" in
"docker start" | "docker restart") touch /run/docker-restart ;;
*) exec /usr/sbin/service "$@" ;;
esac
"""

STAND_IN = """\
#!/bin/sh
# The kernel is that of the machine which runs the tests: it is not touched. Swap is written down.
name="$(basename "$0")"
case "$name $1" in
"swapon --show=SIZE") exec xargs -r stat -c %s </run/swaps ;;
"swapon "*) echo "$1" >>/run/swaps ;;
"swapoff "*) : >/run/swaps ;;
esac
echo "$name $*" >>/var/log/told
"""


NO_ENGINE = "pkill -x dockerd; while pgrep -x dockerd; do sleep 0.1; done >/dev/null"


class Host:
    """One host.

    :ivar address: where it answers, from this machine alone.
    """

    def __init__(self, container: Container, key: Path, folder: Path) -> None:
        self.container = container
        self.key = key
        self.folder = folder
        self.name = container.name or ""

    @functools.cached_property
    def address(self) -> str:
        """Its address when it was first asked for."""
        return self._address()

    def _address(self) -> str:
        self.container.reload()
        networks = self.container.attrs["NetworkSettings"]["Networks"]
        return str(next(iter(networks.values()))["IPAddress"])

    def run(self, script: str, check: bool = True) -> str:
        """Run a shell script as root; what it printed."""
        code, output = execute(self.container, ["bash", "-c", script])
        text = str(output.decode())
        assert not check or code == 0, text
        return text

    @property
    def told(self) -> list[str]:
        """What stand-ins were told."""
        return self.run("cat /var/log/told 2>/dev/null || true").splitlines()

    @property
    def public_key(self) -> str:
        """The host's own key, as it would be read off its console."""
        return self.run("cat /etc/ssh/ssh_host_ed25519_key.pub").strip()

    def docker(self, words: str) -> str:
        return self.run(f"docker {words}")

    def fall_silent(self) -> None:
        """Nothing comes in or goes out any more. (To pause it fails while its engine starts containers.)"""
        chains = "".join(
            f"chain {hook} {{ type filter hook {hook} priority -200; policy drop; }}\n"
            for hook in ("input", "output")
        )
        self.run(f"nft -f - <<'EOF'\ntable inet silence {{\n{chains}}}\nEOF")

    def speak(self) -> None:
        """The end of its silence."""
        self.run("nft delete table inet silence")

    @contextlib.contextmanager
    def without_engine(self) -> Iterator[None]:
        """Within: its engine is down, and SSH answers."""
        self.run(NO_ENGINE)
        try:
            yield
        finally:
            self.run("touch /run/docker-restart")
            self.await_engine()

    @contextlib.contextmanager
    def small_disk(self, megabytes: int) -> Iterator[None]:
        """Within: its engine has nothing, and a file system of that size for all that it gets."""
        folder = "/var/lib/docker"
        end = (
            f"{NO_ENGINE}; "
            # An engine that knows nothing of them leaves the bridges of another where they are.
            "for bridge in $(ip -o link show type bridge | cut -d: -f2); do ip link delete $bridge; done"
        )
        self.run(f"{end}; mount -t tmpfs -o size={megabytes}m tmpfs {folder} && touch /run/docker-restart")
        try:
            self.await_engine()
            yield
        finally:
            self.run(
                f"docker ps -q | xargs -r docker rm -f; {end}; umount {folder}; touch /run/docker-restart"
            )
            self.await_engine()

    def fill_disk(self, left: int) -> None:
        """Leave so many megabytes free on the file system of its engine."""
        free = "df -BM --output=avail /var/lib/docker | tail -1 | tr -dc 0-9"
        self.run(f"fallocate -l $(( $({free}) - {left} ))M /var/lib/docker/ballast")

    def empty_disk(self) -> None:
        """Give back what `fill_disk` took."""
        self.run("rm -f /var/lib/docker/ballast")

    def start(self) -> None:
        """Switch it on again."""
        self.container.start()
        self.await_start()
        assert self._address() == self.address, "it has another address now"

    def await_start(self, *, engine: bool = True) -> None:
        """Wait until it can be worked on."""
        self._await("ss -ltn | grep -q :22", "SSH server")
        if engine:
            self.await_engine()

    def await_engine(self) -> None:
        """Wait until its engine answers."""
        self._await("docker version >/dev/null 2>&1", "engine")

    def _await(self, question: str, what: str) -> None:
        # It asks itself: to be asked from here costs ten times as much.
        code, _ = execute(
            self.container, ["timeout", "60", "bash", "-c", f"until {question}; do sleep 0.1; done"]
        )
        assert code == 0, f"the {what} of {self.name} does not answer within 60 s"

    def load(self, source: DockerClient, *refs: str) -> None:
        """Images from this machine's engine."""
        into = ["docker", "exec", "-i", self.name, "docker", "load", "-q"]
        with subprocess.Popen(["docker", "save", *refs], stdout=subprocess.PIPE) as save:
            load = subprocess.run(into, stdin=save.stdout, capture_output=True, check=False)
        assert save.returncode == 0
        assert load.returncode == 0, load.stderr

    def share_images(self, hostname: str) -> None:
        """What its engine has, for a host whose engine has not been started yet.

        As links: an engine replaces files of its own, and never writes to one of an image.
        """
        self.run(f"cd /var/lib/docker && mkdir {hostname} && cp -al host1/image host1/overlay2 {hostname}")

    def config(self, **extra: object) -> dict[str, object]:
        """Its entry in a config's `hosts`."""
        return {"name": f"h{self.name.rpartition('-')[2]}", "address": self.address, "user": "admin", **extra}


def known_hosts(hosts: list[Host]) -> str:
    """Lines of known_hosts for these hosts."""
    return "".join(f"{host.address} {' '.join(host.public_key.split()[:2])}\n" for host in hosts)


def image(client: DockerClient, *, prepared: bool = True) -> str:
    """The image of a host: with an engine, or empty."""
    with images.alone():
        recipe = DOCKERFILE.format(base=images.base())
        files = {"boot": BOOT.encode(), "service": SERVICE.encode(), "stand-in": STAND_IN.encode()}
        base_id = str(client.images.get(images.BASE).id)
        empty = f"{REPOSITORY}:empty-{images.digest(recipe, base_id, *files.values())}"
        images._build(client, empty, recipe, files)
        if not prepared:
            return empty
        recipe = PREPARED.format(empty=empty)
        tag = f"{REPOSITORY}:{images.digest(recipe)}"
        images._build(client, tag, recipe)
        return tag


@contextlib.contextmanager
def door(client: DockerClient, folder: Path, *binds: str) -> Iterator[Host]:
    """A host whose engine is this machine's own, since it has its socket: the way in through SSH."""
    with machines(client, 1, folder, prepared=False, binds=(f"{SOCKET}:{SOCKET}", *binds)) as (host,):
        group = Path(SOCKET).stat().st_gid
        host.run(f"groupadd -o -g {group} engine && usermod -aG engine admin")
        yield host


@contextlib.contextmanager
def machines(
    client: DockerClient,
    count: int,
    folder: Path,
    *,
    prepared: bool = True,
    loaded: Sequence[str] = (),
    binds: Sequence[str] = (),
) -> Iterator[list[Host]]:
    """So many hosts, which answer SSH and have an engine that runs; gone afterwards, with all of theirs.

    :param prepared: with an engine.
    :param loaded: images of this machine's engine that those of the hosts have as well.
    :param binds: what they share with this machine, as `docker run -v` has it.
    """
    key = folder / "id_ed25519"
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    tag = image(client, prepared=prepared)
    stem = names.service_name()
    network = client.networks.create(stem, driver="bridge")
    volume = client.volumes.create(f"{stem}-docker")
    hosts: list[Host] = []

    def start(number: int) -> None:
        made = client.api.create_container_from_config(
            {
                "Image": tag,
                "Hostname": f"host{number}",
                "HostConfig": {
                    "NetworkMode": stem,
                    "Init": True,
                    "CapAdd": ["SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "NET_RAW", "SYS_CHROOT", "MKNOD"],
                    "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
                    "MaskedPaths": [],  # what `--security-opt systempaths=unconfined` says
                    "ReadonlyPaths": [],
                    "DeviceCgroupRules": ["a *:* rwm"],
                    "Binds": [
                        "/sys/fs/cgroup:/sys/fs/cgroup:rw",
                        f"{volume.name}:/var/lib/docker",
                        *binds,
                    ],
                },
            },
            f"{stem}-host{number}",
        )
        container = client.containers.get(made["Id"])
        _put(container, "/home/admin/.ssh/authorized_keys", key.with_suffix(".pub").read_bytes())
        container.start()
        hosts.append(Host(container, key, folder))

    try:
        start(1)
        others = range(2, count + 1)
        if loaded:
            hosts[0].await_start()
            hosts[0].load(client, *loaded)
            for number in others:
                hosts[0].share_images(f"host{number}")
        for number in others:
            start(number)
        for host in hosts:
            host.await_start(engine=prepared)
        yield hosts
    finally:
        for host in hosts:
            with contextlib.suppress(docker.errors.APIError):
                # Its engine first, or containers of that would go on in cgroups that nobody removes.
                host.run("docker ps -q | xargs -r docker rm -f; pkill dockerd; sleep 0.5", check=False)
            with contextlib.suppress(docker.errors.APIError):
                host.container.remove(force=True, v=True)
        for left in (volume, network):
            with contextlib.suppress(docker.errors.APIError):
                left.remove()


def _put(container: Container, path: str, content: bytes) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for folder in ("home/admin/.ssh",):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode, entry.uid, entry.gid = tarfile.DIRTYPE, 0o700, 1000, 1000
            archive.addfile(entry)
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.size, entry.mode, entry.uid, entry.gid = len(content), 0o600, 1000, 1000
        archive.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    container.put_archive("/", packed)
