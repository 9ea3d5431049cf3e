#!/usr/bin/env python3
"""What one change costs the configuration watcher in generated clusters on etcd.

For each cluster: an etcd on loopback is filled, `martlet` follows it in a network namespace of its own, Node resources
change one after the other, and processor time, time until the change is in force, octets written and memory are taken
from /proc. Needs root, iproute2 and etcd. Prints a table; --out appends one JSON object per run.
"""
import argparse, base64, json, os, shutil, signal, socket, subprocess, sys, tempfile, time, urllib.request

GROUP = "/calico/resources/v3/projectcalico.org"


def address(index):
    return f"10.{100 + index // 65000}.{index // 250 % 256}.{index % 250 + 1}"


def obj(kind, name, spec, labels=None):
    metadata = {"name": name}
    if labels:
        metadata["labels"] = labels
    return json.dumps({"kind": kind, "apiVersion": "projectcalico.org/v3", "metadata": metadata, "spec": spec})


def node(index, reflectors, halves, generation=0):
    """Node `index`; the first `reflectors` reflect, each for one of the halves of the cluster."""
    half = index % halves
    labels = {"half": f"h{half}", "rack": f"r{index % 40}", "generation": str(generation)}
    bgp = {"ipv4Address": f"{address(index)}/32"}
    if index < reflectors:
        labels["reflector"] = f"h{half}"
        bgp["routeReflectorClusterID"] = f"244.0.0.{half + 1}"
    return f"{GROUP}/nodes/node-{index}", obj("Node", f"node-{index}", {"bgp": bgp}, labels)


def cluster(count, mode):
    """Keys and values of a cluster of `count` nodes."""
    mesh = mode == "mesh"
    reflectors, halves = (0, 1) if mesh else (4, 2)
    yield f"{GROUP}/bgpconfigurations/default", obj(
        "BGPConfiguration", "default", {"asNumber": 64512, "nodeToNodeMeshEnabled": mesh}
    )
    yield f"{GROUP}/ippools/pool4", obj("IPPool", "pool4", {"cidr": "10.0.0.0/10"})
    if not mesh:
        for half in range(halves):
            yield f"{GROUP}/bgppeers/clients-h{half}", obj(
                "BGPPeer",
                f"clients-h{half}",
                {"nodeSelector": f"half == 'h{half}' && !has(reflector)", "peerSelector": f"reflector == 'h{half}'"},
            )
        yield f"{GROUP}/bgppeers/reflectors", obj(
            "BGPPeer", "reflectors", {"nodeSelector": "has(reflector)", "peerSelector": "has(reflector)"}
        )
    own = 0 if mode != "ordinary" else 10
    spec = {"node": f"node-{own}", "peerIP": "198.51.100.1", "asNumber": 65001,
            "password": {"secretKeyRef": {"name": "bgp", "key": "k"}}}
    yield f"{GROUP}/bgppeers/top", obj("BGPPeer", "top", spec)
    for index in range(count):
        yield node(index, reflectors, halves)
        block = f"10.{index // 1024}.{index // 4 % 256}.{index % 4 * 64}-26"
        yield f"/calico/ipam/v2/host/node-{index}/ipv4/block/{block}", '{"state":"confirmed","deleted":false}'


class Etcd:
    def __init__(self, folder):
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            two.bind(("127.0.0.1", 0))
            port, peer = one.getsockname()[1], two.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        peers = f"http://127.0.0.1:{peer}"
        self.process = subprocess.Popen(
            ["etcd", "--data-dir", f"{folder}/etcd", "--listen-client-urls", self.url, "--advertise-client-urls",
             self.url, "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
             "--initial-cluster", f"default={peers}", "--log-level", "error"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self.ask("/v3/kv/range", {"key": self.text("/")})
                return
            except OSError:
                time.sleep(0.05)
        raise SystemExit("etcd does not answer")

    @staticmethod
    def text(value):
        return base64.b64encode(value.encode()).decode()

    def ask(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def put(self, pairs):
        pairs = list(pairs)
        for start in range(0, len(pairs), 100):
            puts = [{"request_put": {"key": self.text(k), "value": self.text(v)}} for k, v in pairs[start:start + 100]]
            self.ask("/v3/kv/txn", {"success": puts})

    def stop(self):
        self.process.kill()
        self.process.wait()


class Usage:
    """What a process has used so far: nanoseconds on processors, octets written, peak memory."""

    def __init__(self, pid):
        self.cpu = 0
        for task in os.listdir(f"/proc/{pid}/task"):
            try:
                with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                    self.cpu += int(file.read().split()[0])
            except OSError:
                pass
        with open(f"/proc/{pid}/io") as file:
            self.written = int(dict(line.split(": ") for line in file)["write_bytes"])
        with open(f"/proc/{pid}/status") as file:
            fields = dict(line.split(":", 1) for line in file)
            self.resident = int(fields["VmRSS"].split()[0]) / 1024
            self.peak = int(fields["VmHWM"].split()[0]) / 1024


def until(what, condition, patience=60):
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"timed out: {what}")
        time.sleep(0.001)


def configuration(folder):
    """Name, identity and size of every rendered file."""
    found = {}
    for directory, folders, names in os.walk(folder):
        # Links of the stage are no files that anyone reads.
        if ".stage" in folders:
            folders.remove(".stage")
        for name in names:
            try:
                status = os.stat(f"{directory}/{name}")
                found[f"{directory}/{name}"] = (status.st_ino, status.st_mtime_ns)
            except OSError:
                pass
    return found


def measure(arguments, count, mode, role):
    folder = tempfile.mkdtemp(prefix="martlet-scale-")
    mesh, on_reflector = mode == "mesh", mode == "reflector"
    own = 0 if on_reflector or mesh else 10
    reflectors, halves = (0, 1) if mesh else (4, 2)
    etcd = process = None
    try:
        etcd = Etcd(folder)
        etcd.put(cluster(count, mode))
        output = f"{folder}/config"
        command = [arguments.martlet, role, "--node-name", f"node-{own}", "--config-directory", output,
                   "--templates", f"{folder}/templates", "--control-socket", f"{folder}/s.sock",
                   "--etcd-endpoints", etcd.url, "--log-level", "info"]
        if role == "confd":
            command.append("--sync-only")
        log = open(f"{folder}/log", "w+")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("ETCD_", "CALICO_", "DATASTORE_"))}
        start = time.monotonic()
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)

        def rendered():
            if process.poll() is not None:
                raise SystemExit(open(f"{folder}/log").read())
            with open(f"{folder}/log") as file:
                return file.read().count("configuration rendered")

        until("the first rendering", lambda: rendered() >= 1, 300)
        start_up = time.monotonic() - start
        first = Usage(process.pid)
        time.sleep(2)
        idle_from = Usage(process.pid)
        time.sleep(2)
        idle = (Usage(process.pid).cpu - idle_from.cpu) / 2

        def changed_node(index, generation, moves):
            """A node changed: its address where `moves`, else a label that no one asks about."""
            key, value = node(index, reflectors, halves, generation)
            if moves:
                decoded = json.loads(value)
                decoded["spec"]["bgp"]["ipv4Address"] = f"10.200.{generation}.{index % 250 + 1}/32"
                value = json.dumps(decoded)
            return key, value

        def policy(generation):
            """The default configuration with another community on the pool."""
            communities = [{"cidr": "10.0.0.0/10", "communities": [f"64512:{generation}"]}]
            spec = {"asNumber": 64512, "nodeToNodeMeshEnabled": mesh, "prefixAdvertisements": communities}
            return f"{GROUP}/bgpconfigurations/default", obj("BGPConfiguration", "default", spec)

        def other_peer(generation):
            """A BGPPeer of another node."""
            spec = {"node": f"node-{count - 1}", "peerIP": f"192.0.2.{generation}", "asNumber": 65010}
            return f"{GROUP}/bgppeers/other", obj("BGPPeer", "other", spec)

        def password(generation):
            """The Secret of a session of this node."""
            text = base64.b64encode(f"word {generation}".encode()).decode()
            value = {"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "bgp", "namespace": "kube-system"},
                     "data": {"k": text}}
            return "/calico/resources/v3/martlet/secrets/kube-system/bgp", json.dumps(value)

        def change(pair, moves):
            """One object changes; where `moves`, a file has to follow."""
            key, value = pair
            before, files, cycles = Usage(process.pid), configuration(output), rendered()
            begin = time.monotonic()
            etcd.put([(key, value)])
            seconds = None
            if moves:
                until("the change", lambda: rendered() > cycles)
                seconds = time.monotonic() - begin
            time.sleep(max(0, 0.6 - (time.monotonic() - begin)))
            elapsed = time.monotonic() - begin
            after = Usage(process.pid)
            touched = sum(1 for path, state in configuration(output).items() if files.get(path) != state)
            return after.cpu - before.cpu - idle * elapsed, seconds, after.written - before.written, touched

        # A peer of this node moves, or a node that is none.
        peer = own + 4 if mesh else (4 if on_reflector else 0)
        stranger = 1 if not mesh and not on_reflector else None
        results = {"nodes": count, "mode": mode, "role": role, "start_seconds": round(start_up, 2),
                   "start_cpu_seconds": round(first.cpu / 1e9, 2), "idle_ms_per_second": round(idle / 1e6, 2),
                   "files": len(configuration(output))}
        for name, pair, moves in [
            ("peer_moves", lambda g: changed_node(peer, g, True), True),
            ("label", lambda g: changed_node(count - 1, g, False), False),
            ("own_label", lambda g: changed_node(own, g, False), False),
            ("policy", policy, True), ("other_peer", other_peer, False), ("password", password, True),
        ]:
            rounds = [change(pair(generation + 1), moves) for generation in range(arguments.rounds)]
            cpu = sorted(r[0] for r in rounds)
            results[f"{name}_cpu_ms"] = round(cpu[len(cpu) // 2] / 1e6, 1)
            if moves:
                seconds = sorted(r[1] for r in rounds)
                results[f"{name}_seconds"] = round(seconds[len(seconds) // 2], 3)
            results[f"{name}_octets"] = sorted(r[2] for r in rounds)[len(rounds) // 2]
            results[f"{name}_files"] = max(r[3] for r in rounds)
        last = Usage(process.pid)
        results["resident_mib"], results["peak_mib"] = round(last.resident, 1), round(last.peak, 1)
        return results
    finally:
        if process and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if etcd:
            etcd.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--martlet", default=os.path.join(here, "../../.build/release/martlet"))
    parser.add_argument("--sizes", default="100,1000,5000")
    parser.add_argument("--modes", default="ordinary,reflector,mesh")
    parser.add_argument("--roles", default="confd", help="confd (rendering alone) or node (with the speaker's reload)")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.inside:
        # A namespace that goes with its last process: the node role programs routes and listens.
        command = ["unshare", "--net", sys.executable, __file__, "--inside"] + sys.argv[1:]
        sys.exit(subprocess.call(command))
    subprocess.check_call(["ip", "link", "set", "lo", "up"])
    for size in arguments.sizes.split(","):
        for mode in arguments.modes.split(","):
            if mode == "mesh" and int(size) > 1000:
                continue
            for role in arguments.roles.split(","):
                result = measure(arguments, int(size), mode, role)
                print(json.dumps(result), flush=True)
                if arguments.out:
                    with open(arguments.out, "a") as file:
                        file.write(json.dumps(result) + "\n")


main()
