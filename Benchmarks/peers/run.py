#!/usr/bin/env python3
"""Benchmark driver: runs BGP daemons (DUTs) against bgpload in two private
network namespaces joined by a veth pair.  Needs root, python3 >= 3.9, iproute2,
a C compiler.  See README.md.

  run.py --duts bird2,frr --scenarios S1,S3 --runs 3 --out results.jsonl
  run.py --disturb peer,control,kernel --scenarios S1 --duts martlet --runs 7
  run.py --report results.jsonl
"""
import argparse, json, os, shutil, signal, statistics, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))
DUT_IP, DUT_AS = "10.0.0.1", 65000
SENDER_AS, RECEIVER_AS = 100000, 200000          # keep in step with bgpload.c


def peer_ip(role, i):
    return f"10.0.{(1 if role == 'sender' else 101) + i // 250}.{1 + i % 250}"


# --------------------------------------------------------------------------
# Scenarios.  'args' are bgpload's options; 'export_senders' says whether the
# DUT is configured to announce anything to the sending peers.
# --------------------------------------------------------------------------
SCENARIOS = {
    "S1":  dict(senders=1, receivers=1, prefixes=1_000_000, attrs=150_000, late=1,
                phases="load,late,withdraw,announce,flap"),      # S6 = its "late" phase
    "S2":  dict(senders=10, receivers=1, prefixes=100_000, attrs=20_000, overlap=1,
                phases="load,withdraw,announce,flap"),
    "S2b": dict(senders=20, receivers=1, prefixes=200_000, attrs=40_000, overlap=1,
                phases="load,withdraw,announce,flap"),
    "S3":  dict(senders=1, receivers=100, prefixes=100_000, attrs=15_000, ibgp=1, late=1,
                phases="load,late,withdraw,announce,flap"),
    "S4":  dict(senders=500, receivers=0, prefixes=20, attrs=1, group=20, ibgp=1, both=1, plen=26,
                empty_path=1, late=1, phases="load,late,node,withdraw,announce,flap"),
    "S5":  dict(senders=1, receivers=1, prefixes=500_000, attrs=0, group=1,
                phases="load"),
    # 1,000 clients of one reflector with 200,000 routes, of which 1 % change every second for five minutes
    "scale": dict(senders=1000, receivers=0, prefixes=200, attrs=10, group=20, ibgp=1, both=1, plen=26,
                  empty_path=1, churn=300, phases="load,churn"),
}
# reduced sizes for smoke tests / development of a new DUT: same shapes, 1/20
for _n, _s in list(SCENARIOS.items()):
    q = dict(_s)
    if _n == "S4":
        q["senders"] = 25
    elif _n == "scale":
        q["senders"], q["churn"] = 50, 15
    else:
        q["prefixes"] //= 20
        q["attrs"] //= 20
        if _n == "S3":
            q["receivers"] = 10
    SCENARIOS["q" + _n] = q


def receivers(sc):
    return sc["receivers"] + sc.get("late", 0) + sc.get("stall", 0)


def topology(sc):
    """list of peers: dict(name, ip, as, role, export, rr)"""
    ibgp = sc.get("ibgp", 0)
    out = []
    for i in range(sc["senders"]):
        out.append(dict(name=f"s{i}", ip=peer_ip("sender", i), asn=DUT_AS if ibgp else SENDER_AS + i, role="sender",
                        export=bool(sc.get("both") or ibgp), rr=bool(ibgp)))
    for i in range(receivers(sc)):
        out.append(dict(name=f"r{i}", ip=peer_ip("receiver", i), asn=DUT_AS if ibgp else RECEIVER_AS + i, role="receiver",
                        export=True, rr=bool(ibgp)))
    return out


# --------------------------------------------------------------------------
# Daemons under test.  A DUT is a class with: name, version(), setup(dir, peers)
# that writes the configuration and returns the argv to run inside the DUT's
# namespace.  The process must stay in the foreground, listen on DUT_IP:179,
# be passive, install nothing in the kernel, and use zero MRAI.
# --------------------------------------------------------------------------
def first_line(argv):
    try:
        r = subprocess.run(argv, capture_output=True, text=True, timeout=10)
        return (r.stdout + r.stderr).strip().splitlines()[0]
    except Exception as e:
        return f"? ({e})"


class Dut:
    name = "?"
    env = {}
    phases = None            # override of the scenario's phases
    skip = ()                # scenarios that make no sense for this DUT
    disturbances = ("peer",) # what it can be disturbed by
    peer_threads = ("",)     # names of the threads that serve peers begin with one of these
    def control(self, d): return None            # socket and text of a query for the whole table
    def export_to_kernel(self, d): pass          # adds to the configuration that every route goes into a kernel table
    def version(self): return "?"
    def available(self): return True
    def setup(self, d, peers): raise NotImplementedError


class Relay(Dut):
    """null DUT: TCP fan-out without a RIB; the load tool's own ceiling"""
    name = "relay"
    phases, skip = "load,late,node", ("S2", "S2b", "qS2", "qS2b")
    def version(self): return "bgpload --relay"
    def setup(self, d, peers):
        both = ["--both"] if any(p["export"] and p["role"] == "sender" for p in peers) and len(peers) > 200 else []
        return [os.environ["BGPLOAD"], "--relay", "--dut", DUT_IP, "--net", "10.0.0.0", "--dut-as", str(DUT_AS), *both]


class Bird(Dut):
    threads = 0
    v1 = False
    def __init__(self, name, binary, threads=0, v1=False):
        self.name, self.binary, self.threads, self.v1 = name, binary, threads, v1
    def available(self): return bool(self.binary and (shutil.which(self.binary) or os.path.exists(self.binary)))
    def version(self): return first_line([self.binary, "--version"]) + (f", threads {self.threads}" if self.threads else "")
    def setup(self, d, peers):
        ibgp = any(p["rr"] for p in peers)
        c = [f"router id {DUT_IP};", f'log "{d}/bird.log" {{ warning, error, fatal, bug }};']
        if self.threads: c.append(f"threads {self.threads};")
        c.append("protocol device { }")
        if ibgp:            # next hops resolve through the connected /16, as in Calico's config
            c.append("protocol direct { }" if self.v1 else "protocol direct { ipv4; }")
        for p in peers:
            exp = "none" if not p["export"] else "where source = RTS_BGP" if ibgp else "all"
            common = f"local {DUT_IP} as {DUT_AS}; neighbor {p['ip']} as {p['asn']}; passive on; error wait time 1, 2; error forget time 1; hold time 180; " + ("rr client; " if p["rr"] else "")
            ch = f"import all; export {exp};"
            c.append(f"protocol bgp {p['name']} {{ {common}{ch if self.v1 else 'ipv4 { ' + ch + ' };'} }}")
        open(f"{d}/bird.conf", "w").write("\n".join(c) + "\n")
        return [self.binary, "-f", "-c", f"{d}/bird.conf", "-s", f"{d}/bird.ctl", "-P", f"{d}/bird.pid"]
    @property
    def disturbances(self): return ("peer", "control") if self.v1 else ("peer", "control", "kernel")
    def control(self, d): return f"{d}/bird.ctl", "show route all\n"
    def export_to_kernel(self, d):
        open(f"{d}/bird.conf", "a").write("protocol kernel kernel100 { kernel table 100; ipv4 { import none; export all; }; }\n")


class Martlet(Bird):
    """reads BIRD 2's language; MARTLET names the binary"""
    built = os.path.join(HERE, "../../.build/release/martlet")
    def __init__(self): super().__init__("martlet", os.environ.get("MARTLET", self.built))
    def setup(self, d, peers):
        super().setup(d, peers)
        return [self.binary, "speaker", "--config", f"{d}/bird.conf", "--control-socket", f"{d}/martlet.sock"]
    peer_threads = ("NIO-ELT",)                  # the core's loop and those of the sessions
    def control(self, d): return f"{d}/martlet.sock", "GET /v1/routes HTTP/1.1\r\nHost: martlet\r\n\r\n"


class Frr(Dut):
    name = "frr"
    def __init__(self, name="frr", extra=()): self.name, self.extra = name, list(extra)
    binary = os.environ.get("FRR_BGPD", "/usr/lib/frr/bgpd")
    def available(self): return os.path.exists(self.binary)
    def version(self): return first_line([self.binary, "--version"])
    def setup(self, d, peers):
        c = ["frr defaults traditional", f"log file {d}/frr.log emergencies", f"router bgp {DUT_AS}", f" bgp router-id {DUT_IP}",
             *self.extra, " no bgp ebgp-requires-policy", " no bgp network import-check", " no bgp default ipv4-unicast"]
        for g in ("SND", "RCV"):
            c += [f" neighbor {g} peer-group", f" neighbor {g} passive", f" neighbor {g} advertisement-interval 0",
                  f" neighbor {g} timers 60 180"]
        for p in peers:
            c += [f" neighbor {p['ip']} remote-as {p['asn']}", f" neighbor {p['ip']} peer-group {'SND' if p['role'] == 'sender' else 'RCV'}"]
        c.append(" address-family ipv4 unicast")
        for g, role in (("SND", "sender"), ("RCV", "receiver")):
            ps = [p for p in peers if p["role"] == role]
            if not ps: continue
            c.append(f"  neighbor {g} activate")
            if ps[0]["rr"]: c.append(f"  neighbor {g} route-reflector-client")
            if not ps[0]["export"]: c.append(f"  neighbor {g} route-map NONE out")
        c += [" exit-address-family", "exit", "route-map NONE deny 10", "exit"]
        open(f"{d}/bgpd.conf", "w").write("\n".join(c) + "\n")
        # no zebra at all: every next hop counts as reachable, nothing goes to a FIB.  Without zebra bgpd
        # logs one error per path ("zclient_send_message() failed"): hence the log level above.
        return [self.binary, "-Z", "-n", "-S", "-f", f"{d}/bgpd.conf", "-i", f"{d}/bgpd.pid", "-l", DUT_IP, "-P", "0",
                "--vty_socket", d]


class Gobgp(Dut):
    name = "gobgp"
    binary = os.environ.get("GOBGPD", "gobgpd")
    def available(self): return bool(shutil.which(self.binary))
    def version(self): return first_line([self.binary, "--version"])
    def setup(self, d, peers):
        c = ["[global.config]", f"as = {DUT_AS}", f'router-id = "{DUT_IP}"', "port = 179", f'local-address-list = ["{DUT_IP}"]']
        mute = [p for p in peers if not p["export"]]
        if mute:
            c += ["[global.apply-policy.config]", 'export-policy-list = ["mute"]', 'default-export-policy = "accept-route"',
                  "[[defined-sets.neighbor-sets]]", 'neighbor-set-name = "snd"',
                  "neighbor-info-list = [" + ", ".join(f'"{p["ip"]}"' for p in mute) + "]",
                  "[[policy-definitions]]", 'name = "mute"', "[[policy-definitions.statements]]", 'name = "m1"',
                  "[policy-definitions.statements.conditions.match-neighbor-set]", 'neighbor-set = "snd"', 'match-set-options = "any"',
                  "[policy-definitions.statements.actions]", 'route-disposition = "reject-route"']
        for p in peers:
            c += ["[[neighbors]]", "[neighbors.config]", f'neighbor-address = "{p["ip"]}"', f"peer-as = {p['asn']}",
                  "[neighbors.transport.config]", "passive-mode = true",
                  "[neighbors.timers.config]", "hold-time = 180", "keepalive-interval = 60", "idle-hold-time-after-reset = 1"]
            if p["rr"]:
                c += ["[neighbors.route-reflector.config]", "route-reflector-client = true", f'route-reflector-cluster-id = "{DUT_IP}"']
        open(f"{d}/gobgp.toml", "w").write("\n".join(c) + "\n")
        return [self.binary, "-f", f"{d}/gobgp.toml", "--api-hosts", "127.0.0.1:50051", "--log-level", "error"]


class Openbgpd(Dut):
    name = "openbgpd"
    binary = os.environ.get("OPENBGPD", "/usr/sbin/bgpd")
    def available(self): return os.path.exists(self.binary)
    def version(self):
        r = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "openbgpd"], capture_output=True, text=True)
        return "openbgpd " + (r.stdout.strip() or "?")
    def setup(self, d, peers):
        c = [f"AS {DUT_AS}", f"router-id {DUT_IP}", "fib-update no", f"listen on {DUT_IP}", f'socket "{d}/bgpd.sock"']
        for p in peers:
            c.append(f"neighbor {p['ip']} {{\n remote-as {p['asn']}\n passive\n holdtime 180\n"
                     + (" route-reflector\n" if p["rr"] else "") + ("" if p["export"] else " export none\n") + "}")
        c += ["allow from any", "allow to any"]
        open(f"{d}/bgpd.conf", "w").write("\n".join(c) + "\n")
        os.chmod(f"{d}/bgpd.conf", 0o600)
        os.makedirs("/run/openbgpd", exist_ok=True)          # its privilege-separation chroot
        return [self.binary, "-d", "-f", f"{d}/bgpd.conf"]


E = os.environ.get
DUTS = {d.name: d for d in [
    Relay(),
    Bird("bird2", E("BIRD2", "bird")),                      # Debian 12's 2.0.12
    Bird("bird2new", E("BIRD2NEW", "")),                    # newest 2.x built from source
    Bird("bird3", E("BIRD3", ""), threads=2),
    Bird("bird3t1", E("BIRD3", ""), threads=1),
    Bird("bird1", E("BIRD1", ""), v1=True),                 # Debian 12's 1.6.8
    Bird("birdcalico", E("BIRDCALICO", ""), v1=True),       # Calico's fork
    Frr(), Frr("frrc0", [" coalesce-time 0"]),              # initial-feed coalescing: default 1000 ms / off
    Gobgp(), Openbgpd(), Martlet(),
]}
# A new DUT: add a class above (setup() writes the config and returns argv) and
# one entry here; or load it from a file given with --plugin (a python file
# that does DUTS["name"] = ...).


# --------------------------------------------------------------------------
def sh(*a, **k): return subprocess.run(a, check=True, **k)


class Net:
    def __init__(self, sc):
        self.d, self.t = f"bl{os.getpid()}d", f"bl{os.getpid()}t"
        sh("ip", "netns", "add", self.d)
        sh("ip", "netns", "add", self.t)
        sh("ip", "-n", self.d, "link", "add", "v0", "type", "veth", "peer", "name", "v1", "netns", self.t)
        n, (ns, dev) = self.d, ("v0", "lo")
        sh("ip", "-n", self.d, "addr", "add", f"{DUT_IP}/16", "dev", "v0")
        b = [f"addr add {peer_ip('sender', i)}/16 dev v1" for i in range(sc["senders"])]
        b += [f"addr add {peer_ip('receiver', i)}/16 dev v1" for i in range(receivers(sc))]
        sh("ip", "-n", self.t, "-batch", "-", input="\n".join(b) + "\n", text=True)
        for ns in (self.d, self.t):
            for dev in ("lo", "v0" if ns == self.d else "v1"):
                sh("ip", "-n", ns, "link", "set", dev, "up")
    def close(self):
        for n in (self.d, self.t):
            subprocess.run(["ip", "netns", "del", n])


def tree(pid):
    out, todo = [], [pid]
    while todo:
        p = todo.pop()
        out.append(p)
        try:
            for t in os.listdir(f"/proc/{p}/task"):
                todo += [int(x) for x in open(f"/proc/{p}/task/{t}/children").read().split()]
        except OSError:
            pass
    return out


def rss(pids):
    n = 0
    for p in pids:
        try:
            n += next((int(l.split()[1]) for l in open(f"/proc/{p}/status") if l.startswith("VmRSS")), 0)
        except OSError:
            pass
    return n


def busy():
    f = [int(x) for x in open("/proc/stat").readline().split()[1:]]
    tick = os.sysconf("SC_CLK_TCK")
    return (f[0] + f[1] + f[2] + f[5] + f[6]) / tick, f[7] / tick     # busy, steal


def cpu_of(pids):
    t = 0
    for p in pids:
        try:
            f = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()
            t += int(f[11]) + int(f[12])
        except OSError:
            pass
    return t / os.sysconf("SC_CLK_TCK")


def io_of(pids):
    r = w = 0
    for p in pids:
        try:
            d = dict(l.split(": ") for l in open(f"/proc/{p}/io").read().splitlines())
            r += int(d["syscr"]); w += int(d["syscw"])
        except (OSError, ValueError, KeyError):
            pass
    return r, w


def wait_idle(limit):
    """the kernel frees the routes of a namespace after it is gone"""
    end = time.time() + limit
    while time.time() < end:
        a = busy()[0]
        time.sleep(0.5)
        if busy()[0] - a < 0.15: return


def run_one(dut, scname, sc, args, disturb=None):
    peers = topology(sc)
    d = tempfile.mkdtemp(prefix="bgpbench.")
    os.chmod(d, 0o755)
    net = Net(sc)
    log = open(f"{d}/dut.out", "w")
    proc = perf = None
    rec = dict(dut=dut.name, scenario=scname, version=dut.version(), when=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    try:
        argv = dut.setup(d, peers)
        if disturb == "kernel": dut.export_to_kernel(d)
        b0, st0 = busy()
        proc = subprocess.Popen(["ip", "netns", "exec", net.d] + argv, stdout=log, stderr=log, cwd=d, env={**os.environ, **dut.env})
        t0 = time.time()
        while True:                                  # ready = something listens on port 179
            time.sleep(0.1)
            if proc.poll() is not None:
                raise RuntimeError(f"DUT exited {proc.returncode}: " + open(f"{d}/dut.out").read()[-600:])
            r = subprocess.run(["ip", "netns", "exec", net.d, "ss", "-Hltn", "sport = :179"], capture_output=True, text=True)
            if r.stdout.strip(): break
            if time.time() - t0 > 60: raise RuntimeError("DUT does not listen")
        time.sleep(1.0)
        pids = tree(proc.pid)
        rec["idle_rss_kb"] = rss(pids)
        rec["ready_s"] = round(time.time() - t0 - 1.0, 2)
        cmd = ["ip", "netns", "exec", net.t, os.environ["BGPLOAD"], "--dut", DUT_IP, "--net", "10.0.0.0", "--dut-as", str(DUT_AS),
               "--timeout", str(args.timeout), "--pids", ",".join(map(str, pids))]
        for k, v in sc.items():
            if k in ("overlap", "ibgp", "both", "empty_path"):
                if v: cmd.append("--" + k.replace("_", "-"))
            elif k == "stall":                       # configured in every run, connected in the disturbed ones
                if disturb == "peer": cmd += ["--stall", str(v)]
            else:
                cmd += ["--" + k, str(v)]
        if dut.phases: cmd[cmd.index("--phases") + 1] = ",".join(p for p in sc["phases"].split(",") if p in dut.phases)
        if args.phases: cmd[cmd.index("--phases") + 1] = args.phases
        if disturb == "control":
            path, request = dut.control(d)
            cmd += ["--control", path, "--request", request]
        if args.perf:
            perf = subprocess.Popen(["perf", "record", "-q", "-F", "299", "-g", "-p", ",".join(map(str, pids)), "-o", f"{d}/perf.data"],
                                    stderr=subprocess.DEVNULL)
            time.sleep(0.5)
        if args.strace:
            perf = subprocess.Popen(["strace", "-f", "-c", "-U", "calls,name", "-p", ",".join(map(str, pids)), "-o", f"{d}/strace"],
                                    stderr=subprocess.DEVNULL)
            time.sleep(1.0)
        nph = sc["phases"].count(",") + 3
        r = subprocess.run(cmd, capture_output=True, text=True, timeout=args.timeout * nph + 240)
        rec["stderr"] = r.stderr[-500:]
        try:
            rec["result"] = json.loads(r.stdout)
        except ValueError:
            rec["raw"] = r.stdout[-2000:]
        b1, st1 = busy()
        rec["syscr"], rec["syscw"] = io_of(pids)      # read/write system calls (BIRD uses these; send/recv are not counted)
        tool = sum(p.get("tool_cpu", 0) for p in rec.get("result", {}).get("phases", []))
        rec["other_cpu_s"] = round(b1 - b0 - cpu_of(pids) - tool, 1)
        rec["steal_s"] = round(st1 - st0, 1)
        if perf and args.strace:
            perf.send_signal(signal.SIGINT); perf.wait()
            calls = sorted(((int(n), name) for n, name in (l.split() for l in open(f"{d}/strace")
                                                          if l.split()[:1] and l.split()[0].isdigit()) if name != "total"), reverse=True)
            routes = sc["senders"] * sc["prefixes"]
            rec["calls"] = dict((name, n) for n, name in calls)
            print(f"==== system calls of {dut.name} in {scname}: {sum(n for n, _ in calls)} for {routes} routes: "
                  + ", ".join(f"{name} {n}" for n, name in calls[:12]), flush=True)
        elif perf:
            perf.send_signal(signal.SIGINT); perf.wait()
            o = subprocess.run(["perf", "report", "-i", f"{d}/perf.data", "--no-children", "-g", "none", "--percent-limit", "0.8", "--stdio", "--sort", "symbol"],
                               capture_output=True, text=True).stdout
            print(f"==== perf {dut.name} {scname}\n" + "\n".join(l for l in o.splitlines() if l.strip() and not l.startswith("#")), flush=True)
    except Exception as e:
        rec["error"] = f"{type(e).__name__}: {e}"[:800]
    finally:
        if proc:
            ps = tree(proc.pid)
            proc.terminate()
            try:
                proc.wait(10)
            except subprocess.TimeoutExpired:
                proc.kill(); proc.wait()
            time.sleep(0.2)
            for p in ps[1:]:
                try: os.kill(p, signal.SIGKILL)
                except OSError: pass
        log.close()
        net.close()
        if disturb == "kernel": wait_idle(30)
        if args.keep: print("kept", d)
        else: shutil.rmtree(d, ignore_errors=True)
    return rec


def brief(rec):
    if "error" in rec: return rec["error"]
    if "result" not in rec: return "no result: " + rec.get("stderr", "") + rec.get("raw", "")[-300:]
    s = []
    for p in rec["result"]["phases"]:
        if p["phase"] == "sessions":
            s.append(f"sessions {p['up']} {p['wall']:.1f}s"); continue
        if p["phase"] == "node":
            s.append(f"node {p['wall'] * 1000:.2f} ms, first {p['first'] * 1000:.2f} ms, p90 {p['p90'] * 1000:.2f} ms cpu {p['cpu']:.2f}"); continue
        if p["phase"] == "churn":
            half = p["cpu_first_half"]
            s.append(f"churn {'' if p['ok'] else 'DNF '}{p['changes']} changes in {p['seconds']:.0f}s, p50 {p['wall'] * 1000:.1f} ms, p99 {p['p99'] * 1000:.1f} ms, "
                     f"max {p['max'] * 1000:.1f} ms, behind {p['behind']}, cpu {half:.2f} + {p['cpu'] - half:.2f} tool {p['tool_cpu']:.2f}, "
                     f"rss {p['rss_begin_kb'] // 1024} {p['rss_half_kb'] // 1024} {p['rss_kb'] // 1024}M")
            continue
        s.append(f"{p['phase']} {'' if p['ok'] else 'DNF '}{p['wall']:.2f}s cpu {p['cpu']:.2f} tool {p['tool_cpu']:.2f} rss {p['rss_kb'] // 1024}M" + ("" if p["ok"] else f" missing {p['missing']}"))
    r = rec["result"]
    if r["errors"] or r["bad_nlri"]: s.append(f"errors {r['errors']} bad {r['bad_nlri']} {r['first_error']}")
    return " | ".join(s) + f" | other {rec.get('other_cpu_s')} steal {rec.get('steal_s')}"


# --------------------------------------------------------------------------
def med(v, f="{:.2f}"):
    if not v: return "-"
    m = f.format(statistics.median(v))
    return m if len(v) == 1 else f"{m} [{f.format(min(v))}–{f.format(max(v))}]"


def report(path, out=sys.stdout, max_other=12):
    recs = [json.loads(l) for l in open(path) if l.strip()]
    # drop runs disturbed by other work on the host, unless nothing else is left
    quiet = [r for r in recs if r.get("other_cpu_s", 0) <= max_other]
    have = {(r["dut"], r["scenario"]) for r in quiet}
    recs = [r for r in recs if r in quiet or (r["dut"], r["scenario"]) not in have]
    scs = sorted({r["scenario"] for r in recs})
    order = [d for d in DUTS if any(r["dut"] == d for r in recs)]
    order += sorted({r["dut"] for r in recs} - set(order))
    base = "bird2"
    cols = [("S1", "load"), ("S1", "late"), ("S1", "withdraw"), ("S2", "load"), ("S2b", "load"), ("S2b", "withdraw"), ("S3", "load"), ("S3", "late"),
            ("S3", "withdraw"), ("S4", "load"), ("S4", "late"), ("S4", "node"), ("S5", "load")]
    cols = [c for c in cols if c[0] in scs]
    print("#### Summary: median wall s / DUT CPU s (DNF: did not finish)\n\n| DUT | " + " | ".join(" ".join(c) for c in cols) + " |\n|---" * 1 + "|---" * len(cols) + "|", file=out)
    for d in order:
        row = []
        for sc, ph in cols:
            ps = [p for r in recs if r["dut"] == d and r["scenario"] == sc for p in r.get("result", {}).get("phases", []) if p["phase"] == ph]
            ok = [p for p in ps if p["ok"]]
            row.append(f"{statistics.median([p['wall'] for p in ok]):.{4 if ph == 'node' else 2}f} / {statistics.median([p['cpu'] for p in ok]):.2f}" if ok else "DNF" if ps else "")
        print(f"| {d} | " + " | ".join(row) + " |", file=out)
    for sc in scs:
        phases = []
        for r in recs:
            if r["scenario"] == sc:
                for p in r.get("result", {}).get("phases", []):
                    if p["phase"] not in phases: phases.append(p["phase"])
        for ph in phases:
            if ph == "sessions": continue
            rows, b = [], None
            for d in order:
                rs = [r for r in recs if r["dut"] == d and r["scenario"] == sc]
                # only runs that reached this phase (a run may have had a shorter phase list), or that failed outright
                rs = [r for r in rs if "result" not in r or any(p["phase"] == ph for p in r["result"]["phases"])]
                if not rs: continue
                ps = [p for r in rs for p in r.get("result", {}).get("phases", []) if p["phase"] == ph]
                ok = [p for p in ps if p["ok"]]
                if not ok:
                    why = next((r.get("error") or r.get("result", {}).get("first_error") for r in rs if r.get("error") or r.get("result", {}).get("first_error")), "")
                    m = min((p["missing"] for p in ps), default=None)
                    rows.append([d, f"{len(rs)}", "did not finish" + (f" ({m} missing)" if m is not None else ""), "", "", "", "", "", why[:60]]); continue
                wall = statistics.median([p["wall"] for p in ok]); cpu = statistics.median([p["cpu"] for p in ok])
                if d == base: b = (wall, cpu)
                notes = [] if len(ok) == len(rs) else [f"{len(rs) - len(ok)} of {len(rs)} did not finish"]
                n = statistics.median([p["announced"] + p["withdrawn"] for p in ok])
                rows.append([d, f"{len(ok)}", med([p["wall"] for p in ok], "{:.4f}" if ph == "node" else "{:.2f}"), med([p["cpu"] for p in ok]), (wall, cpu),
                             f"{n / wall:,.0f}" if wall else "-", med([p["updates"] for p in ok], "{:,.0f}"),
                             med([p["rss_kb"] / 1024 for p in ok], "{:.0f}"), med([p["hwm_kb"] / 1024 for p in ok], "{:.0f}"), "; ".join(notes)])
            print(f"\n#### {sc} / {ph}\n\n| DUT | runs | wall s | DUT CPU s | wall ×bird2 | CPU ×bird2 | prefixes/s out | UPDATEs out | RSS MiB | peak MiB | notes |\n|---|---|---|---|---|---|---|---|---|---|---|", file=out)
            for r in rows:
                if len(r) == 9:
                    print(f"| {r[0]} | {r[1]} | {r[2]} |  |  |  |  |  |  |  | {r[8]} |", file=out); continue
                w, c = r[4]
                rel = (f"{w / b[0]:.2f}" if b and b[0] else "-", f"{c / b[1]:.2f}" if b and b[1] else "-")
                print("| " + " | ".join(r[:4] + [rel[0], rel[1]] + r[5:]) + " |", file=out)
    print("\n#### Memory\n\n| DUT | idle RSS MiB (3 peers) | S1 RSS MiB | bytes/route (S1) | S2b RSS MiB | bytes/path (S2b, 4M paths) | S3 RSS MiB (101 peers, 100k) | S4 RSS MiB (500 peers, 10k) |\n|---|---|---|---|---|---|---|---|", file=out)
    for d in order:
        def g(sc):
            return [(p["rss_kb"], r["idle_rss_kb"], r["result"]) for r in recs if r["dut"] == d and r["scenario"] == sc for p in r.get("result", {}).get("phases", []) if p["phase"] == "load" and p["ok"]]
        def m(v): return statistics.median(v) if v else None
        s1, s2, s3, s4 = g("S1"), g("S2b"), g("S3"), g("S4")
        f = lambda v, k="{:.0f}": k.format(v) if v is not None else "-"
        idle = m([x[1] / 1024 for x in s1])
        print(f"| {d} | {f(idle, '{:.1f}')} | {f(m([x[0] / 1024 for x in s1]))} | {f(m([(x[0] - x[1]) * 1024 / 1e6 for x in s1]))} | {f(m([x[0] / 1024 for x in s2]))} | {f(m([(x[0] - x[1]) * 1024 / 4e6 for x in s2]))} | {f(m([x[0] / 1024 for x in s3]))} | {f(m([x[0] / 1024 for x in s4]))} |", file=out)
    print("\nVersions: " + "; ".join(f"{d}: {next(r['version'] for r in recs if r['dut'] == d)}" for d in order), file=out)


# --------------------------------------------------------------------------
# Isolation: pairs of runs, one undisturbed and one with a peer or a client that never reads, or with all routes going
# into a kernel table, in alternating order.
# --------------------------------------------------------------------------
def isolate(dut, scname, sc, args, kind, k):
    sc = dict(sc, stall=1, phases="load,withdraw,announce", quiet=60)
    order = (None, kind) if k % 2 == 0 else (kind, None)
    for disturb in order:
        rec = run_one(dut, scname, sc, args, disturb)
        rec.update(pair=kind, disturb=disturb, run=k, peer_threads=dut.peer_threads)
        yield rec


def peers_cpu(rec, phase, when="threads_converged"):
    """CPU of the threads that serve peers, from the begin of the phase until all peers have converged"""
    return sum(v for name, v in phase[when].items() if name.startswith(tuple(rec["peer_threads"])))


def isolation_report(recs, out=sys.stdout, max_other=4):
    good = [r for r in recs if "pair" in r and all(p["ok"] for p in r.get("result", {}).get("phases", [{"ok": False}]))]
    bad = sum("pair" in r for r in recs) - len(good)
    print("\n#### Isolation: disturbed beside undisturbed, median [least–greatest] of the pairs\n\n"
          "| DUT | scenario | disturbed by | phase | pairs | wall s | ratio | CPU s of the peers' threads until converged | ratio | CPU s of the process until quiet | ratio |\n" + "|---" * 11 + "|", file=out)
    for key in sorted({(r["dut"], r["scenario"], r["pair"]) for r in good}):
        mine = [r for r in good if (r["dut"], r["scenario"], r["pair"]) == key]
        runs = {}
        for r in mine: runs.setdefault((r["when_begun"], r["run"]), {})[r["disturb"]] = r
        pairs = [(p[None], p[key[2]]) for p in runs.values() if len(p) == 2]
        dropped = sum(max(r["other_cpu_s"] for r in p) > max_other for p in pairs)
        pairs = [p for p in pairs if max(r["other_cpu_s"] for r in p) <= max_other]
        if dropped: print(f"({' '.join(key)}: {dropped} pairs left out, disturbed by other work)\n", file=sys.stderr)
        if not pairs: continue
        for i, first in enumerate(pairs[0][0]["result"]["phases"]):
            if first["phase"] == "sessions": continue
            cells = []
            for figure in (lambda r, p: p["wall"], peers_cpu, lambda r, p: sum(p["threads_quiet"].values())):
                a, b = ([figure(r, r["result"]["phases"][i]) for r in side] for side in zip(*pairs))
                cells += [f"{statistics.median(a):.3f} → {statistics.median(b):.3f}", med([y / x for x, y in zip(a, b)])]
            print(f"| {key[0]} | {key[1]} | {key[2]} | {first['phase']} | {len(pairs)} | " + " | ".join(cells) + " |", file=out)
    if bad: print(f"\n{bad} runs did not finish", file=out)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--duts", default="bird2")
    ap.add_argument("--scenarios", default="qS1,qS2,qS3,qS4,qS5")
    ap.add_argument("--runs", type=int, default=1)
    ap.add_argument("--timeout", type=float, default=180)
    ap.add_argument("--phases", help="override the scenario's phase list")
    ap.add_argument("--out", help="append one JSON record per run")
    ap.add_argument("--perf", action="store_true", help="perf record the DUT and print the hottest symbols")
    ap.add_argument("--strace", action="store_true", help="count the DUT's system calls by name; times mean nothing then")
    ap.add_argument("--keep", action="store_true", help="keep the DUT's work directory")
    ap.add_argument("--plugin", action="append", default=[], help="python file that adds to DUTS / SCENARIOS")
    ap.add_argument("--max-other", type=float, default=12, help="report: drop runs during which other work used more CPU-seconds than this")
    ap.add_argument("--disturb", help="peer, control, kernel: measure pairs of undisturbed and disturbed runs")
    ap.add_argument("--report", help="print markdown tables from a results file and exit")
    a = ap.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))      # so that namespaces and daemons are cleaned up
    for p in a.plugin:
        exec(compile(open(p).read(), p, "exec"), globals())
    if a.report:
        recs = [json.loads(l) for l in open(a.report) if l.strip()]
        if any("pair" in r for r in recs): return isolation_report(recs)
        return report(a.report, max_other=a.max_other)
    tmp = None
    if not os.environ.get("BGPLOAD"):
        tmp = tempfile.mkdtemp(prefix="bgpload.")
        sh(os.environ.get("CC", "cc"), "-O2", "-o", f"{tmp}/bgpload", f"{HERE}/bgpload.c")
        os.environ["BGPLOAD"] = f"{tmp}/bgpload"
    if a.disturb:
        try:
            recs, begun = [], time.time()
            for k in range(a.runs):
                for sc in a.scenarios.split(","):
                    for dn in a.duts.split(","):
                        for kind in a.disturb.split(","):
                            if not DUTS[dn].available() or kind not in DUTS[dn].disturbances:
                                print(dn, kind, "not available"); continue
                            for rec in isolate(DUTS[dn], sc, SCENARIOS[sc], a, kind, k):
                                rec["when_begun"] = begun
                                recs.append(rec)
                                print(f"[{time.strftime('%H:%M:%S')}] {dn} {sc} #{k} {rec['disturb'] or 'undisturbed'}: {brief(rec)}", flush=True)
                                if a.out: open(a.out, "a").write(json.dumps(rec) + "\n")
            return isolation_report(recs)
        finally:
            if tmp: shutil.rmtree(tmp, ignore_errors=True)
    try:
        for k in range(a.runs):                     # interleave DUTs so that noise spreads evenly
            for sc in a.scenarios.split(","):
                for dn in a.duts.split(","):
                    d = DUTS[dn]
                    if not d.available():
                        print(dn, "not available"); continue
                    if sc in d.skip: continue
                    rec = run_one(d, sc, SCENARIOS[sc], a)
                    rec["run"] = k
                    print(f"[{time.strftime('%H:%M:%S')}] {dn} {sc} #{k}: {brief(rec)}", flush=True)
                    if a.out:
                        open(a.out, "a").write(json.dumps(rec) + "\n")
    finally:
        if tmp: shutil.rmtree(tmp, ignore_errors=True)


if __name__ == "__main__":
    main()
