"""Ranks on separate hosts: network namespaces with addresses of their own, joined by a bridge. Linux, as root.

python tests/mpi_hosts.py                               # the proof: same bits, a link that is cut, --resume
python tests/mpi_hosts.py --rate 100mbit -- SCRIPT ...  # one rank of SCRIPT, or of -m MODULE, per host

It needs ``ip``, ``unshare`` and the extra `mpi` with `mpich`; ``tc`` for --rate and --delay, of each link in each
direction. It removes what it made.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common import checkpoint
from dataset import dates

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 5  # seconds, of --mpi-timeout
PREFIX = "mpihosts"
OPTIONS = "--data dates.txt --models attention --batch-size 100 --hidden-size 128 --max-epoch 2 --workers 1 --quiet"
OPTIONS += " --save-every 1"
STATE = "attention.state.npz"


class Hosts:
    """Namespaces and their links. ``names``, ``addresses``: of the hosts; ``links``: their ends at the bridge.

    ``launch``: a script in the folder that mpiexec calls, in place of ssh, with a host and a command.
    """

    def __init__(self, count: int, folder: Path):
        self.launch = folder / "launch"
        me = os.getpid() % 10000
        self.bridge = f"mh{me}"
        self.names = [f"{PREFIX}-{me}-{i}" for i in range(count)]
        self.addresses = [f"10.213.17.{2 + i}" for i in range(count)]
        self.links = [f"mh{me}-{i}" for i in range(count)]

    def make(self, rate: str | None, delay: str | None) -> None:
        ip("link", "add", self.bridge, "type", "bridge")
        ip("addr", "add", "10.213.17.1/24", "dev", self.bridge)
        ip("link", "set", self.bridge, "up")
        for name, address, link in zip(self.names, self.addresses, self.links, strict=True):
            ip("netns", "add", name)
            ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", link, "master", self.bridge, "up")
            for command in ("link set lo up", f"addr add {address}/24 dev eth0", "link set eth0 up"):
                ip("-n", name, *command.split())
            for place in (["tc", "-n", name], "eth0"), (["tc"], link):
                shape(*place, rate, delay)

        cases = "\n".join(f"{a}) name={n} ;;" for a, n in zip(self.addresses, self.names, strict=True))
        self.launch.write_text(
            '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nhost=$1; shift\n'
            f'case $host in\n{cases}\nesac\nexec ip netns exec $name unshare --uts sh -c "hostname $name; $*"\n'
        )
        self.launch.chmod(0o700)

    def remove(self) -> None:
        for name in self.names:
            for pid in processes(name):
                os.kill(pid, signal.SIGKILL)
        for name, link in zip(self.names, self.links, strict=True):
            ip("netns", "del", name, check=False)
            ip("link", "del", link, check=False)
        ip("link", "del", self.bridge, check=False)

    def sent(self) -> list[int]:
        """Return how many bytes each host has sent."""
        return [int(Path(f"/sys/class/net/{link}/statistics/rx_bytes").read_text()) for link in self.links]


def ip(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if check and done.returncode:
        sys.exit(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def processes(name: str) -> list[int]:
    """Return the ids of the processes of a host."""
    return [int(line) for line in ip("netns", "pids", name, check=False).split()]


def shape(tc: list[str], link: str, rate: str | None, delay: str | None) -> None:
    """Limit what leaves a link."""
    qdiscs = []
    if delay:
        qdiscs.append(["netem", "delay", delay])
    if rate:
        qdiscs.append(["tbf", "rate", rate, "burst", "256kb", "latency", "100ms"])
    where = ["root", "handle", "1:"]
    for qdisc in qdiscs:
        done = subprocess.run([*tc, "qdisc", "add", "dev", link, *where, *qdisc], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"tc {' '.join(qdisc)}: {done.stderr.strip()} (does this kernel have sch_{qdisc[0]}?)")
        where = ["parent", "1:", "handle", "2:"]


@contextmanager
def separate_hosts(count: int = 2, rate: str | None = None, delay: str | None = None) -> Iterator[Hosts]:
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        hosts = Hosts(count, Path(folder))
        try:
            hosts.make(rate, delay)
            yield hosts
        finally:
            hosts.remove()


def start(hosts: Hosts | None, cwd: Path, arguments: list, **given) -> subprocess.Popen:
    """Start a script with one rank per host; without hosts, with two on this one."""
    mpiexec: list = [Path(sys.prefix) / "bin" / "mpiexec"]
    if hosts is None:
        mpiexec += ["-n", 2]
    else:
        mpiexec += ["-launcher", "ssh", "-launcher-exec", hosts.launch, "-hosts", ",".join(hosts.addresses)]
        mpiexec += ["-ppn", 1, "-iface", hosts.bridge, "-n", len(hosts.names)]
    command = [*mpiexec, sys.executable, "-m", "mpi4py", *arguments]
    # so that ranks talk over the link
    env = os.environ | {"UCX_TLS": "tcp,self", "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.Popen(list(map(str, command)), cwd=cwd, env=env, stdin=subprocess.DEVNULL, text=True, **given)


def train(hosts: Hosts | None, cwd: Path, *options) -> str:
    """Train to the end; return what was said."""
    job = start(hosts, cwd, [ROOT / "scripts" / "train_date.py", "--mpi", *options], stderr=subprocess.PIPE)
    said = job.communicate(timeout=300)[1]
    if job.returncode:
        sys.exit(f"failed with {job.returncode}: {said}")
    return said


def same(cwd: Path, one: str, two: str) -> None:
    from test_resume_scripts import state  # which needs pytest; --rate, --delay and a script do not

    equal = (cwd / one / "attention.npz").read_bytes() == (cwd / two / "attention.npz").read_bytes()
    if not equal or state(cwd / one / STATE) != state(cwd / two / STATE):
        sys.exit(f"{two} is not the same as {one}")


def iterations(path: Path) -> int:
    """Return how many iterations of its epoch a state has, 0 if there is none yet."""
    return len(checkpoint.load(path)[0]["epoch.losses"]) if path.is_file() else 0


def prove(hosts: Hosts, cwd: Path) -> None:
    (cwd / "dates.txt").write_text("".join(f"{line}\n" for line in dates.generate(2000, seed=1)), encoding="utf-8")
    options = OPTIONS.split()
    train(None, cwd, *options, "--out", "one")
    before = hosts.sent()
    train(hosts, cwd, *options, "--out", "two")
    sent = [after - first for after, first in zip(hosts.sent(), before, strict=True)]
    arrays, _ = checkpoint.load(cwd / "one" / "attention.npz")
    steps, size = 2 * (1800 // 100), sum(array.nbytes for array in arrays.values())
    print(f"{steps} steps, gradients of {size:,} bytes; sent by each host: {', '.join(f'{n:,}' for n in sent)} bytes")
    if min(sent) < steps * size:
        sys.exit("which is less than the gradients")
    same(cwd, "one", "two")
    print("two hosts: the same bits as two ranks on one")

    script = ROOT / "scripts" / "train_date.py"
    options += ["--out", "cut", "--mpi-timeout", str(TIMEOUT)]
    job = start(hosts, cwd, [script, "--mpi", *options], stderr=subprocess.PIPE)
    while iterations(cwd / "cut" / STATE) < 3 and job.poll() is None:
        time.sleep(0.02)
    ip("link", "set", hosts.links[1], "down")
    cut = time.monotonic()
    done: dict[str, float] = {}
    while len(done) < 3 and time.monotonic() - cut < 60:
        for name in hosts.names:
            if name not in done and not ranks_of(name):
                done[name] = time.monotonic() - cut
        if "mpiexec" not in done and job.poll() is not None:
            done["mpiexec"] = time.monotonic() - cut
        time.sleep(0.05)
    if len(done) < 3:
        job.kill()
    said = job.communicate()[1]
    print(
        f"cut in iteration {iterations(cwd / 'cut' / STATE) + 1}; then mpiexec said, with exit code {job.returncode}:"
    )
    print("".join(f"  {line}\n" for line in said.splitlines()), end="")
    print(f"ended, in seconds after the cut: {', '.join(f'{name} {after:.1f}' for name, after in done.items())}")
    left = [pid for name in hosts.names for pid in processes(name)]
    if len(done) < 3 or max(done.values()) > TIMEOUT + 10 or not job.returncode or left:
        sys.exit(
            f"expected the end within {TIMEOUT + 10} seconds, an exit code above 0 and no process left, got {left}"
        )
    ip("link", "set", hosts.links[1], "up")
    train(hosts, cwd, "--resume", "cut", "--quiet")
    same(cwd, "one", "cut")
    print("link up, --resume: the same bits as the run that was not cut")


def ranks_of(name: str) -> list[int]:
    """Return the ids of the processes of Python on a host."""
    found = []
    for pid in processes(name):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        found += [pid] if b"mpi4py" in command and b"python" in command[0] else []
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--hosts", type=int, default=2, help="how many, for a SCRIPT (default: %(default)s)")
    parser.add_argument("--rate", help="of each link, as tc says it, such as 100mbit")
    parser.add_argument("--delay", help="of each link in each direction, such as 1ms")
    parser.add_argument("script", nargs="*", metavar="SCRIPT", help="after --: what to run, with its options")
    args = parser.parse_args()
    if not sys.platform.startswith("linux") or os.geteuid() or not shutil.which("ip") or not shutil.which("unshare"):
        print("mpi_hosts.py: needs Linux, root, and the commands ip and unshare", file=sys.stderr)
        return 2
    with separate_hosts(args.hosts, args.rate, args.delay) as hosts:
        if args.script:
            return start(hosts, Path.cwd(), args.script).wait()
        with tempfile.TemporaryDirectory() as folder:
            prove(hosts, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
